"""Exercises of notebook 08: a wrong answer is told in words what is wrong with it."""

import pytest
from notebook_cells import refusal

from vqgen_utils.teaching.exercises import outliers as exercises


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
def test_a_wrong_answer_is_told_what_is_wrong(check, answer, words):
    assert words in refusal(check, answer)
