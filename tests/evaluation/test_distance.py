"""Distances between slices: their unit, the nearest one, and how varied a set is."""

import math

import pytest
import torch

from vqgen_utils.evaluation import memorisation


def test_the_distance_is_the_root_mean_square_difference():
    black, white = torch.zeros(1, 4, 6), torch.ones(1, 4, 6)
    assert memorisation.distances(black, white).item() == pytest.approx(1)
    one, other = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)).unbind()
    wanted = (one - other).square().mean().sqrt().item()
    assert memorisation.distances(one, other).item() == pytest.approx(wanted, rel=1e-5)


def test_the_nearest_of_many_is_found():
    others = torch.rand(40, 8, 4, generator=torch.Generator().manual_seed(0))
    distance, which = memorisation.nearest(others[[30, 7]] + 0.001, others)
    assert which.tolist() == [30, 7]
    assert distance.tolist() == pytest.approx([0.001, 0.001], abs=2e-4)


def test_variety_is_zero_for_copies_and_a_mean_over_pairs_otherwise():
    one = torch.rand(1, 8, 4, generator=torch.Generator().manual_seed(0))
    assert memorisation.variety(one.repeat(3, 1, 1)) == 0
    assert memorisation.variety(
        torch.stack([torch.zeros(8, 4), torch.ones(8, 4)])
    ) == pytest.approx(1)
    assert math.isnan(memorisation.variety(one))
