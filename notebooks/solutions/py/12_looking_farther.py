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
# # Solutions to 12 · Looking farther
#
# One way to solve each exercise, and the same check as in the notebook. Other ways are as good, if the check
# agrees. All names here begin with `our_`, so nothing that you wrote is overwritten.

# %% tags=[]
import torch

from vqgen_utils.teaching.exercises.beyond import attention as exercises

# %% [markdown] tags=[]
# ## Exercise 1 · One number: who may be asked

# %% tags=["solution"]
our_may_be_asked = (20 + 1) * 16  # rows 0 to 20, 16 positions each
exercises.check_keys(our_may_be_asked)

# %% [markdown] tags=[]
# ## Exercise 2 · Attention


# %% tags=["solution"]
def our_attend(
    q: torch.Tensor, k: torch.Tensor, values: torch.Tensor, allowed: torch.Tensor
) -> torch.Tensor:
    """q (n, d), k (m, d), values (m, D), allowed (n, m) bool -> what is heard (n, D)."""
    scores = q @ k.t() / k.shape[1] ** 0.5  # (n, m)
    weights = scores.masked_fill(~allowed, -torch.inf).softmax(1)  # (n, m), rows sum to 1
    return weights @ values  # (n, D)


exercises.check_attend(our_attend)

# %% [markdown] tags=[]
# ## Exercise 3 · A row with a cache


# %% tags=["solution"]
def our_hear_row(
    q: torch.Tensor,
    k: torch.Tensor,
    values: torch.Tensor,
    old_k: torch.Tensor,
    old_values: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """q, k (w, d), values (w, D), old_k (m, d), old_values (m, D) -> heard, all k, all values."""
    k = torch.cat([old_k, k])  # (m + w, d)
    values = torch.cat([old_values, values])  # (m + w, D)
    weights = (q @ k.t() / k.shape[1] ** 0.5).softmax(1)  # (w, m + w), no mask: all of it has been
    return weights @ values, k, values


exercises.check_hear_row(our_hear_row)

# %% [markdown] tags=[]
# ## Exercise 4 · A claim

# %% tags=["solution"]
our_honest = "B"
exercises.check_finding(our_honest)

# %% [markdown] tags=[]
# **Why**
#
# At equal steps the slower network has had more time. Perhaps it is worth it, perhaps the plain prior would use the
# same time as well: only that comparison can tell. And with one seed nobody knows how much of the 0.05 is luck.
