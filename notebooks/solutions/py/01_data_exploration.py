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
# # Solutions to 01 · What is in the folder
#
# One way to solve each exercise, and the same check as in the notebook. Other ways are as good, if the check
# agrees. All names here begin with `our_`, so nothing that you wrote is overwritten.

# %% tags=[]
import numpy as np

from vqgen_utils.teaching.exercises import data as exercises

# %% [markdown] tags=[]
# ## Exercise 1 · One number

# %% tags=["solution"]
our_top = 98  # 2 in 100 lie above it
exercises.check_percentile(our_top)

# %% [markdown] tags=[]
# ## Exercise 2 · Slices in order


# %% tags=["solution"]
def our_in_order(names: list[str]) -> list[str]:
    """Names such as "case_004_week_0_slice_10.nii.gz" -> the same names, slice 2 before slice 10."""
    return sorted(names, key=lambda name: int(name.split("_slice_")[1].split(".")[0]))


exercises.check_in_order(our_in_order)

# %% [markdown] tags=[]
# ## Exercise 3 · Find the leak

# %% tags=["solution"]
listed = exercises.suspicious_split()  # a row a scan
splits_of = listed.groupby("patient")["split"].nunique()
our_leaking = list(splits_of[splits_of > 1].index)
exercises.check_leak(our_leaking)

# %% [markdown] tags=[]
# **Why**
#
# `nunique` counts the different splits of each patient, so coming back in another week does no harm. One scan of a
# later week in the wrong folder is enough. A program should check such a list each time it is read: `vqgen data
# check` does so for a folder.

# %% [markdown] tags=[]
# ## Exercise 4 · A robust scale


# %% tags=["solution"]
def our_scale(v: np.ndarray) -> np.ndarray:
    """Stored intensities, any shape and type -> float32 of the same shape in [0, 1]."""
    low, high = np.percentile(v, (0.5, 99.9))
    if high == low:
        return np.zeros(v.shape, np.float32)
    return np.clip((v - low) / (high - low), 0, 1).astype(np.float32)


exercises.check_scale(our_scale)

# %% [markdown] tags=[]
# ## Exercise 5 · A split by patient


# %% tags=["solution"]
def our_hold_out(patients: np.ndarray, seed: int) -> np.ndarray:
    """The patient of each slice (N,) -> (N,) bool, True for the slices of the held-out patients."""
    everyone = np.unique(patients)  # sorted, each once
    drawn = np.random.default_rng(seed).permutation(everyone)
    return np.isin(patients, drawn[: len(everyone) // 5])  # (N,)


exercises.check_hold_out(our_hold_out)

# %% [markdown] tags=[]
# **Why**
#
# Draw people first, and look up their slices afterwards: then no slice can be separated from its patient. `np.unique`
# sorts, and the order matters as much as the seed does. A Python `set` would be a trap: the order of text in it
# changes each time Python starts.
