"""Exercises of notebook 08: solutions pass, open stubs and typical mistakes are told in words."""

import numpy as np
import pytest
from notebook_cells import assert_complete, exercises_of, walk_through

from vqgen_utils.teaching.exercises import outliers as exercises

EXERCISES = exercises_of("08")


def names() -> dict:
    """What the notebook's first cells bring in."""
    return {"np": np, "exercises": exercises}


def test_there_are_exercises_enough_each_with_its_own_check():
    assert_complete(EXERCISES, exercises)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.title)
def test_a_stub_is_told_so_and_its_solution_passes(exercise):
    walk_through(exercise, names())


def pairs(odd, normal):
    return odd[:, None] - normal


@pytest.mark.parametrize(
    ("check", "answer", "words"),
    [
        (exercises.check_alarms, "few", "one number"),
        (exercises.check_alarms, 0.9, "the other way round"),
        (exercises.check_alarms, 0.01, "rings or not"),
        (exercises.check_alarms, 0.05, "normal slices for which it rings"),
        (exercises.check_alarms, 0.846, "And the rest?"),
        (exercises.check_alarms, 0.95, "stays silent"),
        (exercises.check_alarms, 9 / 49.5, "odds"),
        (exercises.check_alarms, 15.4, "percent"),
        (exercises.check_alarms, 58.5, "so many alarms"),
        (exercises.check_alarms, 0.5, "count alarms"),
        (exercises.check_auroc, lambda a, b: (pairs(a, b) < 0).mean(), "turn the comparison"),
        (exercises.check_auroc, lambda a, b: (pairs(a, b) > 0).sum(), "counts pairs"),
        (exercises.check_auroc, lambda a, b: (pairs(a, b) > 0).mean(), "count them as lost"),
        (exercises.check_auroc, lambda a, b: (pairs(a, b) >= 0).mean(), "count them as won"),
        (exercises.check_auroc, lambda a, b: a.mean() - b.mean(), "should be 1"),
        (exercises.check_auroc, lambda a, b: (a > b.max()).mean(), "12 pairs"),
        (exercises.check_auroc, lambda a, b: pairs(a, b) > 0, "one number"),
        (exercises.check_auroc, lambda a: 1.0, "TypeError"),
        (exercises.check_why_not_odd, "A", "perfect prior"),
        (exercises.check_why_not_odd, "C", "codes like any other"),
        (exercises.check_why_not_odd, "D", "at every height"),
        (exercises.check_why_not_odd, 2, "one letter"),
    ],
)
def test_a_typical_mistake_is_told_in_words(check, answer, words, capsys):
    check(answer)
    said = " ".join(capsys.readouterr().out.split())  # lines are broken to fit
    assert said.startswith("✗ Not yet:") and words in said, said
