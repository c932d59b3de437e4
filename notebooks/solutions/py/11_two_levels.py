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
# # Solutions to 11 · Two levels
#
# One way to solve each exercise, and the same check as in the notebook. Other ways are as good, if the check
# agrees. All names here begin with `our_`, so nothing that you wrote is overwritten.

# %% tags=[]
import torch

from vqgen_utils.teaching.exercises.beyond import levels as exercises

# %% [markdown] tags=[]
# ## Exercise 1 · One number: a codebook that says as much

# %% tags=["solution"]
our_vectors_needed = 64 * 64  # every pair of a first and a second code
exercises.check_vectors(our_vectors_needed)

# %% [markdown] tags=[]
# ## Exercise 2 · Residual codes


# %% tags=["solution"]
def our_residual_codes(z: torch.Tensor, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Vectors (N, D), two codebooks (K, D) -> codes (N, 2), whole numbers."""
    codes = []
    for book in (first, second):
        codes.append(torch.cdist(z, book).argmin(1))  # (N,)
        z = z - book[codes[-1]]  # what is left: (N, D)
    return torch.stack(codes, 1)


exercises.check_residual_codes(our_residual_codes)

# %% [markdown] tags=[]
# ## Exercise 3 · Does the top say nothing?

# %% tags=["solution"]
our_evidence = "B"
exercises.check_says_nothing(our_evidence)

# %% [markdown] tags=[]
# **Why**
#
# Bits measure what the top tells about the *bottom*. Two levels that share the work cleanly, each saying what the
# other does not, would also show no saving. Only the picture tells whether the top is used at all. And neither its
# own bits nor how evenly its codes are used say anything about what depends on it.
