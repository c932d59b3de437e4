"""Checks of notebook 09: passes over few slices, early stopping, one draw of people, a claim."""

from collections.abc import Callable

import numpy as np

from vqgen_utils.teaching.exercises.feedback import NotYet, call, check, choice, close, number


@check
def check_passes(answer) -> str:
    """5 patients of 20 slices, 1,500 steps of 8 slices: times that each slice is shown."""
    got, slices, shown = number("your answer", answer), 5 * 20, 1500 * 8
    if close(got, shown / slices, 0.01):
        return (
            f"{shown:,} slices are shown, and there are {slices}. In a series with thousands of "
            "slices the same steps would be a few passes: the number of steps says nothing alone."
        )
    for wrong, problem in (
        (1500 / slices, "a step shows eight slices, not one."),
        (shown / 20, "that is by the slices of one patient. How many are there in all?"),
        (shown / 5, "so often is some slice of a patient shown. How many slices has each?"),
        (shown, "so many slices are shown in all. How many different ones are there?"),
        (slices / shown, "turn it round: slices shown, by slices there are."),
        (slices / 8, "so many steps make one pass. And how many passes are 1,500 steps?"),
    ):
        if close(got, wrong, 0.001):
            raise NotYet(problem)
    raise NotYet("count the slices shown in all steps, and the slices that there are.")


@check
def check_stop(stop: Callable) -> str:
    """stop(losses, patience) -> (index of the best so far, index where training stops)."""

    def got(losses: list[float], patience: int) -> tuple[int, int]:
        answer = call(stop, list(losses), patience)
        if not isinstance(answer, (tuple, list)) or len(answer) != 2:
            raise NotYet(f"it returns {answer!r}: return two indices, the best and the stop.")
        return int(number("the best", answer[0])), int(number("the stop", answer[1]))

    best, at = got([5.0, 4.0, 3.0, 3.5, 3.6, 1.0], 2)
    if best == 5:
        raise NotYet(
            "for 5, 4, 3, 3.5, 3.6, 1 and patience 2 your best is look 5. Training was over at "
            "look 4 and never came there."
        )
    if (best, at) == (4, 2):
        raise NotYet("the two indices are the wrong way round: the best comes first.")
    if (best, at) == (3, 5):
        raise NotYet("these are the right looks, counted from 1. The first is look 0.")
    if best == 2 and at in (3, 5):
        raise NotYet(
            f"for 5, 4, 3, 3.5, 3.6, 1 and patience 2 it stops at look {at} with you: the best is "
            "look 2, and the first look that is 2 after it is look 4."
        )
    if (best, at) != (2, 4):
        raise NotYet(
            f"for 5, 4, 3, 3.5, 3.6, 1 and patience 2 you have {(best, at)}: the best is look 2, "
            "and look 4 is where it stops."
        )
    if got([3.0, 2.0, 1.0], 2) != (2, 2):
        raise NotYet("losses that fall to the end never let it wait: best and stop are the last.")
    if got([3.0, 4.0, 5.0, 2.0], 1) != (0, 1):
        raise NotYet("for 3, 4, 5, 2 and patience 1 it is look 0, and stop 1: mind `patience`.")
    if got([4.0, 5.0, 3.0, 4.0, 2.0, 2.5], 2) != (4, 5):
        raise NotYet(
            "in 4, 5, 3, 4, 2, 2.5 no two looks in a row are without a better one: begin to wait "
            "anew at each better look. It runs to the end, and the best is look 4."
        )
    if got([2.0, 2.0, 2.0, 2.0], 2) != (0, 2):
        raise NotYet("equal is not better: for 2, 2, 2, 2 and patience 2 it is look 0, and stop 2.")
    return (
        "and it had to miss the 1.0 that came later. Too little patience stops at a bump, much of "
        "it costs time. The best weights are kept in both cases."
    )


@check
def check_mean_of_draw(mean_of_draw: Callable) -> str:
    """mean_of_draw(values (n,), patients (n,), names drawn) -> mean over the slices drawn."""
    values = np.array([1.0, 3.0, 5.0, 6.0, 11.0])
    patients = np.array(["ann", "ann", "ann", "bob", "cem"])

    def got(drawn: list[str]) -> float:
        answer = call(mean_of_draw, values.copy(), patients.copy(), list(drawn))
        return number("mean_of_draw", answer)

    value = got(["ann", "bob", "bob"])  # slices 1, 3, 5, 6, 6
    for wrong, problem in (
        (15 / 4, "bob was drawn twice and counts once with you. Each time counts."),
        (5.2, "that is the mean over all slices. Take those of the patients drawn."),
        (5.0, "that is the mean of the patients' means. Asked is the mean over their slices."),
    ):
        if close(value, wrong):
            raise NotYet(problem)
    if not close(value, 21 / 5):
        raise NotYet(
            f"ann has 1, 3, 5 and bob has 6; for ann, bob, bob you have {value:.3f}, and the mean "
            "of 1, 3, 5, 6, 6 is 4.200."
        )
    value = got(["ann", "cem"])  # 1, 3, 5, 11
    if not close(value, 20 / 4):
        raise NotYet(f"for ann, cem you have {value:.3f}; the mean of 1, 3, 5, 11 is 5.000.")
    return (
        "do this two thousand times, and the middle 95 in 100 of the means are the interval. Whole "
        "people come and go, so what is odd about one of them is in all of their slices or in none."
    )


@check
def check_claim(answer) -> str:
    """What can be signed after a test on one patient: "A", "B", "C" or "D"."""
    problems = {
        "A": "the 40 slices are of one person. How many independent things are there to draw from?",
        "C": "one person is no promise for others. What has been seen of how people differ?",
        "D": "something was measured, on one patient. Which sentence says that, and no more?",
    }
    choice(answer, "B", problems)
    return (
        "the number, on whom it was measured, and what is not known. Folds would turn one patient "
        "into six."
    )
