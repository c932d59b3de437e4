"""What is asked of any generator, and what is kept of each."""

import pytest
import torch

from vqgen_utils.machine import load_json
from vqgen_utils.runs import Run
from vqgen_utils.runs.beyond import MEASURES, Judge, variants


@pytest.fixture
def run(finished, monkeypatch):
    """The whole series on `smoke`; what is kept of variants goes when the test is over."""
    monkeypatch.setenv("VQGEN_HOME", str(finished))
    run = Run("smoke")
    known = run.path("variants.json")
    before = known.read_bytes() if known.exists() else None
    yield run
    known.unlink(missing_ok=True)
    if before is not None:
        known.write_bytes(before)


@pytest.fixture
def judge(run):
    return Judge(run, run.settings("smoke"))


def test_a_generator_that_repeats_the_held_out_slices_is_perfect_but_for_what_it_repeats(judge):
    scores = judge.scores(0.999 * judge.x, [judge.x, judge.x])
    assert scores.index.tolist() == list(MEASURES)
    assert scores.loc["ssim", "mean"] == pytest.approx(1, abs=1e-3)
    assert scores.loc["texture_power", "mean"] == pytest.approx(
        judge.floor().loc["texture_power", "mean"]
    )
    assert (scores["low"].dropna() <= scores["mean"].loc[scores["low"].notna()] + 1e-9).all()


def test_what_failed_in_the_judge_is_not_measured(judge):
    noise = torch.rand(judge.x.shape, generator=torch.Generator().manual_seed(0))
    judge.failed |= {"reader": "blind", "quarter": "blind"}
    scores = judge.scores(None, [noise, noise])["mean"]
    blind = ["frechet_samples", "precision", "recall", "anatomy_pass_samples", "auc_quarter"]
    assert scores[["ssim", *blind, "inception_score"]].isna().all()
    assert scores["texture_power"] > 10


def test_variants_of_a_notebook_replace_its_earlier_ones_and_leave_the_others(run, judge):
    scores = judge.scores(0.999 * judge.x, [])
    variants.keep(run, "11_b", {"two": scores})
    variants.keep(run, "10_a", {"one": scores}, {"one": {"seconds": 3}})
    variants.keep(run, "11_b", {"three": scores})
    table = variants.read(run)
    mine = table[table["notebook"].isin(["10_a", "11_b"])]
    assert mine["variant"].tolist() == ["one", "three"]
    assert (
        mine["ssim"].tolist() == pytest.approx([1, 1], abs=1e-3) and mine["precision"].isna().all()
    )
    assert mine["seconds"].tolist()[0] == 3
    assert load_json(run.path("variants.json"))["variants"][0]["precision"] is None


def test_variants_of_another_vqvae_are_none_of_this_one(run, judge, monkeypatch):
    variants.keep(run, "10_a", {"one": judge.scores(0.999 * judge.x, [])})
    monkeypatch.setattr(Run, "fingerprint", lambda self, file: "another")
    assert variants.read(run).empty


def test_a_table_for_reading_says_none_where_nothing_was_measured(judge):
    table = variants.table({"copy": judge.scores(0.999 * judge.x, [])}, ["ssim", "auc_half"])
    assert table.loc["copy", "ssim"].startswith("1.000") and table.loc["copy", "auc_half"] == "none"
