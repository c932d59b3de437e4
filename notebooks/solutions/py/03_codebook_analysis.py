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
# # Solutions to 03 · What the codes mean
#
# One way to solve each exercise, and the same check as in the notebook. Other ways are as good, if the check
# agrees. All names here begin with `our_`, so nothing that you wrote is overwritten.

# %% tags=["parameters"]
profile: str = "quick"  # as in notebook 02
run_name: str = "tutorial"  # the run to analyse

# %% tags=[]
import numpy as np
import torch

from vqgen_utils import plots
from vqgen_utils.evaluation import metrics
from vqgen_utils.plots import show
from vqgen_utils.runs import Run
from vqgen_utils.teaching.exercises import codebook as exercises

run = Run(run_name)
model, slices = run.load_vqvae(), run.load_slices(run.settings(profile))
test = slices.subset("test")
codes = run.load_codes()[test.rows.index]  # (N, h, w)
counts = metrics.code_counts(codes, model.num_embeddings)  # (K,)

# %% [markdown] tags=[]
# ## Exercise 1 · How many codes do the work?

# %% tags=["solution"]
most_first = counts.sort(descending=True).values  # (K,)
our_needed = int((most_first.cumsum(0) < 0.9 * counts.sum()).sum()) + 1
exercises.check_codes_needed(our_needed, counts)

# %% [markdown] tags=[]
# **Why "+ 1", and why not the perplexity**
#
# The sum counts how many codes leave us *below* 90 %; the next one takes us there. The perplexity is no
# such count: one code that is used very often pulls it down, whatever the others do.

# %% [markdown] tags=[]
# ## Exercise 2 · Perplexity


# %% tags=["solution"]
def our_perplexity(counts: torch.Tensor) -> float:
    """How often each code occurs (K,) -> 2 to the power of their entropy in bits."""
    p = counts[counts > 0] / counts.sum()  # (codes in use,)
    return float(2 ** -(p * p.log2()).sum())


exercises.check_perplexity(our_perplexity)

# %% [markdown] tags=[]
# ## Exercise 3 · Given a code, which tissue?


# %% tags=["solution"]
def our_tissue_given_code(table: torch.Tensor) -> torch.Tensor:
    """Counts (tissues, K) of each tissue under each code -> shares (tissues, K)."""
    uses = table.sum(0, keepdim=True)  # (1, K)
    return table / uses.clamp(min=1)  # (tissues, K)


exercises.check_tissue_given_code(our_tissue_given_code)

# %% [markdown] tags=[]
# **Why the axis matters**
#
# A code may mean bladder whenever it occurs, and yet cover only a small part of the bladder. The first
# is p(tissue | code), the second p(code | tissue). Mixing them up makes a rare code look useless, or a
# common one look specific.

# %% [markdown] tags=[]
# ## Exercise 4 · The nearest other code


# %% tags=["solution"]
def our_nearest_other(embedding: torch.Tensor, k: int) -> int:
    """Codebook (K, D), number k -> the j other than k with the smallest |e_j - e_k|."""
    distance = (embedding - embedding[k]).norm(dim=1)  # (K,)
    distance[k] = float("inf")
    return int(distance.argmin())


exercises.check_nearest_other(our_nearest_other)

# %% [markdown] tags=[]
# ## Exercise 5 · A transplant


# %% tags=["solution"]
def our_transplant(donor: torch.Tensor, receiver: torch.Tensor, box: tuple) -> torch.Tensor:
    """Two grids (h, w) and a box -> a new grid (h, w): the receiver with the donor's box."""
    new = receiver.clone()
    new[box] = donor[box]
    return new


exercises.check_transplant(our_transplant)

# %% tags=[]
patients, heights = test.rows["patient"].to_numpy(), test.rows["height"].to_numpy()  # (N,), (N,)
example = len(codes) // 2
away = np.abs(heights - heights[example])  # (N,), from the place of the receiver
away[patients == patients[example]] += 1  # other patients first
donor, receiver = codes[away.argmin()], codes[example]  # (h, w), (h, w)
h, w = receiver.shape
box = (slice(3 * h // 8, 5 * h // 8), slice(w // 2, 7 * w // 8))  # as in the exercise
three = torch.stack([donor, receiver, our_transplant(donor, receiver, box)])  # (3, h, w)
drawn = model.decode(three)[:, 0].numpy()  # (3, H, W)
pixels = drawn[1].copy()  # for comparison: the same box, moved pixel by pixel
s = model.config.stride
inside_box = tuple(slice(s * part.start, s * part.stop) for part in box)
pixels[inside_box] = drawn[0][inside_box]
show(
    plots.slices.rows({"": [*drawn, pixels]}, ["donor", "receiver", "codes moved", "pixels moved"]),
    "Donor, receiver, the receiver with the donor's box of codes, and with its box of pixels.",
)

# %% [markdown] tags=[]
# *Donor, receiver, the donor's box moved as codes, and the same box moved as pixels.*
#
# Moved as codes, the box is blended into its new place by the decoder, which looks across its border. It is softened,
# and no more: nothing here knows whether such a body is possible. That is the task of the prior.

# %% [markdown] tags=[]
# ## Exercise 6 · The mean block under a code


# %% tags=["solution"]
def our_mean_block(codes: torch.Tensor, images: torch.Tensor, k: int) -> torch.Tensor:
    """Codes (N, h, w), images (N, 4h, 4w), a code number -> its mean block (4, 4)."""
    n, h, w = codes.shape
    blocks = images.view(n, h, 4, w, 4).transpose(2, 3)  # (N, h, w, 4, 4)
    return blocks[codes == k].mean(0)  # (n, 4, 4) -> (4, 4)


exercises.check_mean_block(our_mean_block)
