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
# # Solutions to 06 · What is kept, and what it costs
#
# One way to solve each exercise, and the same check as in the notebook. Other ways are as good, if the check
# agrees. All names here begin with `our_`, so nothing that you wrote is overwritten.

# %% tags=[]
import numpy as np
import torch

from vqgen_utils.teaching.exercises import reconstructions as exercises

# %% [markdown] tags=[]
# ## Exercise 1 · One number: what guesses cost

# %% tags=["solution"]
our_cost = 9  # 1 + 2 + 3 + 3
exercises.check_cost(our_cost)

# %% [markdown] tags=[]
# ## Exercise 2 · Bits from frequencies


# %% tags=["solution"]
def our_frequency_bits(train: torch.Tensor, test: torch.Tensor, K: int) -> float:
    """Codes (n,) to count and codes (m,) to pay for -> mean bits a code of test."""
    counts = torch.bincount(train, minlength=K).double() + 1 / K  # (K,)
    p = counts / counts.sum()  # (K,)
    return -p[test].log2().mean().item()


exercises.check_frequency_bits(our_frequency_bits)

# %% [markdown] tags=[]
# ## Exercise 3 · Draw patients, not slices


# %% tags=["solution"]
def our_resample(
    values: np.ndarray, patients: np.ndarray, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Values (N,) and whose they are (N,) -> the mean of each draw (draws,)."""
    of = {patient: values[patients == patient] for patient in np.unique(patients)}
    everyone = list(of)
    means = [
        np.concatenate([of[patient] for patient in rng.choice(everyone, len(everyone))]).mean()
        for _ in range(draws)
    ]
    return np.array(means)


exercises.check_resample(our_resample)
