"""Checks of notebook 11: how much two codes say, residual codes, a top that says nothing."""

from collections.abc import Callable

import torch

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
def check_vectors(answer) -> str:
    """Two codebooks of 64: vectors of a single codebook that says as many things."""
    got = number("your answer", answer)
    for wrong, problem in (
        (128, "so many vectors are in both codebooks. How many sums can they make?"),
        (64, "for each of the 64 first codes there are 64 second ones."),
        (12, "so many bits it is. How many different things do they tell apart?"),
        (64 * 63 / 2, "the order counts, and the same number may come twice: they are two books."),
        (64**3, "a position has two codes, not three."),
    ):
        if close(got, wrong, 1e-6 * wrong):
            raise NotYet(problem)
    if not close(got, 64**2, 0.5):
        raise NotYet("count the pairs of a first and a second code.")
    return (
        "4,096 vectors to learn and to search, in place of 128. A position has 12 bits either way. "
        "But the 4,096 sums lie in a pattern, the same cloud around each first code; vectors of "
        "their own could lie anywhere."
    )


# z, first codebook, second codebook -> codes: the second z is chosen so that mistakes show
Z = [[1.0, 0.2], [4.4, 1.0], [0.1, 3.7], [3.5, 4.1]]
FIRST = [[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0]]
SECOND = [[0.0, 1.0], [1.0, 0.0], [0.0, -1.0], [-1.0, 0.0]]
WANTED = [[0, 1], [1, 0], [2, 2], [3, 3]]


@check
def check_residual_codes(residual_codes: Callable) -> str:
    """residual_codes(z (N, D), first (K, D), second (K, D)) -> codes (N, 2)."""
    z, first, second = (torch.tensor(some) for some in (Z, FIRST, SECOND))
    wanted = torch.tensor(WANTED)
    got = call(residual_codes, z.clone(), first.clone(), second.clone())
    if isinstance(got, torch.Tensor) and got.shape == (2, 4):
        raise NotYet("the shape is (2, N): a row a vector is wanted, `torch.stack(..., 1)`.")
    same_shape("what it returns", got, (4, 2))
    if not isinstance(got, torch.Tensor) or got.is_floating_point():
        raise NotYet("codes are whole numbers: return a tensor of indices.")
    near_z = torch.cdist(z, second).argmin(1)
    turned = torch.cdist(first[wanted[:, 0]] - z, second).argmin(1)
    for column, wrong, problem in (
        (0, torch.cdist(z, first).argmax(1), "your first codes are the farthest, not the nearest."),
        (0, (z @ first.T).argmax(1), "z.e alone favours long vectors: take the least distance."),
        (1, near_z, "your second codes are the nearest to z itself. What did the first leave?"),
        (1, turned, "the rest has the wrong sign: it is z minus the vector of its first code."),
    ):
        if not torch.equal(got[:, column], wanted[:, column]) and torch.equal(
            got[:, column], wrong
        ):
            raise NotYet(problem)
    for column, name in enumerate(("first", "second")):
        if not torch.equal(got[:, column], wanted[:, column]):
            raise NotYet(
                f"for {Z} the {name} codes are {wanted[:, column].tolist()}, and yours are "
                f"{got[:, column].tolist()}."
            )
    _nearest_first(residual_codes)
    return (
        "one code after the other, and neither is changed again. The best pair may be another one, "
        "and finding it would take K times K looks."
    )


def _nearest_first(residual_codes: Callable) -> None:
    """The first code is the nearest, even where another pair would come nearer in the end."""
    z, first = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 0.0], [3.0, 0.0]])
    second = torch.tensor([[-2.0, 0.0], [0.0, 5.0]])
    got = call(residual_codes, z, first, second)  # by pairs (1, 0) would be exact
    if int(got[0, 0]) == 1:
        raise NotYet(
            "you look for the best pair. That is better and far slower; a residual code takes the "
            "nearest first code, and then the best second one for it."
        )
    if got[0].tolist() != [0, 0]:
        raise NotYet(f"for z = (1, 0) codes (0, 0) are wanted, and you have {got[0].tolist()}.")


@check
def check_says_nothing(answer) -> str:
    """What shows that a top says nothing: "A", "B", "C" or "D"."""
    problems = {
        "A": "codes can be used evenly and be ignored by all who read them.",
        "C": "a top may say just what the bottom does not. Then knowing it saves no bits there, "
        "and the picture still needs it.",
        "D": "few bits mean that it is easy to guess. A top that says only where the body is "
        "would be cheap, and useful.",
    }
    choice(answer, "B", problems)
    return (
        "two things must be seen. Nothing is saved on the bottom, so the top tells nothing about "
        "it. And no picture changes with the top, so it tells nothing besides it either."
    )
