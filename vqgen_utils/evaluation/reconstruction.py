"""How good are reconstructions, tissue by tissue and level by level?"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from vqgen_utils.evaluation.anatomy import TISSUE_NAMES
from vqgen_utils.evaluation.bootstrap import interval
from vqgen_utils.evaluation.metrics import ssim_map

EDGE = 5  # pixels: closer to the border SSIM's window would reach outside the slice
FEW = 10  # pixels of a tissue; fewer say nothing


def scores_by_tissue(
    images: np.ndarray, others: np.ndarray, labels: np.ndarray
) -> dict[str, pd.DataFrame]:
    """SSIM and mean absolute error of each slice within each tissue.

    Args:
        images, others: (N, H, W) in [0, 1].
        labels: (N, H, W) integers 0-5.

    Returns:
        Tissue -> N rows with the columns ssim, l1; NaN where a slice has hardly any of it.
    """
    inside = (slice(EDGE, -EDGE), slice(EDGE, -EDGE))
    rows = {name: [] for name in TISSUE_NAMES}
    for image, other, label in zip(images, others, labels, strict=True):
        similarity = ssim_map(image, other)[inside]
        error = np.abs(np.float32(image) - np.float32(other))[inside]
        for value, name in enumerate(TISSUE_NAMES):
            where = label[inside] == value
            enough = where.sum() >= FEW
            values = (similarity[where].mean(), error[where].mean()) if enough else (np.nan,) * 2
            rows[name].append(values)
    return {name: pd.DataFrame(found, columns=["ssim", "l1"]) for name, found in rows.items()}


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


def level_of(heights: np.ndarray, levels: int = 10) -> np.ndarray:
    """The middle of the tenth of the body that each height lies in: (N,) in [0, 1] -> (N,)."""
    return (np.minimum(np.floor(np.asarray(heights) * levels), levels - 1) + 0.5) / levels
