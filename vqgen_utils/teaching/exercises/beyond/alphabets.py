"""Checks of notebook 10: the floor of the penalty, the cheapest code, two alphabets."""

from collections.abc import Callable

import torch

from vqgen_utils.models.beyond.alphabets import cheapest, orthogonality_floor
from vqgen_utils.teaching.exercises.feedback import (
    NotYet,
    call,
    check,
    choice,
    close,
    number,
    same_shape,
)


@check
def check_floor(answer) -> str:
    """The least that the penalty can be for 64 codes of 16 numbers."""
    got, codes, dim = number("your answer", answer), 64, 16
    if close(got, orthogonality_floor(codes, dim), 5e-5):
        return (
            "48 / 1024. Half as many numbers a code, and it would be more than twice as high; with "
            "64 numbers it would be 0, and 64 codes could all be at right angles."
        )
    for wrong, problem in (
        (codes * (codes - dim) / dim, "divide by K^2: the penalty is a mean over all pairs."),
        (
            dim * (dim - codes) / (codes * dim**2),
            "K is the number of codes, and D how many numbers each has.",
        ),
        ((codes - dim) / (codes * dim**2), "there is one D below the line, not two."),
        ((codes - dim) / codes**2, "D is missing below the line."),
        (1 / dim, "that forgets the diagonal, on which nothing is penalised: it takes K of K^2/D."),
        (0, "could 64 directions be at right angles to each other in 16 dimensions?"),
    ):
        if close(got, wrong, 1e-5):
            raise NotYet(problem)
    raise NotYet("put K = 64 and D = 16 into K(K - D) / (D K^2).")


@check
def check_cheapest_code(cheapest_code: Callable) -> str:
    """cheapest_code(z (N, D), codes (K, D), shares (K,), weight) -> (N,)."""
    z = torch.tensor([[0.0, 0.0], [1.9, 0.0], [3.0, 0.0], [3.6, 0.0], [4.0, 0.0]])
    codes = torch.tensor([[0.0, 0.0], [4.0, 0.0], [4.0, 3.0]])
    common_first, common_second = torch.tensor([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]])

    def got(weight: float, shares: torch.Tensor = common_first) -> list[int]:
        answer = call(cheapest_code, z.clone(), codes.clone(), shares.clone(), weight)
        chosen = torch.as_tensor(answer)
        same_shape("what it returns", chosen, (len(z),))
        return chosen.tolist()

    near = got(0.0)
    if near == [2, 2, 2, 0, 0]:
        raise NotYet("you take the code with the largest cost: the smallest is wanted, argmin.")
    if near != [0, 0, 1, 1, 1]:
        raise NotYet(
            f"where a bit is worth nothing, the nearest codes are 0, 0, 1, 1, 1; yours: {near}."
        )
    dear = got(9.0)  # a code of share 1/4 costs 9 more than one of share 1/2
    if dear == near:
        raise NotYet(
            "weight 9 changes nothing with you: does it come into the cost, and is the logarithm "
            "to base 2?"
        )
    if dear == [0, 1, 1, 1, 1]:
        raise NotYet("rare codes get cheaper with you: the bits are *minus* log2 of the share.")
    if dear == [0, 0, 0, 0, 0]:
        raise NotYet("all vectors take the common code with you: the distance is squared.")
    if dear != [0, 0, 0, 1, 1]:
        raise NotYet(f"for weight 9 it is 0, 0, 0, 1, 1, and yours is {dear}.")
    other = got(9.0, common_second)
    if other != cheapest(z, codes, common_second, 9.0).tolist():
        raise NotYet("with other shares it goes wrong: take them from the argument.")
    return (
        "the vectors in between go to the common code. Count anew, choose anew, and the rare code "
        "gets rarer still: that is the whole of a dynamic codebook."
    )


@check
def check_alphabet(answer) -> str:
    """Which of two alphabets of the same SSIM is the better one to generate with: a letter."""
    problems = {
        "A": "its codes take fewer bits when each is guessed alone. Does a prior guess them alone?",
        "C": "both keep as much of a slice. But a prior must draw the codes: which cost more bits?",
        "D": "a code used less often is no loss by itself. Look at what a prior pays for a slice.",
    }
    choice(answer, "B", problems)
    return (
        "a prior knows the codes around each one, and what is left to guess is what it has to get "
        "right when it draws. Then look at samples all the same: fewer bits are no proof of them."
    )
