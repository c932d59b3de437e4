"""Checks of notebook 08: alarms where odd slices are rare, AUROC by hand, cheap and yet odd."""

from collections.abc import Callable

import numpy as np

from vqgen_utils.teaching.exercises.feedback import NotYet, call, check, choice, close, number


@check
def check_alarms(answer) -> str:
    """Ten of 1000 slices are odd; 9 of these and 1 in 20 of the others ring: share that is odd."""
    got, found, false = number("your answer", answer), 9.0, 990 / 20
    wanted = found / (found + false)
    if close(got, wanted, 0.005):
        return (
            f"9 of about {found + false:.0f} alarms. The test is a good one, and still most alarms "
            "are false, since there are so many normal slices. People soon ignore such an alarm."
        )
    for wrong, problem in (
        (found / 10, "that is the share of odd slices for which it rings. Asked is the other way "
         "round: the share of alarms that are for odd slices."),
        (10 / 1000, "so many slices are odd, whether it rings or not. Look at the alarms alone."),
        (1 / 20, "that is the share of normal slices for which it rings. Count all alarms first."),
        (1 - wanted, "that is the share of false alarms. And the rest?"),
        (1 - 1 / 20, "that is the share of normal slices at which it stays silent."),
        (found / false, "odd alarms by false ones are odds. For a share, divide by all alarms."),
        (100 * wanted, "that looks like percent. Give a share, between 0 and 1."),
        (found + false, "so many alarms there are. Which share of them is for an odd slice?"),
    ):  # fmt: skip
        if close(got, wrong, 0.005 * max(1, wrong)):
            raise NotYet(problem)
    raise NotYet(
        "count alarms: how many does it give for the ten odd slices, how many for the 990 others?"
    )


@check
def check_auroc(auroc: Callable) -> str:
    """auroc(odd (n,), normal (m,)) -> chance that an odd one scores higher, ties counting half."""

    def got(odd: list, normal: list) -> float:
        return number("auroc", call(auroc, np.array(odd, float), np.array(normal, float)))

    apart = got([5, 6, 7], [1, 2])
    if close(apart, 0):
        raise NotYet("odd ones that all score higher should give 1, not 0: turn the comparison.")
    if close(apart, 6):
        raise NotYet("that counts pairs. Divide by how many pairs there are, n times m.")
    if not close(apart, 1):
        raise NotYet(f"when every odd one scores higher it should be 1; you have {apart:.3f}.")
    value = got([3, 5, 5], [1, 5, 2, 4])  # 12 pairs, 8 won, 2 tied
    for wrong, problem in (
        (8 / 12, "two pairs are tied here, and you count them as lost. A tie counts half."),
        (10 / 12, "two pairs are tied here, and you count them as won. A tie counts half."),
    ):
        if close(value, wrong):
            raise NotYet(problem)
    if not close(value, 9 / 12):
        raise NotYet(
            f"for odd 3, 5, 5 and normal 1, 5, 2, 4 you have {value:.3f}. Of the 12 pairs 8 are "
            "won and 2 tied, which makes 0.750."
        )
    return (
        "no threshold was needed. But then it does not say which threshold to take, nor how many "
        "false alarms a day that means when odd slices are rare."
    )


@check
def check_why_not_odd(answer) -> str:
    """Why the cheapest slice need not be a normal one: "A", "B", "C" or "D"."""
    problems = {
        "A": "a perfect prior would charge even less for air after air: it is a likely pattern.",
        "C": "the empty slice has codes like any other, and the prior was asked about these.",
        "D": "it is cheap at every height. What does a real slice pay for that this one does not?",
    }
    choice(answer, "B", problems)
    return (
        "what is typical is a matter of the sum, not of the peak: no real slice costs next to "
        "nothing, and one that costs far less is as odd as one that costs far more."
    )
