# ---
# jupyter:
#   jupytext:
#     cell_metadata_filter: tags,jupyter,-all
#     formats: ipynb,py//py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=[]
# # 01 · What is in the folder
#
# Before a network sees a single pixel, we look at what we have: how many patients, how many
# slices, how bright, how many of them broken. Most results that turn out too good to be true were
# lost here, not in the network.
#
# **You will learn**
#
# - to count a medical data set by *patient*, not by picture, and why the split must do the same;
# - to scale MR intensities without cutting bright tissue away;
# - to read what a scan file really holds: its shape, its orientation, its scaling.
#
# **You need** Python, and an idea of what an array is. **Time to learn:** 20 minutes.
#
# | symbol | meaning |
# | --- | --- |
# | $x$ | a slice: an array of shape (H, W), values in [0, 1] |

# %% tags=["parameters"]
from typing import Optional

profile: str = "quick"  # smoke (seconds), quick (two CPU cores) or full (a GPU)
run_name: str = "tutorial"  # results go to runs/<run_name>/
data_source: Optional[str] = None  # phantom (default), hipmri or nifti
data_dir: Optional[str] = None  # where the scans lie; not needed for the phantom
other_shapes: Optional[str] = None  # drop (default) or crop slices of an unusual shape
slice_axis: Optional[int] = None  # 3D volumes are cut across this axis; 2 is axial
image_height: Optional[int] = None  # pixels, right to left
image_width: Optional[int] = None  # pixels, back to front
patients_train: Optional[int] = None  # the phantom's patients
patients_validate: Optional[int] = None
patients_test: Optional[int] = None
weeks: Optional[int] = None  # scans of each phantom patient
slice_step: Optional[int] = None  # the phantom writes every n-th slice
data_seed: Optional[int] = None

# %% tags=[]
import nibabel
import numpy as np
import pandas as pd
from pathlib import Path

from vqgen_utils import plots
from vqgen_utils.data import load_slices
from vqgen_utils.folder import overlap
from vqgen_utils.nifti import read_volume
from vqgen_utils.plots import show
from vqgen_utils.run import Run

run = Run(run_name)
settings = run.configure(
    profile, "data", data_source=data_source, data_dir=data_dir, other_shapes=other_shapes,
    slice_axis=slice_axis, image_height=image_height, image_width=image_width,
    patients_train=patients_train, patients_validate=patients_validate,
    patients_test=patients_test, weeks=weeks, slice_step=slice_step, data_seed=data_seed,
)  # fmt: skip

# %% [markdown] tags=[]
# ## One call, one table
#
# `load_slices` finds the scans, reads each once and packs them into an array on disk. The second
# time it only opens that array, which takes milliseconds.
#
# The default data are a **digital phantom**: a pelvis computed from anatomy, patient by patient,
# written as NIfTI files in the layout of the real study and read back like any scan. Nobody's
# medical data are needed to learn here. Set `data_source` and `data_dir` above for real scans.

# %% tags=[]
slices = load_slices(settings.data)
print(slices)
for note in slices.notes:
    print("note:", note)

# %% [markdown] tags=[]
# Each slice has a row in the index. `height` says where in the body it lies: 0 at the lowest slice
# of its volume, 1 at the highest. `low` and `high` are the stored intensities that became 0 and 1.

# %% tags=[]
slices.index[
    ["patient", "week", "slice", "height", "split", "rows", "columns", "low", "high"]
].head()

# %% [markdown] tags=[]
# ## Count patients, not pictures
#
# **Predict:** a patient comes back in another week, and two slices that lie side by side in one
# body are nearly the same picture. If we dealt out *slices* at random to training and test, how
# independent would the test be?

# %% tags=[]
index = slices.index
per_split = index.groupby("split").agg(
    patients=("patient", "nunique"),
    volumes=("week", lambda week: index.loc[week.index, ["patient", "week"]].drop_duplicates().shape[0]),
    slices=("slice", "size"),
)  # fmt: skip
per_split

# %% tags=["nbval-check-output"]
shared = overlap(index)
for (one, other), patients in shared.items():
    print(f"patients in both {one} and {other}: {len(patients)}")
print("patients disjoint:", slices.patients_disjoint)

# %% [markdown] tags=[]
# Every patient is in one split only. The networks learn from `train`, the learning curves are
# watched on `validate`, and every score in this series is measured on `test`: people the networks
# have never seen.

# %% tags=[]
per_patient = index.groupby(["patient", "split"]).size().unstack(fill_value=0)
show(
    plots.bar_counts(per_patient, "patient", "slices"),
    "Bar chart of the number of slices of each patient, by split.",
)

# %% [markdown] tags=[]
# *Slices of each patient. A patient's bar has one colour and one hatching only, since patients are
# never divided. The patient with fewer slices lost a scan to its shape, as we see next.*

# %% [markdown] tags=[]
# ## What was left out, and why
#
# Real folders hold surprises: the study has one scan of another width. Whatever is not used is
# listed with its reason. A file that vanishes silently is how a count in a paper goes wrong.

# %% tags=[]
dropped = pd.DataFrame(slices.dropped, columns=["file", "reason"])
print(f"{len(dropped)} files or slices were dropped")
print("shapes in use:", index.groupby(["rows", "columns"]).size().to_dict())
dropped.groupby("reason").agg(files=("file", "size"), first=("file", "first"))

# %% [markdown] tags=[]
# ## Intensities: scaled, not clipped
#
# MR has no fixed unit. The same tissue may be 300 in one scan and 900 in the next, so each volume
# gets a scale of its own: its 0.5th percentile becomes 0 and its 99.9th becomes 1. Percentiles
# rather than minimum and maximum, because one hot pixel must not darken a whole scan.
#
# **Predict:** the two histograms below show the same voxels. Which features move and which stay?

# %% tags=[]
volumes = index.drop_duplicates(["patient", "week"]).iloc[:: max(1, len(index) // 40)][:3]
folder = Path(slices.folder)
before, after = {}, {}
for row in volumes.itertuples():
    name = f"patient {row.patient}, week {row.week}"
    rows = index[(index["patient"] == row.patient) & (index["week"] == row.week)]
    files = rows["file"].unique()
    before[name] = np.concatenate([read_volume(folder / file)[0].ravel() for file in files])
    after[name] = slices.images[rows.index].ravel()
show(
    plots.intensity_histograms(before, after),
    "Histograms of three volumes: spread over different ranges as stored, aligned once scaled.",
)

# %% [markdown] tags=[]
# *Three volumes as stored (left) and scaled (right). As stored, each has its own range; scaled, the
# peaks of muscle and fat come to lie close together. The voxel axis is logarithmic.*

# %% tags=[]
clipped = index.drop_duplicates(["patient", "week"])["clipped"]
print(
    f"voxels brighter than 1 and cut there: {clipped.mean():.3%} on average, {clipped.max():.3%} at most"
)

# %% [markdown] tags=[]
# That share is the price of a robust scale, and now it is written down. Converting to 8 bits, a
# common shortcut, would cut everything above 255 instead: in the left histogram, that is nearly
# all of the body.

# %% [markdown] tags=[]
# ## Through the body
#
# The array's first axis runs from the patient's right to the left, the second from back to front.
# Every figure here is turned so that the patient lies on the back with the front at the top, as
# radiologists look at it: the patient's right is on your left.

# %% tags=[]
known = index[index["split"] == "train"]
body = known.loc[[(known["height"] - h).abs().idxmin() for h in np.linspace(0, 1, 12)]]
show(
    plots.slice_sheet(
        slices.images[body.index],
        [f"height {row.height:.2f}, patient {row.patient}" for row in body.itertuples()],
    ),
    "Twelve training slices from the lowest to the highest.",
)

# %% [markdown] tags=[]
# *Twelve heights from the lowest slice to the highest, with the patient's number. For the pelvis that is
# thighs, hips with their round femoral heads beside the bright bladder, then the wings of the pelvis.
# The prior in notebook 04 is told this height, and draws accordingly.*

# %% [markdown] tags=[]
# ## Labels
#
# The study's slices come with tissue labels. The VQ-VAE never sees them. Notebook 03 uses them to
# ask what its codes mean.

# %% tags=[]
if slices.labels is None:
    print("these data have no labels")
else:
    some = body.index[[2, 4, 6, 8]]
    show(
        plots.label_overlay(slices.images[some], slices.labels[some]),
        "Four slices, and below them the same slices with bone, bladder, rectum and prostate coloured.",
    )

# %% [markdown] tags=[]
# *Four slices (top) and their tissues (bottom), with the key on the right.*

# %% [markdown] tags=[]
# ## The same patient, another week
#
# **Predict:** what changes within a person from week to week, and what does not?

# %% tags=[]
patient = known["patient"].value_counts().index[0]
times = index[index["patient"] == patient].groupby("slice")["week"].nunique()
if times.max() < 2:
    print("each patient was scanned once")
else:
    chosen = times[times >= 2].index
    chosen = chosen[np.linspace(0, len(chosen) - 1, min(4, len(chosen))).astype(int)]
    pairs = index[(index["patient"] == patient) & index["slice"].isin(chosen)]
    rows = {f"week {week}": list(slices.images[part.sort_values("slice").index])
            for week, part in list(pairs.groupby("week"))[:2]}  # fmt: skip
    show(
        plots.slice_rows(rows, [f"slice {number}" for number in sorted(chosen)]),
        "The same slices of one patient in two weeks.",
    )

# %% [markdown] tags=[]
# *The same slices in two weeks. Bladder, rectum and the brightness of the coil change; bones,
# muscles and the outline stay. A network tested on the second row after learning from the first
# would be tested on its memory. This is why we split by patient.*

# %% [markdown] tags=[]
# ## A real scanner file through the same reader
#
# NiBabel ships a small real scan with its own tests. It is four-dimensional (two volumes in one
# file), and our reader refuses to guess which is meant:

# %% tags=[]
example = Path(nibabel.__file__).parent / "tests" / "data" / "example4d.nii.gz"
try:
    read_volume(example)
except ValueError as error:
    print(str(error).replace(str(example.parent), "..."))

# %% tags=["nbval-check-output"]
volume, voxel_size = read_volume(example, frame=0)
print("shape", volume.shape, "voxel size in mm", [round(float(mm), 2) for mm in voxel_size])
print("stored values from", float(volume.min()), "to", float(volume.max()))

# %% tags=[]
high = np.percentile(volume, 99.9)
planes = [volume[:, :, k] / high for k in (4, 9, 14, 19)]
show(
    plots.slice_sheet(planes, [f"slice {k}" for k in (4, 9, 14, 19)], columns=4),
    "Four axial slices of a real head scan.",
)

# %% [markdown] tags=[]
# *Four slices of a real head, read by the function that reads the phantom. The reader turned the
# file's axes to the standard order, so the face is at the top here too.*

# %% [markdown] tags=[]
# ## Summary
#
# - The unit of medical data is the patient. Ours are disjoint between the splits, and we printed it.
# - Each volume is scaled by its own percentiles; what was cut is known.
# - Whatever was dropped is listed.
#
# **What's next:** `02_vqvae_training` learns to write each of these slices with a handful of codes.

# %% tags=[]
counts = index["split"].value_counts()
run.add_metrics(
    "data",
    {
        "source": settings.data.data_source,
        "slices_train": int(counts.get("train", 0)),
        "slices_validate": int(counts.get("validate", 0)),
        "slices_test": int(counts.get("test", 0)),
        "patients_disjoint": bool(slices.patients_disjoint),
        "dropped": slices.dropped,
    },
)
