"""Exercises of notebook 09: a wrong answer is told in words what is wrong with it."""

import numpy as np
import pytest
from notebook_cells import refusal

from vqgen_utils.teaching.exercises import few_patients as exercises


def best_of_all(losses, patience):
    best = int(np.argmin(losses))
    return best, min(best + patience, len(losses) - 1)


def two_worse_than_the_look_before(losses, patience):
    """Stops after `patience` looks that are each worse than the one before."""
    worse = 0
    for look in range(1, len(losses)):
        worse = worse + 1 if losses[look] > losses[look - 1] else 0
        if worse >= patience:
            return int(np.argmin(losses[: look + 1])), look
    return int(np.argmin(losses)), len(losses) - 1


def never_anew(losses, patience):
    """Counts all looks without a better one, in a row or not."""
    best = waited = 0
    for look in range(1, len(losses)):
        if losses[look] < losses[best]:
            best = look
        else:
            waited += 1
        if waited >= patience:
            return best, look
    return best, len(losses) - 1


def stop(losses, patience, better=lambda new, old: new < old, shift=0):
    best = 0
    for look, loss in enumerate(losses):
        best = look if better(loss, losses[best]) else best
        if look - best >= patience + shift:
            return best, look
    return best, len(losses) - 1


def mean_of_means(values, whose, drawn):
    return np.mean([values[whose == name].mean() for name in drawn])


@pytest.mark.parametrize(
    ("check", "answer", "words"),
    [
        (exercises.check_passes, "many", "one number"),
        (exercises.check_passes, 15, "a step shows eight"),
        (exercises.check_passes, 600, "slices of one patient"),
        (exercises.check_passes, 2400, "some slice of a patient"),
        (exercises.check_passes, 12_000, "shown in all"),
        (exercises.check_passes, 1 / 120, "turn it round"),
        (exercises.check_passes, 12.5, "one pass"),
        (exercises.check_passes, 7, "count the slices"),
        (exercises.check_stop, best_of_all, "never came there"),
        (exercises.check_stop, lambda *given: stop(*given)[::-1], "wrong way round"),
        (exercises.check_stop, lambda *given: tuple(n + 1 for n in stop(*given)), "from 1"),
        (exercises.check_stop, lambda a, p: stop(a, p, shift=-1), "stops at look 3 with you"),
        (exercises.check_stop, lambda a, p: (0, 1), "you have (0, 1)"),
        (exercises.check_stop, lambda a, p: (2, 4), "fall to the end"),
        (exercises.check_stop, lambda losses, patience: stop(losses, 2), "mind `patience`"),
        (exercises.check_stop, never_anew, "wait anew"),
        (exercises.check_stop, lambda a, p: stop(a, p, lambda x, y: x <= y), "equal is not better"),
        (exercises.check_stop, two_worse_than_the_look_before, "equal is not better"),
        (exercises.check_stop, lambda a, p: 4, "two indices"),
        (exercises.check_stop, lambda a: (2, 4), "TypeError"),
        (
            exercises.check_mean_of_draw,
            lambda values, whose, drawn: values[np.isin(whose, drawn)].mean(),
            "counts once with you",
        ),
        (exercises.check_mean_of_draw, lambda values, whose, drawn: values.mean(), "all slices"),
        (
            exercises.check_mean_of_draw,
            lambda values, whose, drawn: values[: len(drawn)].mean(),
            "is 4.200",
        ),
        (exercises.check_mean_of_draw, mean_of_means, "mean of the patients' means"),
        (exercises.check_mean_of_draw, lambda values, whose, drawn: 4.2, "is 5.000"),
        (exercises.check_mean_of_draw, lambda values, whose, drawn: values, "one number"),
        (exercises.check_claim, "A", "40 slices are of one person"),
        (exercises.check_claim, "C", "no promise"),
        (exercises.check_claim, "D", "something was measured"),
        (exercises.check_claim, 2, "one letter"),
    ],
)
def test_a_wrong_answer_is_told_what_is_wrong(check, answer, words):
    assert words in refusal(check, answer)
