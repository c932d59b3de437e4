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
# Before a network sees a single pixel, we look at what we have: how many patients, how many slices, how bright, how
# many of them broken. Most results that were too good to be true went wrong here, not in the network.
#
# **You will learn**
#
# - to count a medical data set by *patient*, not by picture, and how much better a score looks when a patient is on
#   both sides;
# - to scale MR intensities without cutting bright tissue away;
# - to read what a scan file really holds: its shape, its orientation, its scaling.
#
# **You need** Python, and an idea of what an array is.
# **Time to learn:** 60 minutes. **Time to run:** about 15 seconds on 2 CPU cores (profile quick).
#
# | symbol | meaning |
# | --- | --- |
# | $v$ | a slice as stored: an array of shape (H, W), in the scanner's units |
# | $x$ | the same slice scaled: values in [0, 1] |
# | $p_q$ | the $q$-th percentile of a scan's intensities: $q$ in 100 voxels lie below it |
# | $y$ | a slice's place along its scan, from 0 to 1; in axial slices the height in the body |

# %% tags=["parameters"]
from typing import Optional

profile: str = "quick"  # smoke (seconds), quick (two CPU cores) or full (a GPU)
run_name: str = "tutorial"  # results go to runs/<run_name>/
data_source: Optional[str] = None  # phantom (default), hipmri or nifti
data_dir: Optional[str] = None  # where the scans lie; not needed for the phantom
include: Optional[str] = None  # only files like these globs, with commas between
exclude: Optional[str] = None  # no files like these globs
patient_pattern: Optional[str] = None  # a regular expression for the patient in a file's path
other_shapes: Optional[str] = None  # drop (default) or crop slices of an unusual shape
slice_axis: Optional[int] = None  # volumes are cut across this axis; left out: as acquired
image_height: Optional[int] = None  # pixels along a slice's first axis
image_width: Optional[int] = None  # pixels along its second
patients_train: Optional[int] = None  # the phantom's patients
patients_validate: Optional[int] = None
patients_test: Optional[int] = None
weeks: Optional[int] = None  # scans of each phantom patient
slice_step: Optional[int] = None  # the phantom writes every n-th slice
data_seed: Optional[int] = None
folds: Optional[int] = None  # parts that the patients are dealt into, each tested once
fold: Optional[int] = None  # which of them is the test, from 0
test_patients: Optional[str] = None  # or who is the test, by name, with commas between

# %% tags=[]
import nibabel
import numpy as np
import pandas as pd
from pathlib import Path

from vqgen_utils import plots
from vqgen_utils.data import load_slices, read_volume
from vqgen_utils.data import split as splits
from vqgen_utils.evaluation import metrics
from vqgen_utils.plots import show
from vqgen_utils.runs import Run
from vqgen_utils.teaching import predict
from vqgen_utils.teaching.demos import leakage
from vqgen_utils.teaching.exercises import data as exercises
from vqgen_utils.teaching.widgets import slice_browser

run = Run(run_name)
settings = run.configure(
    profile, "data", data_source=data_source, data_dir=data_dir, include=include, exclude=exclude,
    patient_pattern=patient_pattern, other_shapes=other_shapes,
    slice_axis=slice_axis, image_height=image_height, image_width=image_width,
    patients_train=patients_train, patients_validate=patients_validate,
    patients_test=patients_test, weeks=weeks, slice_step=slice_step, data_seed=data_seed,
    folds=folds, fold=fold, test_patients=test_patients,
)  # fmt: skip

# %% [markdown] tags=[]
# ## One call, one table
#
# `load_slices` finds the scans, reads each once and packs them into an array on disk. The second
# time it only opens that array, which takes milliseconds.
#
# The default data are a **digital phantom**: a pelvis computed from anatomy, patient by patient,
# written as NIfTI files in the layout of the real study (Dowling & Greer 2021) and read back like any scan. Nobody's
# medical data are needed to learn here. Set `data_source` and `data_dir` above for real scans.

# %% tags=[]
slices = load_slices(settings.data)
print(slices)
for note in slices.notes:
    print("note:", note)

# %% [markdown] tags=[]
# Each slice has a row in the index. `height` is $y$, counted over all slices that its volume
# has, also those that the phantom leaves out. `low` and `high` are the stored intensities that
# became 0 and 1.

# %% tags=[]
index = slices.index  # row i describes slices.images[i]
index[["patient", "week", "slice", "height", "split", "rows", "columns", "low", "high"]].head()

# %% [markdown] tags=[]
# ## Count patients, not pictures
#
# A patient comes back in another week, and two slices that lie side by side in one body are nearly
# the same picture. Counting pictures therefore counts the same evidence many times.
#
# **Predict:** you know how many slices there are. On how many *people* does a test score rest?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict(
    "People behind a test score", ["fewer than ten", "ten to thirty", "more than thirty"]
)

# %% tags=[]
scans = index.drop_duplicates(["split", "patient", "week"])
per_split = pd.DataFrame(
    {
        "patients": index.groupby("split")["patient"].nunique(),
        "volumes": scans.groupby("split").size(),
        "slices": index.groupby("split").size(),
    }
)
people = index[index["split"] == "test"]["patient"].nunique()
guess.compare_number(people, [10, 31])
per_split.reindex(splits.SPLITS, fill_value=0)

# %% [markdown] tags=[]
# A test on few people is a rough test, however many slices they bring. And it is no test at all if
# the network has met them before. Nothing in a folder of slices forbids that, so we look:

# %% tags=["nbval-check-output"]
shared = splits.shared_patients(index)
for (one, other), patients in shared.items():
    print(f"patients in both {one} and {other}: {len(patients)}")
apart = slices.patients_disjoint
print("patients disjoint:", "unknown, the names do not say" if apart is None else apart)

# %% [markdown] tags=[]
# The networks learn from `train`, the learning curves are watched on `validate`, and every score in
# this series is measured on `test`.

# %% tags=[]
per_patient = index.groupby(["patient", "split"]).size().unstack(fill_value=0)
each, in_two = per_patient.sum(axis=1), int(((per_patient > 0).sum(axis=1) > 1).sum())
show(
    plots.data.bar_counts(
        per_patient.reindex(columns=splits.SPLITS, fill_value=0), "patient", "slices"
    ),
    f"{len(each)} patients have {each.min()} to {each.max()} slices each; in more than one split: {in_two}.",
)

# %% [markdown] tags=[]
# *Slices of each patient, coloured and hatched by split.*
#
# A bar has two colours only where all slices are of one patient; several are never divided. Where a bar is short or
# missing, the patient lost a scan; the next section says why.

# %% [markdown] tags=[]
# ## What was left out, and why
#
# Real folders hold surprises. The study has one scan of another width, and the phantom copies that. Whatever is not
# used is listed with its reason: where files vanish silently, the counts in a paper are wrong.

# %% tags=[]
dropped = pd.DataFrame(slices.dropped, columns=["file", "reason"])
print(f"{len(dropped)} files or slices were dropped")
print("shapes in use:", index.groupby(["rows", "columns"]).size().to_dict())
by_reason = dropped.groupby("reason").agg(files=("file", "size"), first=("file", "first"))
by_reason if len(by_reason) else None

# %% [markdown] tags=[]
# ## Intensities: scaled, not clipped
#
# MR has no fixed unit, unlike CT. The same tissue may be 300 in one scan and 900 in the next, depending on coil and
# gain (Nyúl & Udupa 1999). So each volume gets a scale of its own:
#
# $$x = \mathrm{clip}\left(\frac{v - p_{0.5}}{p_{99.9} - p_{0.5}},\ 0,\ 1\right)$$
#
# We take percentiles, not minimum and maximum, because one very bright voxel must not darken a whole scan. (A fill
# value around the picture is set aside first, and fat that a coil makes far brighter than the rest is cut; where
# scans needed that, the notes above say so.)
#
# **Predict:** below, the same scans before and after. Which features of the curves move, and
# which stay?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("The curves, once scaled", ["move and keep their shape", "change their shape"])

# %% tags=[]
known = index[index["split"] == "train"]
known_scans = known.drop_duplicates(["patient", "week"])
before, after = {}, {}
for place in np.unique(np.linspace(0, len(known_scans) - 1, 3).astype(int)):
    scan = known_scans.iloc[place]
    rows = known[(known["patient"] == scan["patient"]) & (known["week"] == scan["week"])]
    name = f"patient {scan['patient']}, week {scan['week']}"
    files = [read_volume(slices.folder / file, frame=0)[0] for file in rows["file"].unique()]
    before[name] = np.concatenate([voxels[np.isfinite(voxels)] for voxels in files])
    after[name] = slices.images[rows.index].astype(np.float32).ravel()
ends = [[voxels.max() for voxels in some.values()] for some in (before, after)]
show(
    plots.data.intensity_histograms(before, after),
    f"Histograms of {len(before)} volumes: as stored, they end between {min(ends[0]):g} and "
    f"{max(ends[0]):g}; scaled, between {min(ends[1]):.2f} and {max(ends[1]):.2f}.",
)
guess.compare("move and keep their shape")

# %% [markdown] tags=[]
# *Up to three volumes as stored (left) and scaled (right), with the share of voxels on a logarithmic axis.*
#
# In the phantom you see, from the left, air, the peak of muscle, a long shoulder that ends with fat, and the urine in
# the bladder. Scaled, they fall nearly on each other. Yet this is a simple rule and no calibration: in a scan without
# a bladder, fat would become 1. It does not remove the slow shading of the coil across a slice either; that is a step
# of its own, which this series leaves out (Tustison et al. 2010).

# %% tags=[]
clipped = scans["clipped"]
print(f"voxels above 1 and cut there: {clipped.mean():.3%} on average, {clipped.max():.3%} at most")

# %% [markdown] tags=[]
# ## What 8 bits would have cost
#
# That share is what a robust scale costs. A common shortcut costs more: it puts the stored values into 8 bits, and
# every value above 255 becomes 255.
#
# **Predict:** look at the left histogram again. What will be left of a slice?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Of this body, clipping cuts", ["nothing", "less than half", "more than half"])

# %% tags=[]
limit = 255  # the largest number in 8 bits; try others
one = known.loc[(known["height"] - 0.5).abs().idxmin()]
v = slices.voxels(one)
x = np.clip((v - one["low"]) / (one["high"] - one["low"]), 0, 1)  # (H, W)
body = metrics.body_mask(x)  # (H, W) bool
print(f"of this body, clipping at {limit} cuts  {(v[body] > limit).mean():.1%}")
print(f"of this body, our scaling cuts      {(v[body] > one['high']).mean():.1%}")
place = (limit - known["low"]) / (known["high"] - known["low"])  # of `limit`, on the scaled axis
print(f"in the training scans, {limit} would lie at x = {place.min():.2f} to {place.max():.2f},")
print(f"in half of them below {place.median():.2f}")
versions = {"as stored": v, f"clipped at {limit}": np.clip(v, 0, limit), "by percentiles": x}
show(
    plots.data.slices_and_histograms(versions, body),
    f"A slice as stored, clipped at {limit}, which cuts {(v[body] > limit).mean():.1%} of its body, and "
    f"scaled by percentiles, which cuts {(v[body] > one['high']).mean():.1%}; below each its histogram.",
)
guess.compare_number((v[body] > limit).mean(), [1e-3, 0.5])

# %% [markdown] tags=[]
# *One slice as stored, clipped and scaled by percentiles, above the histograms of its body.*
#
# Where the first share above is large, the clipped slice keeps little but an outline, and its histogram one spike:
# muscle and fat have become the same number, and no network can tell them apart again. Where it is 0 %, the data
# fitted into 8 bits before. How much is lost depends on each scan's gain (the last lines; above 1, nothing). In a
# darker scan the muscle survives and only the fat is cut, so clipping also makes scans differ that were alike. Our
# scale loses something too: in the phantom it is the brightest part of the bladder, which becomes flat.

# %% [markdown] tags=[]
# ## Through the body
#
# Every figure here draws an array's first axis to the right and the second upwards. Volumes were turned
# before, so that you see slices as radiologists do. An axial slice is an array from the patient's right to the
# left, and from back to front: the patient lies on the back, and the patient's right is on your left.

# %% tags=[]
print("slices of", slices.plane or "unknown", "plane;", {
    "axial": "the front is at the top, and place 0 is the lowest slice",
    "coronal": "the head is at the top, and place 0 is the slice farthest to the back",
    "sagittal": "the head is at the top, the front on your left, and place 0 is farthest to the right",
    None: "they are shown as they are stored, and place 0 is the one with the lowest number",
}[slices.plane])  # fmt: skip
nearest = [(known["height"] - place).abs().idxmin() for place in np.linspace(0, 1, 12)]
sheet = known.loc[pd.unique(np.array(nearest))]  # twelve, or all there are
show(
    plots.slices.sheet(
        slices.images[sheet.index],
        [f"place {row.height:.2f},\npatient {row.patient}" for row in sheet.itertuples()],
    ),
    f"{len(sheet)} training slices of {sheet['patient'].nunique()} patients, from place "
    f"{sheet['height'].min():.2f} to place {sheet['height'].max():.2f} of the scan.",
)

# %% [markdown] tags=[]
# *Training slices from one end of the scan to the other, with the patient's number.*
#
# In axial slices of the pelvis these are the thighs, then the hips with the round femoral heads on both sides of the
# bright bladder, then the iliac wings. The prior in notebook 04 is told the place, and draws
# accordingly.

# %% [markdown] tags=[]
# ## Labels
#
# The study's slices come with tissue labels. The VQ-VAE never sees them. Notebook 03 uses them to
# ask what its codes mean.

# %% tags=[]
print(f"slices with labels: {(index['label_file'] != '').sum()} of {len(index)}")
labelled = known[known["label_file"] != ""].sort_values("height").index
if len(labelled):
    some = labelled[np.unique((np.linspace(0.2, 0.75, 4) * (len(labelled) - 1)).astype(int))]
    inside = (slices.labels[some] > 0).sum((1, 2)).clip(1)  # (n,) pixels of the body
    marked = (slices.labels[some] > 1).sum((1, 2)) / inside
    show(
        plots.data.label_overlay(slices.images[some], slices.labels[some]),
        f"{len(some)} slices, and below them the same with bone and organs marked: they are "
        f"{marked.min():.0%} to {marked.max():.0%} of each body.",
    )

# %% [markdown] tags=[]
# *A few slices (top), and the same with their tissues coloured and numbered (bottom), where there are labels.*
#
# The white line is the skin. Whatever lies inside it without a colour is labelled "body": fat and muscle
# alike, so the labels know less about these than your eyes do.
#
# Look through the slices yourself: choose a patient, move `place` with the arrow keys, and switch the labels off and
# on. Can you tell where the prostate ends without them? (The controls need a running kernel.)

# %% tags=["nbval-ignore-output", "widget"]
slice_browser(slices)

# %% [markdown] tags=[]
# ## The same patient, another week
#
# **Predict:** what changes within a person from week to week, and what does not?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict(
    "From week to week change", ["bones and build", "soft organs and posture", "neither"]
)

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
    two = zip(*rows.values(), strict=False)
    apart = np.mean([np.abs(one.astype(float) - other).mean() for one, other in two])
    show(
        plots.slices.rows(rows, [f"slice {number}" for number in sorted(chosen)]),
        f"The same slices of one patient in two weeks: brightness differs by {apart:.3f} on average.",
    )
    guess.compare("soft organs and posture")

# %% [markdown] tags=[]
# *The same slices of one patient in two weeks.*
#
# In the pelvis, bladder, rectum, the patient's posture and the shading of the coil change; bones, muscles and build
# stay. A network that has learned from the first row and is tested on the second is tested on its memory.

# %% [markdown] tags=[]
# ## What a leak is worth
#
# By how much would such a test be too good? We score a **copycat**, a program that learns nothing: it stores slices,
# and answers each test slice with the nearest one it has stored, pixel by pixel. The answer's score is SSIM, a
# measure of similarity (Wang et al. 2004); 1 means identical, and notebook 02 explains it. The copycat is asked about
# the same test slices twice. First it has stored the training *patients*. Then it has stored about as many *slices*,
# **dealt out** at random from training and test, without asking whose they are; only the slices held out in the same
# random draw are hidden from it.
#
# **Predict:** will the second score be better, and how often will its answer be the same patient?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("The copycat's score, slices dealt out", ["better", "not better"])

# %% tags=[]
asked = np.flatnonzero(index["split"] == "test")  # (n,), positions of the questions
step = max(1, slices.images.shape[1] // 64)  # 64 rows of pixels are enough to find the nearest
small = slices.images[:, ::step, ::step]  # (N, H / step, W / step)
patients = index["patient"].to_numpy()  # (N,)
score, answer = {}, {}
no_ssim = metrics.why_no_ssim(slices.images.shape[1:])  # why there is none; "" where there is
if no_ssim or len(set(patients)) < 2:
    print(
        "no scores, since", no_ssim or "these data are of one patient, and no split divides people"
    )
else:
    stored = {  # (n, N) bool: what it may remember when asked
        "by patient": leakage.hold_out_patients(index),
        "dealt out": leakage.deal_slices(index, seed=0),
    }
    for split, allowed in stored.items():
        answer[split] = leakage.recall(small, asked, allowed)  # (n,)
        score[split], inside = metrics.ssim(slices.images[asked], slices.images[answer[split]])
        same = (patients[answer[split]] == patients[asked]).mean()
        print(f"{split}: SSIM {score[split].mean():.3f}, body only {np.nanmean(inside):.3f};",
              f"{same:.0%} of the answers are the same patient")  # fmt: skip
if score:
    better = score["dealt out"].mean() > score["by patient"].mean()
    guess.compare("better" if better else "not better")

# %% tags=[]
if score:
    gain = score["dealt out"] - score["by patient"]  # (n,)
    most = gain.argsort()[::-1][:5]
    rows = {"asked": list(slices.images[asked[most]])}
    titles = [f"patient {patient}" for patient in patients[asked[most]]]
    for split, found in answer.items():
        rows[split] = list(slices.images[found[most]])
        titles += [f"patient {patients[found[n]]}, SSIM {score[split][n]:.2f}" for n in most]
    show(
        plots.slices.rows(rows, titles),
        "Test slices, five at most, and the copycat's answers: mean SSIM "
        + ", ".join(f"{score[split][most].mean():.2f} {split}" for split in answer),
    )

# %% [markdown] tags=[]
# *The test slices that gain most when slices are dealt out, and the copycat's answers.*
#
# These are the extreme cases; the means stand above. Nothing was learned either time. What the second score gained
# comes from having met the patient, and any network that can memorise may gain it too: the score cannot tell skill
# from memory. Data with denser slices or more weeks have more to copy. In published studies such leaks are common
# (Kapoor & Narayanan 2023), also by slices of MR scans (Yagis et al. 2021). Keep the honest score: a network should
# do better than a copycat.

# %% [markdown] tags=[]
# ## A real scanner file through the same reader
#
# NiBabel ships a small real scan with its own tests. It is four-dimensional (two volumes in one file), and our reader
# does not guess which one is meant:

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
    plots.slices.sheet(planes, [f"slice {k}" for k in (4, 9, 14, 19)], columns=4),
    f"Four axial slices of a real head, {volume.shape[0]} × {volume.shape[1]} pixels, forehead at the top.",
)

# %% [markdown] tags=[]
# *Four slices of a real head, read by the function that reads the phantom.*
#
# The reader turned the file's axes to the standard order, so the forehead is at the top here too. It
# could, because the file says how the patient lay; a 2D export that does not say is taken as it is.

# %% [markdown] tags=[]
# ## Exercises
#
# Replace the three dots, run the cell, then run its check: it says in words what is still missing.
# Once you have tried, look into [the solutions](solutions/01_data_exploration.ipynb).

# %% [markdown] tags=[]
# ### Exercise 1 · One number
#
# Our scale cuts one voxel in a thousand at the bright end. Which percentile would have to become 1 so that one in
# *fifty* is cut? Guess also which tissue would lose most: the check tells.

# %% tags=["exercise"]
top = ...  # a number for np.percentile

# %% tags=["check"]
exercises.check_percentile(top)

# %% [markdown] tags=[]
# ### Exercise 2 · Slices in order
#
# The files of the study number their slices without leading zeros: `..._slice_2.nii.gz`,
# `..._slice_10.nii.gz`. Python's `sorted` puts them in the wrong order. Write a function that puts the
# names of one scan's slices in the order of the body, lowest number first.


# %% tags=["exercise"]
def in_order(names: list[str]) -> list[str]:
    """Names such as "case_004_week_0_slice_10.nii.gz" -> the same names, slice 2 before slice 10."""
    return ...


# %% tags=["check"]
exercises.check_in_order(in_order)

# %% [markdown] tags=[]
# ### Exercise 3 · Find the leak
#
# A colleague sends the list of scans below with the note "split by patient". Is it true? List every patient who is in
# more than one split. Compute it from the table.

# %% tags=["exercise"]
listed = exercises.suspicious_split()  # a row a scan: patient, week, split, slices
leaking = ...  # a list of patients, such as ["001", "002"]
listed.head()

# %% tags=["check"]
exercises.check_leak(leaking)

# %% [markdown] tags=[]
# ### Exercise 4 · A robust scale
#
# Write the scale of this notebook for one volume $v$ of any shape and type: percentile 0.5 becomes 0,
# percentile 99.9 becomes 1, what lies outside is clipped, and the result is `float32`. A constant volume,
# such as an empty scan, becomes zeros.


# %% tags=["exercise"]
def scale(v: np.ndarray) -> np.ndarray:
    """Stored intensities, any shape and type -> float32 of the same shape in [0, 1]."""
    return ...


# %% tags=["check"]
exercises.check_scale(scale)

# %% [markdown] tags=[]
# ### Exercise 5 · A split by patient
#
# You get the patient of each slice, (N,), and a seed. Say for each slice whether it is held out, (N,):
# exactly a fifth of the *patients*, drawn at random, each with all of their slices. The same seed must
# hold out the same patients, also when the slices come in another order.


# %% tags=["exercise"]
def hold_out(patients: np.ndarray, seed: int) -> np.ndarray:
    """The patient of each slice (N,) -> (N,) bool, True for the slices of the held-out patients."""
    return ...


# %% tags=["check"]
exercises.check_hold_out(hold_out)

# %% [markdown] tags=[]
# ### Experiment · Fewer weeks
#
# With this profile every patient of the phantom is scanned in two weeks. Scan each of them once only:
#
# `vqgen run --profile quick --run-name once --to 01 --set weeks=1`
#
# Predict first. Then run it in a terminal (in JupyterLab: File, New, Terminal). It runs notebook 01 once more, takes
# no longer than it did, and leaves it in `runs/once/notebooks/`: open it there.

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("The copycat's gain from dealing out slices will", ["shrink", "stay", "grow"])

# %% [markdown] tags=[]
# Compare the copycat's two scores with those above. How often is its answer the same patient, where there is no other
# week? Write two sentences: what you saw, and why.

# %% [markdown] tags=[]
# ### Quiz
#
# Five questions on the whole notebook. Click on the answer that you would give: it opens, and says what is right
# about it and what is not. Read the others too.

# %% tags=["quiz"]
from vqgen_utils.teaching import quiz

quiz("01")

# %% [markdown] tags=[]
# ## Summary
#
# - The unit of medical data is the patient. We printed whether ours are in one split only.
# - A split by slices rewards memory; the copycat showed how much.
# - Each volume is scaled by its own percentiles; what was cut is known, and what 8 bits would have cut.
# - Whatever was dropped is listed.
#
# **What's next:** `02_vqvae_training` learns to write each of these slices as a small grid of codes.

# %% tags=[]
counts = index["split"].value_counts()
run.add_metrics(
    "data",
    {
        "source": settings.data.data_source,
        "slices_train": int(counts.get("train", 0)),
        "slices_validate": int(counts.get("validate", 0)),
        "slices_test": int(counts.get("test", 0)),
        "layout": slices.layout,
        "patients_disjoint": slices.patients_disjoint,  # None: the names do not say
        "dropped": slices.dropped,
    },
)

# %% [markdown] tags=[]
# ## References
#
# - Dowling & Greer 2021: Labelled weekly MR images of the male pelvis. CSIRO Data Collection. [doi:10.25919/45t8-p065](https://doi.org/10.25919/45t8-p065)
# - Nyúl & Udupa 1999: On Standardizing the MR Image Intensity Scale. Magnetic Resonance in Medicine 42(6)
# - Tustison et al. 2010: N4ITK: Improved N3 Bias Correction. IEEE Transactions on Medical Imaging 29(6)
# - Yagis et al. 2021: Effect of data leakage in brain MRI classification using 2D convolutional neural networks. Scientific Reports 11
# - Kapoor & Narayanan 2023: Leakage and the reproducibility crisis in machine-learning-based science. Patterns 4(9)
# - Wang et al. 2004: Image Quality Assessment: From Error Visibility to Structural Similarity. IEEE Transactions on Image Processing 13(4)
