"""The toy codebook: its codes die when the points move, and revival brings them back."""

import numpy as np
import pytest
import torch

from vqgen_utils import plots
from vqgen_utils.models import Codebook
from vqgen_utils.teaching.demos import collapse


def test_the_points_go_from_a_cloud_to_a_ring():
    start, end = collapse.wandering_points(0.0), collapse.wandering_points(1.0)
    assert start.shape == end.shape == (600, 2)
    assert start.std(0).max() < 0.2
    assert end.norm(dim=1).mean() == pytest.approx(1, abs=0.02)
    assert torch.allclose(collapse.wandering_points(0.5), (start + end) / 2, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_most_codes_die_on_the_way_and_only_revival_brings_them_back(seed):
    used = {}
    for revive_below in (0.0, 0.1):
        codebook = Codebook(32, 2, decay=0.95, revive_below=revive_below, seed=seed)
        used[revive_below] = [stage.used for stage in collapse.watch(codebook, 120)]
    for line in used.values():
        assert line[0] == 32  # k-means of the first batch
        assert line[collapse.STEPS_ON_THE_WAY] < 16
    assert used[0.0][-1] < 16
    assert used[0.1][-1] >= 30


def test_a_stage_is_what_the_codebook_was_after_that_step():
    stages = collapse.watch(Codebook(8, 2), 3)
    assert [stage.step for stage in stages] == [0, 1, 2]
    for stage in stages:
        assert stage.counts.sum() == len(stage.points) and stage.codes.shape == (8, 2)
        apart = np.linalg.norm(stage.points[:, None] - stage.codes, axis=2)  # (N, K)
        counts = np.bincount(apart.argmin(1), minlength=8)
        assert counts.tolist() == stage.counts.tolist()
    assert not np.array_equal(stages[0].codes, stages[2].codes)


def test_the_picture_tells_dead_from_living_by_marker():
    stages = collapse.watch(
        Codebook(32, 2, decay=0.95, revive_below=0.0), collapse.STEPS_ON_THE_WAY + 1
    )
    figure = plots.training.codebook_stages({"never revived": [stages[0], stages[-1]]})
    points, alive, dead = figure.axes[1].get_lines()
    assert len({line.get_marker() for line in (points, alive, dead)}) == 3
    assert len(alive.get_xdata()) == stages[-1].used
    assert len(dead.get_xdata()) == 32 - stages[-1].used > 0
