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
# # Solutions to 08 · What should surprise it
#
# One way to solve each exercise, and the same check as in the notebook. Other ways are as good, if the check
# agrees. All names here begin with `our_`, so nothing that you wrote is overwritten.

# %% tags=[]
import numpy as np

from vqgen_utils.teaching.exercises import outliers as exercises

# %% [markdown] tags=[]
# ## Exercise 1 · One number: false alarms

# %% tags=["solution"]
our_share_odd = 9 / (9 + 990 / 20)  # odd ones, by all for which it rings
exercises.check_alarms(our_share_odd)

# %% [markdown] tags=[]
# ## Exercise 2 · AUROC by hand


# %% tags=["solution"]
def our_auroc(odd: np.ndarray, normal: np.ndarray) -> float:
    """Scores (n,) and (m,) -> 0 to 1."""
    difference = odd[:, None] - normal  # (n, m)
    return ((difference > 0) + 0.5 * (difference == 0)).mean()


exercises.check_auroc(our_auroc)

# %% [markdown] tags=[]
# ## Exercise 3 · Cheap, and yet odd

# %% tags=["solution"]
our_why_odd = "B"
exercises.check_why_not_odd(our_why_odd)

# %% [markdown] tags=[]
# **Why**
#
# Throw a coin a thousand times that shows heads six times in ten. All heads is the likeliest single outcome, and you
# will never see it: there is one such outcome, and there are vastly many with about six hundred heads. Each of these
# is less likely, but together they are nearly certain. Real slices are such outcomes. The empty slice, and greedy
# drawing, are all heads.
