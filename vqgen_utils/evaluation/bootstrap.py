"""How far a mean can be trusted: intervals by drawing again, whole patients at a time.

Ten slices of one patient are not ten independent witnesses. Drawing slices again would count them
as if they were, and promise an interval that is too narrow.

    Efron & Tibshirani 1993, "An Introduction to the Bootstrap".
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

DRAWS = 2000
LEVEL = 0.95  # of 95 sets of patients in 100, the interval covers the mean


def interval(
    values: np.ndarray, groups: Sequence, seed: int = 0, draws: int = DRAWS
) -> tuple[float, float]:
    """Interval of the mean if other groups had been drawn.

    Args:
        values: (N,); NaN is left out.
        groups: (N,), to whom each value belongs, such as the patient.
        seed: of the draws.
        draws: sets of groups, each drawn with repetition and as many as there are.

    Returns:
        The mean's percentiles 2.5 and 97.5 over the draws; NaN where fewer than two groups have a
        value, for then there is nothing to draw.
    """
    values, groups = np.asarray(values, float), np.asarray(groups)
    known = ~np.isnan(values)
    names, member = np.unique(groups[known], return_inverse=True)  # (G,), (n,)
    if len(names) < 2:
        return float("nan"), float("nan")
    sums = np.bincount(member, values[known])  # (G,)
    counts = np.bincount(member)  # (G,)
    drawn = np.random.default_rng(seed).integers(len(names), size=(draws, len(names)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)  # (draws,)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def in_words(values: np.ndarray, groups: Sequence) -> str:
    """'0.934 (0.928 to 0.940)': the mean and its interval, see `interval`.

    '0.934 (no interval)' where one group has all the values, 'not measured' without any.
    """
    if np.isnan(values).all():
        return "not measured"
    low, high = interval(values, groups)
    if np.isnan(low):
        return f"{np.nanmean(values):.3f} (no interval)"
    return f"{np.nanmean(values):.3f} ({low:.3f} to {high:.3f})"


def with_intervals(groups: dict[str, np.ndarray], patients: Sequence) -> pd.DataFrame:
    """Mean of each group of values with its interval over patients.

    Args:
        groups: name -> (N,), NaN where a slice has no value.
        patients: (N,).

    Returns:
        A row a group: mean, low, high; groups without any value are left out.
    """
    known = {name: values for name, values in groups.items() if not np.isnan(values).all()}
    rows = [(np.nanmean(values), *interval(values, patients)) for values in known.values()]
    return pd.DataFrame(rows, index=list(known), columns=["mean", "low", "high"])
