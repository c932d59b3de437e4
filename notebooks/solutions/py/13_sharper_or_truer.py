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
# # Solutions to 13 · Sharper or truer
#
# One way to solve each exercise, and the same check as in the notebook. Other ways are as good, if the check
# agrees. All names here begin with `our_`, so nothing that you wrote is overwritten.

# %% tags=[]
import torch
import torch.nn.functional as F

from vqgen_utils.teaching.exercises.beyond import critic as exercises

# %% [markdown] tags=[]
# ## Exercise 1 · One number: what texture costs

# %% tags=["solution"]
our_expected_error = 0.04 + 0.04  # variances of independent things add up
exercises.check_texture_costs(our_expected_error)

# %% [markdown] tags=[]
# ## Exercise 2 · The hinge loss


# %% tags=["solution"]
def our_hinge(real: torch.Tensor, painted: torch.Tensor) -> torch.Tensor:
    """Answers (n,) to real and (m,) to painted patches -> one number."""
    return F.relu(1 - real).mean() + F.relu(1 + painted).mean()


exercises.check_hinge(our_hinge)

# %% [markdown] tags=[]
# ## Exercise 3 · For the doctor

# %% tags=["solution"]
our_send = "B"
exercises.check_for_the_doctor(our_send)

# %% [markdown] tags=[]
# **Why**
#
# A lesion of a few pixels is exactly what the codes may have left open. The sharp decoder fills such places with what
# it has seen in healthy bodies, and does so convincingly. The smooth one leaves them blurred, so that one sees that
# nothing is known there. The mean over seeds goes back towards the smooth picture, and no seed is the true one. The honest
# answer includes a limit: for this question the original scan is needed.
