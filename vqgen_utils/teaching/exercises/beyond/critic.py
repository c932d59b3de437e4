"""Checks of notebook 13: what texture costs, the hinge loss, which picture a doctor may see."""

from collections.abc import Callable

import torch

from vqgen_utils.teaching.exercises.feedback import NotYet, call, check, choice, close, number


@check
def check_texture_costs(answer) -> str:
    """Texture of variance 0.04 that codes say nothing about; expected error of another draw."""
    got, variance = number("your answer", answer), 0.04
    if close(got, 2 * variance, 1e-6):
        return (
            "twice what the smooth one pays. The error counts both textures, and they know nothing "
            "of each other. So squared error forbids texture, though real slices have it."
        )
    for wrong, problem in (
        (variance, "that is what the smooth decoder pays, which paints the mean."),
        (0.0, "they look alike, but they are not the same texture: where one is bright, the other "
              "may be dark."),
        (4 * variance, "variances of independent things add up; they are not multiplied."),
        (2 * variance**0.5, "the error is squared: add the variances, not their roots."),
        (variance**0.5, "the error is squared: use variances, not their roots."),
        (variance**2, "the variance is squared already."),
    ):  # fmt: skip
        if close(got, wrong, 1e-6):
            raise NotYet(problem)
    raise NotYet(
        "the mean of (x - x')², where x and x' are independent, with the same mean and variance."
    )


@check
def check_hinge(hinge: Callable) -> str:
    """hinge(real, painted) -> a critic's loss on its answers to real and to painted patches."""

    def got(real: list[float], painted: list[float]) -> float:
        answer = call(hinge, torch.tensor(real), torch.tensor(painted))
        return number("hinge", answer.detach() if isinstance(answer, torch.Tensor) else answer)

    value = got([0.0], [0.0])
    if close(value, 1.0):
        raise NotYet("for answers of 0 it is 1 with you: add the two parts, each of which pays 1.")
    if not close(value, 2.0):
        raise NotYet(f"a critic that answers 0 to all pays 1 for each kind, 2 in all; not {value}.")
    value = got([3.0], [-3.0])
    if close(value, -4.0):
        raise NotYet("3 for real and -3 for painted pays nothing, not less: cut off at 0 (relu).")
    if close(value, 8.0):
        raise NotYet("3 for real and -3 for painted is right, and pays nothing: turn the signs.")
    if not close(value, 0.0):
        raise NotYet(f"3 for real and -3 for painted pays nothing; with you {value}.")
    value = got([3.0, -1.0], [-1.0, 0.0])  # 0 and 2; 0 and 1
    if close(value, 3.0):
        raise NotYet("take the mean over the patches of each kind, not the sum.")
    if close(value, 0.0) or close(value, 0.5):
        raise NotYet("cut off each patch at 0 first, then take the mean: one may not pay for all.")
    if not close(value, 1.5):
        raise NotYet(
            f"real patches that get 3 and -1 pay 0 and 2, painted ones that get -1 and 0 pay 0 and "
            f"1: the means add up to 1.5, and yours is {value:.3f}."
        )
    if not close(got([-1.0], [0.0, -1.0, -1.0, -1.0]), 2.25):
        raise NotYet("there may be more of one kind: take the mean of each kind by itself.")
    return (
        "a patch that is judged well enough has no say any more, so the critic learns from those "
        "that it finds hard."
    )


@check
def check_for_the_doctor(answer) -> str:
    """Which picture goes to somebody who looks for a small lesion: "A", "B", "C" or "D"."""
    problems = {
        "A": "that it looks sharp is what it was trained for. Is the detail this patient's?",
        "C": "a mean of invented details is nearly the smooth picture; why invent them first?",
        "D": "the seed changes only what was invented, so no seed is the true one.",
    }
    choice(answer, "B", problems)
    return (
        "for a finding, show what was measured, or at least what is known, and mark what is not. "
        "The sharp one is good for what only has to look real, such as a lesson or a test."
    )
