"""Judges that tell sets apart or cannot, power by octave, and a score by classes."""

import numpy as np
import pandas as pd
import pytest
import torch

from vqgen_utils.evaluation import targets
from vqgen_utils.evaluation.texture import classes, judges, octaves

PATIENTS = np.repeat(np.arange(6), 4)  # of 24 slices
STEPS = 60  # of a judge's training


def textured(n: int, seed: int, waves: float = 0.1) -> torch.Tensor:
    """Slices (n, 32, 16): a bright body, with noise all over it."""
    generator = torch.Generator().manual_seed(seed)
    slices = torch.zeros(n, 32, 16)
    slices[:, 4:28, 3:13] = 0.5
    return slices + waves * torch.rand(n, 32, 16, generator=generator)


def a_trial(drawn: torch.Tensor) -> judges.Trial:
    """Half of the drawn ones to learn from, half to be told from real slices."""
    return judges.Trial(textured(40, 1), drawn[::2], textured(24, 2), drawn[1::2], PATIENTS)


# ---- Judges -------------------------------------------------------------------------------------


def test_what_is_drawn_like_real_slices_cannot_be_told_from_them():
    auc = judges.told_apart(a_trial(textured(60, 3)), "full", STEPS).mean()
    assert 0.3 < auc < 0.7


def test_slices_without_texture_are_told_from_real_ones_where_texture_is_seen():
    smooth = a_trial(textured(60, 3, waves=0.0) + 0.05)
    assert judges.told_apart(smooth, "full", STEPS).mean() > 0.95


def test_fine_texture_is_gone_at_a_quarter_of_the_resolution_and_shape_is_not():
    sign = torch.tensor([1.0, -1.0]).repeat(16)[:, None] * torch.tensor([1.0, -1.0]).repeat(8)
    striped = a_trial(textured(60, 3) + 0.1 * sign)  # every 2 x 2 pixels have the same mean
    assert judges.told_apart(striped, "full", STEPS).mean() > 0.95
    assert judges.told_apart(striped, "quarter", STEPS).mean() < 0.75
    halved = textured(60, 3)
    halved[:, 16:] *= 0.2
    assert judges.told_apart(a_trial(halved), "quarter", STEPS).mean() > 0.95


def test_a_judge_depends_on_its_seed_alone_and_leaves_the_random_state():
    trial = a_trial(textured(60, 3))
    before = torch.get_rng_state()
    one, again, other = (judges.told_apart(trial, "quarter", STEPS, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(one, again) and not np.array_equal(one, other)


def test_each_trial_has_an_interval_over_its_own_patients():
    some = judges.every_other(PATIENTS)
    x = textured(24, 2)
    trials = {
        "half": judges.Trial(x, x, x[some], x[~some], PATIENTS[some]),
        "smooth": a_trial(textured(60, 3, waves=0.0)),
    }
    table = judges.auc_with_intervals(trials, "full", STEPS)
    assert list(table.index) == ["half", "smooth"] and list(table) == ["mean", "low", "high"]
    assert (table["low"] <= table["mean"]).all() and (table["mean"] <= table["high"]).all()


def test_nobody_is_in_both_groups_of_patients():
    some = judges.every_other(PATIENTS)
    assert set(PATIENTS[some]) == {0, 2, 4} and set(PATIENTS[~some]) == {1, 3, 5}


def test_blurred_slices_have_less_detail_and_the_same_light():
    x = textured(4, 0)
    soft, softer = judges.blurred(x.half(), "full"), judges.blurred(x, "quarter")
    assert softer.std() < soft.std() < x.std()
    assert softer.mean() == pytest.approx(x.mean().item(), rel=1e-3)


@pytest.mark.parametrize(
    ("blurred", "real", "words"),
    [
        (0.99, 0.45, None),
        (0.55, 0.50, "does not notice a blur (AUC 0.55)"),
        (float("nan"), 0.50, "does not notice a blur"),
        (0.99, 0.80, "tells patients from patients (AUC 0.80)"),
        (0.99, 0.20, "tells patients from patients"),
    ],
)
def test_a_judge_that_is_blind_or_prejudiced_says_so(blurred, real, words):
    why = judges.why_not("half", blurred, real)
    assert why == "" if words is None else words in why and "half resolution" in why


def test_patients_are_told_from_patients_only_where_there_are_two_on_either_side():
    assert judges.why_too_few(np.array([1, 2, 2]), np.array([3, 4])) == ""
    assert "too few training patients" in judges.why_too_few(np.array([1, 1]), np.array([3, 4]))
    assert "too few held-out patients" in judges.why_too_few(np.array([1, 2]), np.array([3]))


def test_a_judge_that_failed_at_one_scale_takes_that_score_alone():
    reasons = targets.not_measured({"full": "", "half": "it is blind", "quarter": ""})
    assert reasons == {"auc_half": "it is blind"}


# ---- Power --------------------------------------------------------------------------------------


def wave(pixels: float, shape: tuple[int, int] = (64, 64)) -> torch.Tensor:
    """One slice (1, H, W) with waves of so many pixels along the first axis."""
    rows = torch.sin(2 * torch.pi * torch.arange(shape[0]) / pixels)
    return rows[:, None].expand(*shape)[None]


@pytest.mark.parametrize("pixels, first", [(2.9, 2), (5.5, 4), (11, 8), (20, 16)])
def test_a_wave_has_its_power_in_its_own_octave_whichever_way_it_runs(pixels, first):
    octave = f"{first} to {2 * first} pixels"
    along, across = wave(pixels), wave(pixels).mT
    for one in (along, across):
        power = octaves.octave_power(one)
        assert power.idxmax() == octave
        assert power.drop(octave).max() < 0.1 * power[octave]


def test_a_step_between_opposite_edges_is_no_fine_detail():
    ramp = torch.linspace(0, 1, 64)[None, :, None].expand(1, 64, 64)
    whole = torch.fft.fft2(ramp - ramp.mean()).abs().square()[0, 16:33, 0].mean()
    assert octaves.octave_power(ramp)["2 to 4 pixels"] < 0.05 * whole / 64


def test_white_noise_has_as_much_power_in_every_octave():
    noise = torch.randn(200, 64, 32, generator=torch.Generator().manual_seed(0))
    power = octaves.octave_power(noise)
    assert len(power) == 3 and power.max() < 1.2 * power.min()


def test_half_as_strong_a_texture_has_a_quarter_of_the_power():
    real = torch.randn(20, 32, 32, generator=torch.Generator().manual_seed(0))
    table = octaves.power_over_real({"real": real, "weaker": 0.5 * real}, real)
    assert table.loc["real"].tolist() == pytest.approx([1.0] * 3)
    assert table.loc["weaker"].tolist() == pytest.approx([0.25] * 3)


def test_the_smallest_slices_have_one_octave_and_empty_ones_no_ratio():
    assert octaves.octave_names((8, 16)) == ["2 to 4 pixels"]
    table = octaves.power_over_real({"some": wave(3, (8, 8))}, torch.zeros(2, 8, 8))
    assert table.isna().all(axis=None)


# ---- Classes ------------------------------------------------------------------------------------


def test_the_score_is_one_without_classes_and_as_many_as_there_are_when_sure_and_even():
    sure = torch.eye(5).repeat(4, 1)  # (20, 5)
    assert classes.inception_score(sure) == pytest.approx(5)
    assert classes.inception_score(sure[:1].repeat(20, 1)) == pytest.approx(1)
    assert classes.inception_score(torch.full((20, 5), 0.2)) == pytest.approx(1)


def test_one_picture_a_class_repeated_scores_as_well_as_many_pictures():
    generator = torch.Generator().manual_seed(0)
    truth = np.arange(60) % 3
    centres = 3 * torch.eye(3)  # (C, F)
    known, new = (
        centres[torch.from_numpy(truth)] + torch.randn(60, 3, generator=generator) for _ in range(2)
    )
    (shares,) = classes.class_shares(known, truth, new)
    assert shares.sum(1) == pytest.approx(torch.ones(60), abs=1e-5)
    assert classes.why_no_classes(shares, truth, truth) == ""
    few = classes.surest(shares)
    assert shares[few].argmax(1).tolist() == [0, 1, 2]
    assert classes.inception_score(shares[np.resize(few, 60)]) > classes.inception_score(shares)


def test_classes_that_cannot_be_read_are_no_classes():
    truth = np.arange(40) % 2
    (shares,) = classes.class_shares(torch.zeros(40, 3), truth, torch.zeros(40, 3))
    assert "cannot be read" in classes.why_no_classes(shares, truth, truth)
    assert "one class" in classes.why_no_classes(torch.ones(4, 1), np.zeros(4), np.zeros(4))


# ---- What is missing ----------------------------------------------------------------------------


def test_one_held_out_patient_takes_every_score_that_needs_a_floor():
    reasons = targets.not_measured({"patients": "there is one"})
    names = {"auc_full", "auc_half", "auc_quarter", "texture_power", "inception_score"}
    assert names <= set(targets.HEADLINE) and names <= reasons.keys()
    headline, _ = targets.with_reasons(dict.fromkeys(names, 0.5), reasons)
    assert pd.isna(list(headline.values())).all()
