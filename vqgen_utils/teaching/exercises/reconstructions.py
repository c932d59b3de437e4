"""Checks of notebook 06: what guesses cost, bits from frequencies, drawing patients again."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from vqgen_utils.evaluation import code_lengths
from vqgen_utils.teaching.exercises.feedback import NotYet, call, check, close, number, same_shape


@check
def check_cost(answer) -> str:
    """Bits of four codes that came with probabilities 1/2, 1/4, 1/8 and 1/8."""
    got, p = number("your answer", answer), np.array([1 / 2, 1 / 4, 1 / 8, 1 / 8])
    bits = -np.log2(p)
    if close(got, bits.sum(), 1e-3):
        return (
            "1 + 2 + 3 + 3 bits. The product of the four probabilities is 1 / 512, and nine "
            "halvings lead there: a grid costs minus the logarithm of its probability."
        )
    for wrong, problem in (
        (-bits.sum(), "a cost is positive: it is minus the logarithm."),
        (bits.mean(), "that is the mean of the four. Asked is what they cost together."),
        ((p * bits).sum(), "that weighs each cost by its probability, as if these were the four "
         "codes there are. They are four that came, one after the other: each is paid in full."),
        (-np.log(p).sum(), "that is in nats. Bits come from the logarithm to base 2."),
        (p.prod(), "that is the probability of all four. How many halvings lead from 1 to it?"),
        (1 / p.prod(), "so many times a guess would be right once. Its logarithm, base 2, is the "
         "cost."),
        (p.sum(), "that adds up probabilities. Take the logarithm of each first, then add."),
        (0, "the logarithm comes before the sum: each code has a cost of its own."),
        (28, "so much they take where nothing is known (7 bits each). This prior knows more."),
    ):  # fmt: skip
        if close(got, wrong, 1e-3):
            raise NotYet(problem)
    raise NotYet(
        "a probability of 1/2 costs one bit, and every further halving one more. Add up the four."
    )


@check
def check_frequency_bits(frequency_bits: Callable) -> str:
    """frequency_bits(train (n,), test (m,), K) -> mean bits a code of test."""
    k = 8
    train = torch.tensor([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6])  # (n,)
    test = torch.tensor([0, 0, 1, 1, 1, 2, 4, 4, 4, 5, 5, 6])  # (m,)
    new = torch.tensor([7, 7, 0])  # 7 occurs in no training patient

    def got(test: Tensor) -> float:
        result = call(frequency_bits, train.clone(), test.clone(), k)
        if isinstance(result, Tensor) and result.numel() > 1:
            raise NotYet(f"the result has shape {tuple(result.shape)}: return the mean.")
        return number("frequency_bits", result)

    unseen = got(new)
    if not math.isfinite(unseen):
        raise NotYet(
            "a code that no training patient shows costs infinitely much. Take every code to have "
            "been seen 1/K times more than it was."
        )
    value, wanted = got(test), code_lengths.frequency_bits(train, test, k)
    if not close(value, wanted):
        tell_what_is_wrong(value, wanted, train, test, k)
    if not close(unseen, code_lengths.frequency_bits(train, new, k)):
        raise NotYet(
            "right where training has shown the code. For one that it never showed, n_k is 0 and "
            f"p is (1/K) / (N + 1), here 1 / {k * (len(train) + 1)}."
        )
    own = entropy(torch.bincount(test, minlength=k).double() / len(test))
    return (
        f"{wanted:.2f} bits a code here. Counts of the new patients' own codes would promise "
        f"{own:.2f}, but nobody could read that file: the receiver needs the probabilities first."
    )


def entropy(p: Tensor) -> float:
    """Mean bits of codes that come as often as p (K,) says."""
    p = p[p > 0]
    return float(-(p * p.log2()).sum())


def tell_what_is_wrong(value: float, wanted: float, train: Tensor, test: Tensor, k: int) -> None:
    """Raises `NotYet`, by what mistake would give `value`."""
    counts, own = (torch.bincount(codes, minlength=k).double() for codes in (train, test))
    n, m = len(train), len(test)
    topped = (counts + 1 / k) / (n + 1)  # (K,)
    own_topped = (own + 1 / k) / (m + 1)  # (K,)
    mistakes: dict[str, tuple[float, ...]] = {
        "a cost is positive: put a minus before the logarithm.": (-wanted,),
        "these are nats: take the logarithm to base 2.": (wanted * math.log(2),),
        "that is the sum over all codes. Asked is the mean.": (wanted * m,),
        "that is the cost of the training codes. The probabilities are made from them, but "
        "asked is what the new patients' codes cost: look up p[test].": (
            *(entropy(counts / n), entropy(topped), float(-topped[train].log2().mean())),
        ),
        "these probabilities were made from the test codes. A receiver does not know them yet: "
        "count the training codes.": (entropy(own / m), float(-own_topped[test].log2().mean())),
        "train and test have changed places.": (float(-own_topped[train].log2().mean()),),
        "you add 1 to each count, which is more than the 1/K asked for.": (
            float(-((counts + 1) / (n + k))[test].log2().mean()),
        ),
        "your probabilities add up to more than 1: divide by N + 1, for K times 1/K was added.": (
            float(-((counts + 1 / k) / n)[test].log2().mean()),
        ),
        "right, had training shown every code: also those that it did show have 1/K added to their "
        "counts.": (float(-(counts / n)[test].log2().mean()),),
    }
    for problem, values in mistakes.items():
        if any(close(value, wrong, 1e-3) for wrong in values):
            raise NotYet(problem)
    raise NotYet(
        f"here it is {wanted:.3f} bits a code, you have {value:.3f}. Count the training codes, "
        "make probabilities of the counts, look up those of the test codes, and take the mean of "
        "their costs."
    )


@check
def check_resample(resample: Callable) -> str:
    """resample(values (N,), patients (N,), draws, rng) -> the mean of each draw (draws,)."""
    size, draws = 8, 2000
    rng = np.random.default_rng(0)
    slices = np.array([4, 5, 6, 7, 10, 13, 16, 19])  # of each patient, N = 80 in all
    patients = np.repeat([f"{n:03d}" for n in range(size)], slices)
    person = np.linspace(-1.5, 1.5, size)  # what sets patients apart
    values = np.repeat(person, slices) + 0.1 * rng.standard_normal(slices.sum())  # (N,)
    shuffled = rng.permutation(len(values))
    values, patients = values[shuffled], patients[shuffled]
    means = call(resample, values, patients, draws, np.random.default_rng(1))
    same_shape("the result", means, (draws,))
    spread = float(np.std(means))
    own = np.array([values[patients == p].mean() for p in np.unique(patients)])  # (size,)
    drawn = rng.integers(size, size=(draws, size))  # whom each draw takes
    right = (own * slices)[drawn].sum(1) / slices[drawn].sum(1)  # (draws,)
    by_patient, by_slice = float(right.std()), float(values.std() / len(values) ** 0.5)
    if np.isnan(spread):
        raise NotYet("some means are NaN: is there a draw without a single slice?")
    if spread < 0.1 * by_slice:
        raise NotYet(
            "all draws have the same mean. Patients are drawn with repetition: some twice, some "
            "not at all (rng.choice does so unless told otherwise)."
        )
    if abs(spread - own.std()) < 0.25 * own.std():
        raise NotYet(f"each draw holds a single patient: draw as many as there are, {size}.")
    if abs(means.mean() - own.mean()) < 0.2 * abs(right.mean() - own.mean()):
        raise NotYet(
            "this is the mean of the patients' means. A patient with many slices counts for many: "
            "put all slices of a draw together, then take one mean."
        )
    if abs(spread - by_slice) < 0.25 * by_slice:
        raise NotYet(
            "this draws slices. The interval would be about "
            f"{by_patient / by_slice:.1f} times too narrow here, where slices of a patient are "
            "alike: draw patients, each with all of their slices."
        )
    _judge_draws(resample)
    if abs(spread - by_patient) > 0.09 * by_patient:
        raise NotYet(
            f"the means spread by {spread:.3f}, where drawing {size} patients with repetition "
            f"gives {by_patient:.3f}. Does a patient drawn twice count twice?"
        )
    return (
        f"the interval is {by_patient / by_slice:.1f} times as wide as one over slices would be "
        "here, and right: eighty slices of eight patients are eight independent observations."
    )


def _judge_draws(resample: Callable) -> None:
    """Raises `NotYet` where draws of two patients, 0 and 1 of A and 10 of B, cannot be right."""
    values, patients, draws = np.array([0.0, 1.0, 10.0]), np.array(["A", "A", "B"]), 400
    means = np.asarray(call(resample, values, patients, draws, np.random.default_rng(2)))
    possible = np.array([1 / 2, 11 / 3, 10])  # of A twice, of A and B, of B twice
    chosen = np.abs(means[:, None] - possible).argmin(1)  # (draws,)
    off = np.abs(means - possible[chosen]) > 1e-6
    if off.any():
        raise NotYet(
            f"patient A has the values 0 and 1, patient B has 10, and one of your draws has mean "
            f"{means[off][0]:.2f}. It can be 0.50, 3.67 or 10.00: a patient comes with all slices, "
            "each once."
        )
    shares = np.bincount(chosen, minlength=3) / draws
    if shares.min() == 0:
        raise NotYet("draw as many patients as there are: of two, both can be in one draw.")
    if shares[2] < 0.18:
        raise NotYet(
            "a patient with more slices is drawn more often. Each patient has the same chance: "
            "draw from np.unique(patients)."
        )
