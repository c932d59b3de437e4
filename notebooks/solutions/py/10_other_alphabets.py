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
# # Solutions to 10 · Other alphabets
#
# One way to solve each exercise, and the same check as in the notebook. Other ways are as good, if the check
# agrees. All names here begin with `our_`, so nothing that you wrote is overwritten.

# %% tags=[]
import torch

from vqgen_utils.teaching.exercises.beyond import alphabets as exercises

# %% [markdown] tags=[]
# ## Exercise 1 · One number: the floor

# %% tags=["solution"]
our_least = 64 * (64 - 16) / (16 * 64**2)
exercises.check_floor(our_least)

# %% [markdown] tags=[]
# ## Exercise 2 · The cheapest code


# %% tags=["solution"]
def our_cheapest_code(
    z: torch.Tensor, codes: torch.Tensor, shares: torch.Tensor, weight: float
) -> torch.Tensor:
    """Vectors (N, D), codes (K, D), their shares (K,) and lambda -> the chosen codes (N,)."""
    distance = torch.cdist(z, codes).square()  # (N, K)
    bits = -shares.log2()  # (K,)
    return (distance + weight * bits).argmin(1)


exercises.check_cheapest_code(our_cheapest_code)

# %% [markdown] tags=[]
# ## Exercise 3 · Two alphabets

# %% tags=["solution"]
our_better = "B"
exercises.check_alphabet(our_better)

# %% [markdown] tags=[]
# **Why**
#
# SSIM is the same, so both could draw equally good slices. What a prior must get right is what it cannot guess from
# the codes before: 1.9 bits at each position, against 2.3. The first alphabet saved bits that the neighbours
# would have told. If you only wanted to store slices with a table of frequencies, the first would be right.
