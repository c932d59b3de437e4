"""Checks of notebook 14: what chance scores, which variants are not beaten, which to use."""

from collections.abc import Callable

import numpy as np
from scipy import stats

from vqgen_utils.teaching.exercises.feedback import NotYet, call, check, choice, close, number


@check
def check_luck(answer) -> str:
    """The chance that a coin gets 15 or more of 20 slices right."""
    got = number("your answer", answer)
    right = stats.binom.sf(14, 20, 0.5)
    if close(got, right, 0.0015):
        return (
            f"about one try in {1 / right:.0f}. So 15 of 20 is hardly luck, for one reader and one "
            "set. Of fifty readers who only guess, one gets as far."
        )
    for wrong, problem in (
        (stats.binom.sf(15, 20, 0.5), "that is 16 or more. 15 counts as well."),
        (
            stats.binom.pmf(15, 20, 0.5),
            "that is 15 and no other number. 16 to 20 are better still.",
        ),
        (stats.binom.cdf(15, 20, 0.5), "that is 15 or fewer. Ask for the other end."),
        (
            stats.binom.cdf(14, 20, 0.5),
            "that is 14 or fewer, all that is not meant: take 1 minus it.",
        ),
        (15 / 20, "that is the share that was right. How often does a coin get so far?"),
        (0.5**15, "so likely are fifteen heads in a row. Here it may be any 15 of the 20."),
        (100 * right, "give a share of all tries, between 0 and 1, and no percent."),
    ):
        if close(got, wrong, 0.0005):
            raise NotYet(problem)
    raise NotYet(
        "sum the binomial probabilities of 15, 16, ... 20 right: "
        "`scipy.stats.binom.sf(14, 20, 0.5)` is the chance of more than 14."
    )


@check
def check_front(not_beaten: Callable) -> str:
    """not_beaten(scores (n, 2), less is better in both) -> (n,) bool: no other is as good in both
    and better in one."""

    def got(scores: list[list[float]]) -> list[bool]:
        answer = np.asarray(call(not_beaten, np.array(scores)))
        if answer.shape != (len(scores),) or answer.dtype != bool:
            raise NotYet(
                f"for {len(scores)} variants return an array of {len(scores)} booleans, not "
                f"{answer!r}."
            )
        return answer.tolist()

    scores = [[1.0, 4.0], [2.0, 2.0], [3.0, 3.0], [4.0, 1.0]]
    answer = got(scores)
    if answer == [False, False, True, False]:
        raise NotYet("you say who is beaten. Turn it round.")
    if answer == [True, False, False, True]:
        raise NotYet(
            "(2, 2) is missing: it is best in neither, but nothing is as good as it in both."
        )
    if answer != [True, True, False, True]:
        raise NotYet(
            "of (1, 4), (2, 2), (3, 3), (4, 1) only (3, 3) is beaten, by (2, 2). You have "
            f"{answer}."
        )
    if got([[1.0, 1.0], [1.0, 1.0], [1.0, 2.0]]) != [True, True, False]:
        raise NotYet(
            "of two that are equal in both, neither beats the other; and (1, 2) is beaten by "
            "(1, 1), which is as good in one and better in the other."
        )
    return (
        "these variants are the front: to be better in one thing than any of them, one pays in the "
        "other. With intervals that overlap, a place on the front may be luck."
    )


@check
def check_use(answer) -> str:
    """Which generator to show to a doctor who looks for a lesion: "A", "B", "C" or "D"."""
    problems = {
        "A": "a picture that looks real may show texture that nobody measured. Who pays for that?",
        "B": "few bits say that codes are well predicted. Are they a reason to believe a pixel?",
        "C": "rules are about outlines. May a lesion be smaller than all that they measure?",
    }
    choice(answer, "D", problems)
    return (
        "no generator here has measured the patient. A sharp decoder adds what is likely, and a "
        "lesion is what is not likely. For teaching, for tests of software or for more training "
        "pictures the same generators may be good enough: say which, and what was measured."
    )
