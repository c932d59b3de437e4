"""Parts are put together without training, and what came of it is written down honestly."""

import numpy as np
import pandas as pd
import pytest
import torch

from vqgen_utils.machine import load_json
from vqgen_utils.runs import Run
from vqgen_utils.runs.beyond import MEASURES, Judge, together


def scores(**means):
    """`Judge.scores` with these means and an interval of 0.01 to either side."""
    table = pd.DataFrame(np.nan, index=list(MEASURES), columns=["mean", "low", "high"])
    for name, mean in means.items():
        table.loc[name] = mean, mean - 0.01, mean + 0.01
    return table


@pytest.fixture
def run(finished, monkeypatch):
    monkeypatch.setenv("VQGEN_HOME", str(finished))
    return Run("smoke")


def test_all_parts_that_are_there_make_one_generator(run):
    settings = run.settings("smoke")
    judge = Judge(run, settings)
    made = together.generators(run, settings, judge)
    assert next(iter(made)) == "plain" and list(made)[-1] == "all together"
    assert {"two levels", "critic"} < set(made)
    for generator in made.values():
        first, again = (together.rounds_of(generator, judge, 1, 7)[0] for _ in range(2))
        assert first.shape == judge.x.shape == generator.x_hat.shape
        assert torch.equal(first, again) and first.min() >= 0 and first.max() <= 1
    true = run.load_codes()[judge.rows.index]
    plain, two = made["plain"], made["two levels"]
    kept = together.rounds_of(plain, judge, 1, 7, true)[0]
    assert torch.allclose(kept, plain.x_hat, atol=1e-6)  # nothing is left to draw
    one, other = together.rounds_of(two, judge, 2, 7, true)
    assert not torch.equal(one, other)  # second codes are drawn
    assert two.bits_per_pixel > plain.bits_per_pixel


def test_a_blind_set_is_half_real_and_its_order_says_nothing():
    x, drawn = torch.zeros(30, 8, 4), [torch.ones(30, 8, 4)] * 2
    sets = together.blind_sets(x, drawn, 3, seed=0)
    for slices, real in sets:
        assert slices.shape == (20, 8, 4) and real.sum() == 10
        assert np.array_equal(slices[:, 0, 0] == 0, real)
    assert not np.array_equal(sets[0][1], sets[1][1])
    few = together.blind_sets(x[:3], drawn, 1, seed=0)
    assert len(few[0][0]) == 6


def test_the_whole_is_behind_a_part_only_beyond_both_intervals():
    found = together.behind(
        {
            "plain": scores(ssim=0.95, precision=0.80, auc_half=0.99),
            "all": scores(ssim=0.92, precision=0.79, auc_half=0.90),
        },
        "all",
    )
    assert found == {"ssim": "plain"}


def test_what_was_asked_is_a_range():
    asked = together.asked({"texture_power": "power", "ssim": "SSIM"})
    assert asked == {"power": (0.9, 1.1), "SSIM": (0.95, np.inf)}


def test_comparison_json_has_a_headline_and_a_reason_for_what_is_missing(run):
    headline = together.keep(run, "all", {"reader": "it is blind"}, {"all": scores(ssim=0.9)})
    written = load_json(run.path("comparison.json"))
    assert written["headline"] == headline and headline["ssim"] == 0.9
    assert written["not_measured"]["precision"] == "it is blind"
    assert {name for name, value in headline.items() if value is None} == set(
        written["not_measured"]
    )
    met = {row["met"] for row in written["targets"].values()}
    assert met == {"no", "not measured"}


def test_published_numbers_are_those_of_the_same_data_only(run):
    assert together.published("other data").empty
