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
# # Solutions to 14 · All together
#
# One way to solve each exercise, and the same check as in the notebook. Other ways are as good, if the check
# agrees. All names here begin with `our_`, so nothing that you wrote is overwritten.

# %% tags=[]
import numpy as np
from scipy import stats

from vqgen_utils.teaching.exercises.beyond import together as exercises

# %% [markdown] tags=[]
# ## Exercise 1 · One number: luck

# %% tags=["solution"]
our_luck = stats.binom.sf(14, 20, 0.5)  # more than 14
exercises.check_luck(our_luck)

# %% [markdown] tags=[]
# ## Exercise 2 · The front


# %% tags=["solution"]
def our_not_beaten(scores: np.ndarray) -> np.ndarray:
    """Scores (n, 2) -> (n,) bool."""
    as_good = (scores[None] <= scores[:, None]).all(2)  # (n, n), other as good in both
    better = (scores[None] < scores[:, None]).any(2)  # (n, n), other better in one
    return ~(as_good & better).any(1)


exercises.check_front(our_not_beaten)

# %% [markdown] tags=[]
# ## Exercise 3 · Which one, for what?

# %% tags=["solution"]
our_sentence = "D"
exercises.check_use(our_sentence)

# %% [markdown] tags=[]
# **Why**
#
# All four scores of the other answers were measured on what the study had: looks, bits and outlines of usual slices.
# None of them says that something which was in no slice is drawn as it is in a patient. The hallucination test of
# notebook 13 shows what a decoder does with what it has never seen.
