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
# # Solutions to 09 · Few patients
#
# One way to solve each exercise, and the same check as in the notebook. Other ways are as good, if the check
# agrees. All names here begin with `our_`, so nothing that you wrote is overwritten.

# %% tags=[]
import numpy as np

from vqgen_utils.teaching.exercises import few_patients as exercises

# %% [markdown] tags=[]
# ## Exercise 1 · One number: passes over the data

# %% tags=["solution"]
our_times_seen = 1500 * 8 / (5 * 20)  # slices shown, by slices there are
exercises.check_passes(our_times_seen)

# %% [markdown] tags=[]
# ## Exercise 2 · Early stopping


# %% tags=["solution"]
def our_stop(losses: list[float], patience: int) -> tuple[int, int]:
    """Losses of n looks -> (index of the best seen until it stops, index where it stops)."""
    best = 0
    for look, loss in enumerate(losses):
        if loss < losses[best]:
            best = look
        if look - best >= patience:
            return best, look
    return best, len(losses) - 1


exercises.check_stop(our_stop)

# %% [markdown] tags=[]
# ## Exercise 3 · One draw of a bootstrap


# %% tags=["solution"]
def our_mean_of_draw(values: np.ndarray, patients: np.ndarray, drawn: list[str]) -> float:
    """Values (n,) of slices, whose they are (n,), and names drawn -> one mean."""
    return np.concatenate([values[patients == name] for name in drawn]).mean()


exercises.check_mean_of_draw(our_mean_of_draw)

# %% [markdown] tags=[]
# ## Exercise 4 · A claim

# %% tags=["solution"]
our_honest = "B"
exercises.check_claim(our_honest)

# %% [markdown] tags=[]
# **Why**
#
# How sure a mean is depends on how many independent observations it is taken over. Forty slices of one patient are
# one such observation. The saving on this patient is a fact, and it may be reported with its limits. Five more
# trainings, each with another patient held out, would make it six observations.
