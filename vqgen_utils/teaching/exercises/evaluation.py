"""Checks of notebook 07: the power of a mean, precision, a rule of anatomy."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from vqgen_utils.data.tissues import BLADDER, RECTUM
from vqgen_utils.evaluation import fidelity
from vqgen_utils.teaching.exercises.feedback import NotYet, call, check, close, number


@check
def check_power_of_mean(answer) -> str:
    """The mean square of the mean of four independent textures, each of mean square 1."""
    got, wanted = number("your answer", answer), 1 / 4
    if close(got, wanted, 1e-6):
        return (
            "their squares sum to 4, the products of two different ones to nothing, and the mean "
            "divides the sum by 4, so its square by 16. With more textures less is left: a decoder "
            "that does not know paints smooth, and its squared error is least that way."
        )
    if close(got, 1 / 2, 1e-6):
        raise NotYet("that is its amplitude, the root of the power.")
    if close(got, 1, 1e-6):
        raise NotYet("a crest of one texture meets a trough of another: some of it cancels.")
    if close(got, 4, 1e-6):
        raise NotYet("that is the power of their sum. The mean is a quarter of the sum.")
    if close(got, 1 / 16, 1e-6):
        raise NotYet("a quarter of one texture has that power. And all four quarters together?")
    if close(got, 0, 1e-6):
        raise NotYet("nothing would be left of infinitely many. These are four.")
    raise NotYet(
        "square the sum of the four, and take the mean: of the products only the four squares do "
        "not cancel. Then divide as the mean of four does, but squared."
    )


@check
def check_precision(precision: Callable) -> str:
    """precision(real (N, F), fake (M, F), k) -> share of fakes within reach of the real ones."""
    generator = torch.Generator().manual_seed(116)  # the typical mistakes all give other numbers
    real = torch.randn(20, 2, generator=generator)  # (N, F)
    fake = 1.3 * torch.randn(15, 2, generator=generator) + 1  # (M, F)
    k = 3

    def of(real: Tensor, fake: Tensor, k: int = k) -> float:
        return number("precision", call(precision, real.clone(), fake.clone(), k))

    got = of(real, fake)
    within = torch.cdist(fake, real)  # (M, N)
    order = torch.cdist(real, real).sort(1).values  # (N, N), the first is 0: the point itself
    reach = order[:, k]  # (N,)
    typical = (within <= reach.mean()).any(1).float().mean()
    wanted, recall = fidelity.precision_recall(real, fake, k)
    nearest = (within.min(1).values <= reach[within.argmin(1)]).float().mean()
    for wrong, problem in (
        (recall, "that is recall: the share of *real* slices within reach of the fakes."),
        ((within <= order[:, k - 1]).any(1).float().mean(),
         f"a point counts as its own nearest neighbour here: the {k}rd of the others comes one "
         "later in the sorted row."),
        ((within <= reach).float().mean(), "one real slice in reach is enough: use any, not mean."),
        ((within <= reach).all(1).float().mean(), "a single real slice is enough: any, not all."),
        (nearest, "not only the nearest real slice counts: one farther away may reach farther."),
        (typical, "each real slice has a reach of its own, small where real slices are dense."),
    ):  # fmt: skip
        if close(got, wrong, 1e-6) and not close(wrong, wanted, 1e-6):
            raise NotYet(problem)
    if not close(got, wanted, 1e-6):
        raise NotYet(
            f"here it is {wanted:.3f}, you have {got:.3f}. For each fake: is there a real slice at "
            "most as far away as that real slice's k-th neighbour among the other real ones?"
        )
    if not close(of(real, fake, 1), fidelity.precision_recall(real, fake, 1)[0], 1e-6):
        raise NotYet(f"right for k = {k}, but not for k = 1: use the k that you are given.")
    if not close(of(real, real[:1].repeat(15, 1)), 1):
        raise NotYet("fifteen copies of one real slice are all within its reach: that is 1.")
    return (
        "and a model that draws the same good slice for ever has precision 1. That is why it never "
        "stands alone: recall falls to nearly nothing."
    )


def pelvis(bladder: tuple[int, int] | None, rectum: tuple[int, int] | None) -> np.ndarray:
    """A map of tissues (64, 32) with square organs around (right to left, back to front)."""
    tissues = np.zeros((64, 32), np.uint8)
    tissues[4:60, 2:30] = 1  # body
    for value, centre, half in ((BLADDER, bladder, 6), (RECTUM, rectum, 3)):
        if centre is not None:
            i, j = centre
            tissues[i - half : i + half, j - half : j + half] = value
    return tissues


@check
def check_bladder_in_front(bladder_in_front: Callable) -> str:
    """bladder_in_front(tissues (H, W)) -> False only when the rectum lies in front of the bladder.

    H runs from right to left, W from back to front.
    """

    def kept(bladder: tuple | None, rectum: tuple | None) -> bool:
        result = call(bladder_in_front, pelvis(bladder, rectum))
        if not isinstance(result, (bool, np.bool_)):
            raise NotYet(f"the rule says {result!r}: return True or False.")
        return bool(result)

    front, back = 22, 8  # along W
    right, wrong = kept((32, front), (32, back)), kept((32, back), (32, front))
    aside = kept((20, front), (44, back)), kept((44, front), (20, back))
    if (right, wrong) == (False, True):
        raise NotYet("the other way round: the second axis grows from the back to the front.")
    if aside == (False, True) or aside == (True, False):
        raise NotYet("moving an organ sideways changes your answer: back to front is axis 1.")
    if right and wrong:
        raise NotYet("a bladder behind the rectum passes. Compare their centres along axis 1.")
    if not right:
        raise NotYet("a bladder in front of the rectum fails. Compare their centres along axis 1.")
    if not (kept(None, (32, back)) and kept((32, front), None)):
        raise NotYet(
            "where an organ is absent there is no order to break, so the rule is kept. Mind that "
            "the mean over no pixels is NaN, and every comparison with NaN is False."
        )
    centred = kept((32, 14), (32, 9)), kept((20, 14), (44, 12)), kept((20, 10), (44, 11))
    if centred != (True, True, False):
        raise NotYet(
            "a large bladder may reach farther to the back and to the front than the rectum does: "
            "compare centres, not edges."
        )
    if not kept(None, None):
        raise NotYet("where both organs are absent the rule is kept, too.")
    return (
        "a rule must know when it does not apply, or it punishes slices that merely lie elsewhere. "
        "Whether an absent organ should be there is another rule's business."
    )
