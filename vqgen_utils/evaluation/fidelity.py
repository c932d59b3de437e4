"""How far apart are two sets of slices? Distances between their features, and what each covers.

A distance means nothing by itself. Beside each stands its floor, the same distance between real
slices of two groups of patients, and the ceiling of the decoder, that of reconstructed slices.

Features come from `domain.look_at`; `standardise` first, so that no single one rules a distance.
"""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from vqgen_utils.evaluation.domain import Rounds
from vqgen_utils.evaluation.metrics import WINDOW


class _Given(nn.Module):
    """Stands where torchmetrics expects a feature network: the features are known already."""

    def __init__(self, features: int):
        super().__init__()
        self.num_features = features

    def forward(self, features: Tensor) -> Tensor:
        return features


def standardise(reference: Tensor, *others: Tensor) -> list[Tensor]:
    """Features (N, F) of all sets, scaled so that the reference's have mean 0 and variance 1."""
    mean = reference.mean(0)
    several = len(reference) > 1  # a single slice has no spread: its features are only centred
    spread = reference.std(0).clamp(min=1e-6) if several else torch.ones_like(mean)
    return [(features - mean) / spread for features in (reference, *others)]


def frechet(reference: Tensor, features: Tensor) -> float:
    """Fréchet distance between two sets of features, each taken as a Gaussian: 0 when alike.

    It grows when a set is small (Heusel et al. 2017, arXiv:1706.08500): compare sets of one size.

    Args:
        reference, features: (N, F) and (M, F), more than one row each.
    """
    from torchmetrics.image.fid import FrechetInceptionDistance

    metric = FrechetInceptionDistance(feature=_Given(reference.shape[1])).set_dtype(torch.float64)
    metric.update(reference.double(), real=True)
    metric.update(features.double(), real=False)
    return max(0.0, metric.compute().item())


def kid(reference: Tensor, features: Tensor, seed: int = 0) -> float:
    """Kernel distance between two sets of features: around 0 when alike, unbiased at any size.

    Bińkowski et al. 2018, arXiv:1801.01401: the squared maximum mean discrepancy under a cubic
    kernel, as the mean over fifty random subsets. It takes off what chance would add if both sets
    were drawn independently; slices spread evenly over the body are more regular than that, so it
    can come out below zero. Read it as the difference from its floor.

    Args:
        reference, features: (N, F) and (M, F).
        seed: of the subsets.
    """
    from torchmetrics.image.kid import KernelInceptionDistance

    size = min(len(reference), len(features), 500)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Metric .* will save all extracted features")
        metric = KernelInceptionDistance(_Given(reference.shape[1]), subsets=50, subset_size=size)
    metric.update(reference, real=True)
    metric.update(features, real=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return metric.compute()[0].item()


def precision_recall(reference: Tensor, features: Tensor, k: int = 3) -> tuple[float, float]:
    """How much of a set is realistic, and how much of reality it covers, both 0 to 1.

    Kynkäänniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative
    Models", arXiv:1904.06991: a point is covered by a set when it lies within the distance from
    some member of the set to that member's k-th neighbour.

    Args:
        reference, features: (N, F) and (M, F), at least two rows each.
        k: which neighbour; the farthest of a set that has fewer.

    Returns:
        precision: share of `features` covered by `reference`; recall: the reverse.
    """
    distance = torch.cdist(features, reference)  # (M, N)
    precision = (distance <= _reach(reference, k)).any(1).float().mean()
    recall = (distance.t() <= _reach(features, k)).any(1).float().mean()
    return precision.item(), recall.item()


def _reach(features: Tensor, k: int) -> Tensor:
    """Distance of each point to its k-th neighbour, itself not counted: (N, F) -> (N,)."""
    k = min(k, len(features) - 1)
    return torch.cdist(features, features).kthvalue(k + 1, dim=1).values


MEASURES = ("frechet", "kid", "precision", "recall")


def compare_sets(reference: Tensor, sets: Sequence[Tensor]) -> dict[str, float]:
    """All four measures, as the mean over sets of one size.

    Args:
        reference: (N, F).
        sets: R of (M, F), such as rounds of samples at the same heights.

    Returns:
        By the names of MEASURES; NaN where a set has a single member, and so no spread.
    """
    if min(len(some) for some in (reference, *sets)) < 2:
        return dict.fromkeys(MEASURES, float("nan"))
    rows = [(frechet(reference, one), kid(reference, one), *precision_recall(reference, one))
            for one in sets]  # fmt: skip
    return dict(zip(MEASURES, np.mean(rows, 0).tolist(), strict=True))


def counterparts(heights: np.ndarray, patients: Sequence) -> np.ndarray:
    """For each slice another patient's slice at the nearest height: two of (N,) -> (N,) positions.

    With a single patient, another slice of the same at the nearest height.
    """
    patients = np.asarray(patients)
    away = np.abs(heights[:, None] - heights)  # (N, N)
    away += 10.0 * (patients[:, None] == patients) + 100.0 * np.eye(len(heights))
    return away.argmin(1)


SCALES = (0.0448, 0.2856, 0.3001)  # weights of the scales, each half as fine as the one before


def likeness_scales(shape: Sequence[int]) -> int:
    """At how many scales SSIM's window fits into slices of this shape (H, W): 0 to 3."""
    return sum(min(shape) // 2**halved >= WINDOW for halved in range(len(SCALES)))


def likeness(images: Tensor, others: Tensor) -> Tensor:
    """Multi-scale SSIM of each pair of slices: two (N, H, W) in [0, 1] -> (N,), 1 for equal ones.

    Wang et al. 2003, "Multi-scale Structural Similarity", with the first three of its five scales,
    or as many of them as fit: the window must lie inside the slice at the coarsest. NaN where it
    fits at none.
    """
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

    scales = likeness_scales(images.shape[1:])
    if scales == 0:
        return torch.full((len(images),), torch.nan)
    weights = np.array(SCALES[:scales]) * (sum(SCALES) / sum(SCALES[:scales]))
    return multiscale_structural_similarity_index_measure(
        *(some.float().unsqueeze(1) for some in (images, others)),  # (N, 1, H, W)
        data_range=1.0,
        betas=tuple(weights.tolist()),
        reduction="none",
    )


def compare_rounds(
    sets: dict[str, Rounds], reference: Tensor, partner: Sequence[int]
) -> pd.DataFrame:
    """Distances, coverage and diversity of each set.

    Args:
        sets: name -> rounds.
        reference: (N, F), features of real training slices.
        partner: (n,), for each slice another patient's at about its height, by
            `counterparts`; where there are several rounds, it is taken from the next one.

    Returns:
        A row a set: frechet, kid, precision, recall, means over rounds; likeness, the mean
        multi-scale SSIM of two slices at like heights.
    """
    rows = {}
    for name, some in sets.items():
        features = [reading.features for reading in some.readings]
        scaled = standardise(reference, *features)
        rows[name] = compare_sets(scaled[0], scaled[1:])
        others = [*some.slices[1:], some.slices[0]]
        alike = [
            likeness(one, other[partner]) for one, other in zip(some.slices, others, strict=True)
        ]
        rows[name]["likeness"] = torch.cat(alike).mean().item()
    return pd.DataFrame(rows).T
