"""Sets of slices to be judged alike: all at the held-out heights, and read by the same network."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from vqgen_utils.evaluation import anatomy, fidelity
from vqgen_utils.evaluation.domain import DomainNetwork, Reading, look_at


@dataclass(frozen=True)
class Rounds:
    """Slices at n heights, R times over, and what the domain network says of them."""

    slices: list[Tensor]  # R of (n, H, W) in [0, 1]
    readings: list[Reading]  # R

    @property
    def all_slices(self) -> Tensor:
        """(R*n, H, W), round after round."""
        return torch.cat(self.slices)

    @property
    def reading(self) -> Reading:
        """What was read off all of them, round after round."""
        tissues, heights, features = zip(*self.readings, strict=True)
        return Reading(np.concatenate(tissues), np.concatenate(heights), torch.cat(features))

    def off(self, heights: np.ndarray) -> np.ndarray:
        """How far the height read off each slice is from that of its place: (n,) -> (R*n,)."""
        return np.abs(self.reading.heights - np.tile(heights, len(self.slices)))


def read(reader: DomainNetwork, *slices: Tensor) -> Rounds:
    """Rounds of slices, each (n, H, W) in [0, 1], as the domain network reads them."""
    return Rounds(list(slices), [look_at(reader, some) for some in slices])


def compare(sets: dict[str, Rounds], reference: Tensor, partner: Sequence[int]) -> pd.DataFrame:
    """Distances, coverage and diversity of each set.

    Args:
        sets: name -> rounds.
        reference: (N, F), features of real training slices.
        partner: (n,), for each slice another patient's at about its height, by
            `fidelity.counterparts`; where there are several rounds, it is taken from the next one.

    Returns:
        A row a set: frechet, kid, precision, recall, means over rounds; likeness, the mean
        multi-scale SSIM of two slices at like heights.
    """
    rows = {}
    for name, some in sets.items():
        features = [reading.features for reading in some.readings]
        rows[name] = fidelity.compare(*_standardised(reference, features))
        others = [*some.slices[1:], some.slices[0]]
        alike = [
            fidelity.likeness(one, other[partner])
            for one, other in zip(some.slices, others, strict=True)
        ]
        rows[name]["likeness"] = torch.cat(alike).mean().item()
    return pd.DataFrame(rows).T


def _standardised(reference: Tensor, features: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    reference, *features = fidelity.standardise(reference, *features)
    return reference, features


def judge(
    sets: dict[str, Rounds], heights: np.ndarray, real: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """`anatomy.judge` of every slice of each set, round after round.

    Args:
        sets: name -> rounds.
        heights: (n,) that the slices of a round should have.
        real: `anatomy.measure_all` of real training slices.
    """
    return {
        name: anatomy.judge(
            anatomy.measure_all(some.reading.tissues, np.tile(heights, len(some.slices))), real
        )
        for name, some in sets.items()
    }
