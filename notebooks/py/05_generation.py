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
# # 05 · New slices
#
# All parts are in place: a prior that guesses the next code, and a decoder that turns codes into a
# slice. We draw, look, compare, and try to catch the model cheating.
#
# **You will learn**
#
# - to draw from the prior at a chosen height and temperature;
# - to let it complete a half-given slice;
# - to check that samples are new and not memories, and why our sampler is fast.
#
# **You need** notebooks 02 and 04 to have run. **Time to learn:** 20 minutes.

# %% tags=["parameters"]
profile: str = "quick"  # as in notebook 02
run_name: str = "tutorial"  # the run to draw from
images: int = 32  # slices to generate for the speed and novelty checks
sampling_seed: int = 0  # image n is drawn with seed sampling_seed + n

# %% tags=[]
import time

import numpy as np
import torch

from vqgen_utils import plots
from vqgen_utils.errors import InputError
from vqgen_utils.pixelcnn import height_features
from vqgen_utils.plots import show, show_animation
from vqgen_utils.run import Run
from vqgen_utils.sampling import (
    full_grid_step,
    full_logits,
    incremental_logits,
    one_thread,
    sample,
)

if images < 1:
    raise InputError(f"parameter 'images' is {images}: give 1 or more.")
run = Run(run_name)
settings = run.settings(profile)
vqvae, prior, all_codes = run.load_vqvae(), run.load_prior(), run.load_codes()
slices = run.load_slices(settings)
test, train = slices.subset("test"), slices.subset("train")
grid = prior.grid


def condition(*heights: float) -> torch.Tensor:
    """What the prior is told: (n,) heights in [0, 1] -> (n, 16)."""
    return height_features(torch.tensor(heights, dtype=torch.float32))


# %% [markdown] tags=[]
# ## Drawing at a height
#
# Sampling is the prior's guess, turned into a choice, position by position: draw a code from the
# distribution, write it down, go on. The height we ask for enters as a condition.
#
# **Predict:** we ask for five heights with three different seeds. What will differ along a row, and
# what down a column?

# %% tags=[]
asked = [0.1, 0.3, 0.5, 0.7, 0.9]
rows = {}
for seed in range(3):
    seeds = [sampling_seed + seed * len(asked) + n for n in range(len(asked))]
    drawn = sample(prior, condition(*asked), seeds, progress=True)  # (5, h, w)
    rows[f"draw {seed + 1}"] = list(vqvae.decode(drawn)[:, 0].numpy())
at = [test.rows.index[(test.rows["height"] - h).abs().argmin()] for h in asked]
rows["held out"] = list(slices.images[at])
figure = plots.slice_rows(rows, [f"height {h}" for h in asked])
run.path("samples.png").write_bytes(plots.to_png(figure, dpi=120))
show(figure, "Three rows of generated slices at five heights, and a row of held-out slices.")

# %% [markdown] tags=[]
# *Generated slices at five heights, three draws each, and held-out slices of the data below. A column shares its
# level of the body; down the column the patient changes. Look closely at outlines and at symmetry: a
# long-range mistake early in a row has to be lived with to the end.*

# %% [markdown] tags=[]
# ## Temperature
#
# Dividing the logits by a temperature $T$ sharpens ($T<1$) or flattens ($T>1$) every choice.
#
# **Predict:** at $T=0$ the likeliest code is taken every time. Is the result the likeliest slice?

# %% tags=[]
temperatures = [0.0, 0.5, 0.8, 1.0, 1.3]
rows = {}
for height in (0.25, 0.75):
    drawn = [
        sample(prior, condition(height), [sampling_seed + 7], temperature=t) for t in temperatures
    ]
    rows[f"height {height}"] = [vqvae.decode(codes)[0, 0].numpy() for codes in drawn]
show(
    plots.slice_rows(rows, [f"T = {t}" for t in temperatures]),
    "Slices drawn at two heights with rising temperature.",
)

# %% [markdown] tags=[]
# *The same seed at rising temperature. Low temperatures are smoother, high ones bolder. At any of them, a
# draw that once loses the outline has to live with it: look for bodies that break off. At $T=0$ each step is the likeliest, which is not the same as a likely whole.*

# %% [markdown] tags=[]
# ## Watching it draw

# %% tags=[]
codes = sample(prior, condition(0.5), [sampling_seed + 3])[0]  # (h, w)
unknown = int(codes[0, 0])  # air, for what is not drawn yet
frames = []
for row in range(grid[0] + 1):
    partial = codes.clone()
    partial[row:] = unknown
    frames.append(vqvae.decode(partial[None])[0, 0].numpy())
show_animation(frames, "A slice appears from one side of the body to the other.")

# %% tags=[]
stages = [grid[0] // 4, grid[0] // 2, 3 * grid[0] // 4, grid[0]]
show(
    plots.slice_sheet(
        [frames[s] for s in stages], [f"after {s} of {grid[0]} rows" for s in stages], 4
    ),
    "Four stages of the drawing.",
)

# %% [markdown] tags=[]
# *Reading order runs from the patient's right to the left, so the slice grows from one side. By half way
# the prior has committed itself to a body size, and the second half must match the first.*

# %% [markdown] tags=[]
# ## Completing half a slice
#
# Give the sampler the first half of a held-out slice and let it finish, twice.

# %% tags=[]
order = np.argsort(test.rows["height"].to_numpy())
some = order[np.linspace(len(test) // 8, len(test) - 1 - len(test) // 8, 4).astype(int)]
real = all_codes[test.rows.index[some]]  # (4, h, w)
given = real.clone()
given[:, grid[0] // 2 :] = -1  # -1 asks for a code to be drawn
where = condition(*test.rows["height"].iloc[some])
hidden = torch.where(given < 0, unknown, given)  # air where nothing is given
rows = {"given": list(vqvae.decode(hidden)[:, 0].numpy())}
for attempt in (1, 2):
    seeds = [sampling_seed + 100 * attempt + n for n in range(4)]
    completed = sample(prior, where, seeds, given=given)  # (4, h, w)
    rows[f"completed {attempt}"] = list(vqvae.decode(completed)[:, 0].numpy())
rows["held out"] = list(vqvae.decode(real)[:, 0].numpy())
show(plots.slice_rows(rows), "Half slices, two completions of each, and the held-out slices.")

# %% [markdown] tags=[]
# *The given half, two completions, the truth. A body is nearly symmetric, so much of the missing side
# follows from the given one; where it does not, the two completions differ.*

# %% [markdown] tags=[]
# ## New, or remembered?
#
# For each sample we look for the nearest training slice, pixel by pixel. If samples were copies, the
# distance would be tiny. The yardstick: how near do held-out slices, of other patients, come to the
# training set?

# %% tags=[]
heights = np.linspace(0.02, 0.98, images)
start = time.perf_counter()
drawn = sample(
    prior,
    condition(*heights),
    range(sampling_seed + 1000, sampling_seed + 1000 + images),
    progress=True,
)  # (n, h, w)
seconds = time.perf_counter() - start
samples = vqvae.decode(drawn)[:, 0]  # (n, H, W)


# %% tags=[]
def nearest(some: torch.Tensor, others: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Root mean squared difference to the nearest of `others`, and which: (n, H, W) -> (n,), (n,)."""
    distance = torch.cdist(some.flatten(1), others.flatten(1)) / some[0].numel() ** 0.5  # (n, m)
    found = distance.min(1)
    return found.values.numpy(), found.indices.numpy()


step = max(1, len(train) // 2000)  # a large training set is thinned for this look
training = vqvae.decode(all_codes[train.rows.index[::step]])[
    :, 0
]  # (m, H, W), decoded like samples
held_out = vqvae.decode(all_codes[test.rows.index])[:, 0]  # (n, H, W)
distance, which = nearest(samples, training)
floor, _ = nearest(held_out, training)
print(f"generated to nearest training slice: {np.median(distance):.4f} (median)")
print(f"held out to nearest training slice:  {np.median(floor):.4f} (median)")

# %% tags=[]
closest = distance.argsort()[:5]
show(
    plots.slice_rows(
        {
            "generated": list(samples[closest].numpy()),
            "nearest": list(training[which[closest]].numpy()),
        },
        [f"distance {d:.3f}" for d in distance[closest]],
    ),
    "The five generated slices closest to a training slice, above that slice.",
)

# %% [markdown] tags=[]
# *The five samples that come closest to a training slice, above that slice: the worst cases, not the
# average ones. Compare outline and organs: where they differ, it is another body at the same level.*
#
# Pixels are a blunt measure; a notebook on evaluation measures this again in features.

# %% [markdown] tags=[]
# ## Why our sampler is fast
#
# The obvious loop runs the whole network for each of the grid's positions and keeps one column of the
# result. Ours keeps what each layer has seen, and computes only what the new code changes. First, both
# must agree; then we time the obvious loop on a few positions and scale up.

# %% tags=[]
full = full_logits(prior, drawn[:4], condition(*heights[:4]))  # (4, K, h, w)
difference = (
    (incremental_logits(prior, drawn[:4], condition(*heights[:4])) - full).abs().max().item()
)
print(f"largest difference between the two ways, over all logits: {difference:.1e}")

# %% tags=[]
positions = 3
with one_thread(drawn.device):  # the same single thread as our sampler
    start = time.perf_counter()
    for _ in range(positions):
        full_grid_step(prior, drawn, condition(*heights), 0, 0)
    naive = (time.perf_counter() - start) / positions * grid[0] * grid[1]
print(f"{len(drawn)} slices, incrementally:   {seconds:.1f} s")
print(f"{len(drawn)} slices, obvious loop: {naive:.0f} s, estimated from {positions} positions")
print(f"ratio: {naive / seconds:.0f}")

# %% [markdown] tags=[]
# ## Summary
#
# - Samples read as slices at the height asked for; temperature trades boldness for safety.
# - A sample is new if it is no nearer to the training slices than a held-out patient is. Print both.
# - The same numbers, much sooner: incremental sampling changes the cost, not the result.
#
# **What's next:** run the series on scans of your own: `vqgen run --data-source nifti --data-dir ...`.

# %% tags=[]
run.add_metrics(
    "generation",
    {
        "images": len(drawn),
        "seconds": seconds,
        "seconds_naive_estimate": naive,
        "logits_max_abs_diff": difference,
    },
)
