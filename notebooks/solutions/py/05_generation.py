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
# # Solutions to 05 · New slices
#
# One way to solve each exercise, and the same check as in the notebook. Other ways are as good, if the check
# agrees. All names here begin with `our_`, so nothing that you wrote is overwritten.

# %% tags=[]
import numpy as np
import torch
import torch.nn.functional as F

from vqgen_utils.teaching.exercises import generation as exercises

# %% [markdown] tags=[]
# ## Exercise 1 · One temperature

# %% tags=["solution"]
our_T_two_to_one = 2 / np.log(2)  # exp(2 / T) = 2
exercises.check_temperature(our_T_two_to_one)

# %% [markdown] tags=[]
# ## Exercise 2 · Draw with Gumbel noise


# %% tags=["solution"]
def our_gumbel_draw(
    logits: torch.Tensor, temperature: float, generator: torch.Generator
) -> torch.Tensor:
    """logits (B, K) -> codes (B,)."""
    u = torch.rand(logits.shape, generator=generator)  # (B, K)
    return (logits / temperature - torch.log(-torch.log(u))).argmax(1)  # (B,)


exercises.check_gumbel_draw(our_gumbel_draw)

# %% [markdown] tags=[]
# ## Exercise 3 · Keep the k likeliest


# %% tags=["solution"]
def our_top_k_filter(logits: torch.Tensor, k: int) -> torch.Tensor:
    """logits (B, K) -> logits (B, K)."""
    least = logits.topk(k, 1).values[:, -1:]  # (B, 1), each row's k-th largest
    return logits.masked_fill(logits < least, -torch.inf)


exercises.check_top_k(our_top_k_filter)

# %% [markdown] tags=[]
# ## Exercise 4 · Ask for the front


# %% tags=["solution"]
def our_keep_back(codes: torch.Tensor) -> torch.Tensor:
    """codes (B, h, w) -> given (B, h, w), -1 where a code is to be drawn."""
    given = codes.clone()
    given[:, :, codes.shape[2] // 2 :] = -1
    return given


exercises.check_keep_back(our_keep_back)

# %% [markdown] tags=[]
# **Why this completion is not exact**
#
# Reading order takes the back of row 1, its front, the back of row 2, and so on. When the front of row 1 is drawn,
# the given back of row 2 comes later, and the prior cannot see it. So the drawn codes follow $p(c_i \mid c_{<i}, y)$
# with the given ones *before* them, where an exact completion would need all given ones. In the picture: the front of
# the body may begin where it does not fit to the back that comes later.

# %% [markdown] tags=[]
# ## Exercise 5 · The incremental step


# %% tags=["solution"]
def our_step(left: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """left (B, C, j), weight (K, C, k), bias (K,) -> logits (B, K) at position j."""
    k = weight.shape[2]
    window = F.pad(left, (k, 0))[:, :, -k:]  # (B, C, k), zeros where the row has not begun
    return bias + torch.einsum("bct,nct->bn", window, weight)  # (B, K)


exercises.check_step(our_step)
