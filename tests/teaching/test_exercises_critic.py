"""Exercises of notebook 13: a wrong answer is told in words what is wrong with it."""

import pytest
import torch
import torch.nn.functional as F
from notebook_cells import refusal

from vqgen_utils.teaching.exercises.beyond import critic as exercises


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (..., "replace the three dots"),
        ("a", "give one number"),
        (0.04, "which paints the mean"),
        (0.0, "not the same texture"),
        (0.16, "add up"),
        (2 * 0.2, "not their roots"),
        (0.0016, "squared already"),
        (7, "independent"),
    ],
)
def test_what_texture_costs(answer, words):
    assert words in refusal(exercises.check_texture_costs, answer)


def test_twice_the_variance_is_right(capsys):
    exercises.check_texture_costs(0.08)
    assert "✓ Right: twice" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("hinge", "words"),
    [
        (lambda real, painted: ..., "still returns the three dots"),
        (lambda real, painted: F.relu(1 - real).mean(), "add the two parts"),
        (lambda real, painted: (1 - real).mean() + (1 + painted).mean(), "cut off at 0"),
        (lambda real, painted: F.relu(1 + real).mean() + F.relu(1 - painted).mean(), "signs"),
        (lambda real, painted: F.relu(1 - real).sum() + F.relu(1 + painted).sum(), "not the sum"),
        (lambda real, painted: F.relu((1 - real).mean()) + F.relu((1 + painted).mean()), "each"),
        (lambda real, painted: 2 * F.relu(1 - torch.cat([real, -painted])).mean(), "itself"),
        (lambda real, painted: real.mean(), "pays 1 for each kind"),
    ],
)
def test_a_hinge_loss_that_is_none(hinge, words):
    assert words in refusal(exercises.check_hinge, hinge)


def test_the_hinge_loss(capsys):
    def right(real, painted):
        return torch.clamp(1 - real, min=0).mean() + torch.clamp(1 + painted, min=0).mean()

    exercises.check_hinge(right)
    assert "✓ Right" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "words"),
    [("A", "this patient's"), ("c", "invent them first"), ("D", "no seed"), ("E", "none of the")],
)
def test_pictures_that_a_doctor_must_not_get(answer, words):
    assert words in refusal(exercises.check_for_the_doctor, answer)


def test_the_smooth_picture_with_a_note_is_right(capsys):
    exercises.check_for_the_doctor("b")
    assert "✓ Right" in capsys.readouterr().out
