"""Checks of notebook 06: chance, ranking, drawing patients again, precision, a rule, likelihood."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from vqgen_utils.data.tissues import BLADDER, RECTUM
from vqgen_utils.evaluation import fidelity
from vqgen_utils.teaching.exercises.feedback import NotYet, call, check, close, same_shape


def number(name: str, answer) -> float:
    """The answer as a number; `NotYet` when it is none."""
    value = np.asarray(answer)
    if value.dtype.kind in "iuf" and value.size == 1:
        return value.item()
    raise NotYet(f"{name} is {answer!r}: give one number.")


@check
def check_by_chance(answer) -> str:
    """How many of 600 samples of a perfect model fall below the floor's first percentile."""
    got, wanted = number("your answer", answer), 6
    if got == wanted:
        return (
            "one in a hundred is what innocence looks like. Fewer would be no merit and a few more "
            "no proof, since the limit itself was read off few slices. Copies would be many more."
        )
    if got == 0:
        raise NotYet(
            "none would mean that no slice of a new patient is ever that near; but the limit was "
            "put where one real new slice in a hundred is."
        )
    if 0 < got < 1:
        raise NotYet(f"{got:g} is a share. Asked is how many of the 600 samples.")
    if got == 600 - wanted:
        raise NotYet("these are the samples that are farther away than the limit. And the nearer?")
    raise NotYet("for a perfect model samples are as new patients. Which share of these is nearer?")


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
        "no threshold was needed. That is its charm, and its trap: it does not say which threshold "
        "to take, nor how many false alarms a day that means when odd slices are rare."
    )


@check
def check_resample(resample: Callable) -> str:
    """resample(values (N,), patients (N,), draws, rng) -> the mean of each draw (draws,)."""
    size, each, draws = 8, 10, 2000
    rng = np.random.default_rng(0)
    patients = np.repeat([f"{n:03d}" for n in range(size)], each)
    person = rng.standard_normal(size)  # what sets patients apart
    values = np.repeat(person, each) + 0.1 * rng.standard_normal(size * each)  # (N,)
    shuffled = rng.permutation(size * each)
    values, patients = values[shuffled], patients[shuffled]
    means = call(resample, values, patients, draws, np.random.default_rng(1))
    same_shape("the result", means, (draws,))
    spread = float(np.std(means))
    by_patient = float(np.std([values[patients == p].mean() for p in set(patients)]) / size**0.5)
    by_slice = float(values.std() / (size * each) ** 0.5)
    if np.isnan(spread):
        raise NotYet("some means are NaN: is there a draw without a single slice?")
    if spread < 0.1 * by_slice:
        raise NotYet(
            "all draws have the same mean. Patients are drawn with repetition: some twice, some "
            "not at all (rng.choice does so unless told otherwise)."
        )
    if abs(spread - by_slice) < 0.25 * by_slice:
        raise NotYet(
            "this draws slices. The interval would be about "
            f"{by_patient / by_slice:.1f} times too narrow here, where slices of a patient are "
            "alike: draw patients, each with all of their slices."
        )
    if abs(spread - by_patient * size**0.5) < 0.25 * by_patient * size**0.5:
        raise NotYet(f"each draw holds a single patient: draw as many as there are, {size}.")
    if abs(spread - by_patient) > 0.15 * by_patient:
        raise NotYet(
            f"the means spread by {spread:.3f}, where drawing {size} patients with repetition "
            f"gives {by_patient:.3f}. Does a patient drawn twice count twice?"
        )
    return (
        f"the interval is {by_patient / by_slice:.1f} times as wide as one over slices would be "
        "here, and honest: eighty slices of eight people are eight witnesses."
    )


@check
def check_precision(precision: Callable) -> str:
    """precision(real (N, F), fake (M, F), k) -> share of fakes within reach of the real ones."""
    generator = torch.Generator().manual_seed(2)  # the typical mistakes all give other numbers
    real = torch.randn(20, 2, generator=generator)  # (N, F)
    fake = 1.3 * torch.randn(15, 2, generator=generator) + 1  # (M, F)
    k = 3

    def of(real: Tensor, fake: Tensor) -> float:
        return number("precision", call(precision, real.clone(), fake.clone(), k))

    got = of(real, fake)
    within = torch.cdist(fake, real)  # (M, N)
    order = torch.cdist(real, real).sort(1).values  # (N, N), the first is 0: the point itself
    reach = order[:, k]  # (N,)
    typical = (within <= reach.mean()).any(1).float().mean()
    wanted, recall = fidelity.precision_recall(real, fake, k)
    for wrong, problem in (
        (recall, "that is recall: the share of *real* slices within reach of the fakes."),
        ((within <= order[:, k - 1]).any(1).float().mean(),
         f"a point counts as its own nearest neighbour here: the {k}rd of the others comes one "
         "later in the sorted row."),
        ((within <= reach).float().mean(), "one real slice in reach is enough: use any, not mean."),
        ((within <= reach).all(1).float().mean(), "a single real slice is enough: any, not all."),
        (typical, "each real slice has a reach of its own, small where real slices are dense."),
    ):  # fmt: skip
        if close(got, wrong, 1e-6) and not close(wrong, wanted, 1e-6):
            raise NotYet(problem)
    if not close(got, wanted, 1e-6):
        raise NotYet(
            f"here it is {wanted:.3f}, you have {got:.3f}. For each fake: is there a real slice at "
            "most as far away as that real slice's k-th neighbour among the other real ones?"
        )
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
    if not kept((32, 14), (32, 9)):
        raise NotYet("a large bladder may reach behind the rectum's front: compare centres.")
    return (
        "a rule must know when it does not apply, or it punishes slices that merely lie elsewhere. "
        "Whether an absent organ should be there is another rule's business."
    )


@check
def check_why_not_odd(answer) -> str:
    """Why the cheapest slice need not be a normal one: "A", "B", "C" or "D"."""
    if answer == "B":
        return (
            "what is typical is a matter of the sum, not of the peak: no real slice costs next to "
            "nothing, and one that costs far less is as odd as one that costs far more."
        )
    problems = {
        "A": "a perfect prior would charge even less for air after air: it is a likely pattern.",
        "C": "the empty slice has codes like any other, and the prior was asked about these.",
        "D": "it is cheap at every height. What does a real slice pay for that this one does not?",
    }
    raise NotYet(problems.get(answer, 'answer with one letter, such as "A".'))
