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
# # Solutions to 07 · Are the new slices any good?
#
# One way to solve each exercise, and the same check as in the notebook. Other ways are as good, if the check
# agrees. All names here begin with `our_`, so nothing that you wrote is overwritten.

# %% tags=[]
import numpy as np
import torch

from vqgen_utils.teaching.exercises import evaluation as exercises

# %% [markdown] tags=[]
# ## Exercise 1 · One number: the power of a mean

# %% tags=["solution"]
our_power_of_mean = 4 * (1 / 4) ** 2  # four textures, each a quarter as strong
exercises.check_power_of_mean(our_power_of_mean)

# %% [markdown] tags=[]
# ## Exercise 2 · Precision


# %% tags=["solution"]
def our_precision(real: torch.Tensor, fake: torch.Tensor, k: int) -> float:
    """Features (N, F) and (M, F) -> 0 to 1."""
    reach = torch.cdist(real, real).sort(1).values[:, k]  # (N,), place 0 is the slice itself
    among = torch.cdist(fake, real) <= reach  # (M, N)
    return among.any(1).float().mean().item()


exercises.check_precision(our_precision)

# %% [markdown] tags=[]
# ## Exercise 3 · A rule of anatomy


# %% tags=["solution"]
def our_bladder_in_front(tissues: np.ndarray) -> bool:
    """A map of tissues (H, W), integers 0-5 -> whether the rule is kept."""
    bladder, rectum = (np.nonzero(tissues == label)[1] for label in (3, 4))  # places on axis 1
    if len(bladder) == 0 or len(rectum) == 0:
        return True
    return bladder.mean() >= rectum.mean()


exercises.check_bladder_in_front(our_bladder_in_front)
