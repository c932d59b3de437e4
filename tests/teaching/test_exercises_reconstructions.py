"""Exercises of notebook 06: a wrong answer is told in words what is wrong with it."""

import numpy as np
import pytest
import torch
from notebook_cells import refusal

from vqgen_utils.teaching.exercises import reconstructions as exercises


def counted(codes, k):
    return torch.bincount(codes, minlength=k).double()  # (K,)


def topped(codes, k):
    return (counted(codes, k) + 1 / k) / (len(codes) + 1)


def priced(probabilities):
    """An answer in which `probabilities(counts (K,), K)` makes the prices."""
    return lambda train, test, k: -probabilities(counted(train, k), k)[test].log2().mean().item()


right = priced(lambda counts, k: (counts + 1 / k) / (counts.sum() + 1))


def only_where_unseen(counts, k):
    return counts.clamp(min=1 / k) / counts.sum()


def seen_alone(counts, k):
    """Right for codes that were seen; the others are given a tiny probability."""
    return torch.where(counts > 0, (counts + 1 / k) / (counts.sum() + 1), 1e-9)


def of_patients(values, patients, drawn):
    return np.concatenate([values[patients == patient] for patient in drawn]).mean()


def resample(choose):
    """A bootstrap in which `choose(rng, patients)` says whose slices are taken."""

    def answer(values, patients, draws, rng):
        everyone = np.unique(patients)
        return np.array(
            [of_patients(values, patients, choose(rng, everyone)) for _ in range(draws)]
        )

    return answer


def draw_slices(values, patients, draws, rng):
    return rng.choice(values, (draws, len(values))).mean(1)


def each_once(values, patients, draws, rng):
    """Draws patients with repetition, but then asks only who is among them."""
    everyone = np.unique(patients)
    return np.array(
        [
            values[np.isin(patients, rng.choice(everyone, len(everyone)))].mean()
            for _ in range(draws)
        ]
    )


one_fewer = resample(lambda rng, p: rng.choice(p, len(p) - 1))


def twice_drawn(values, patients, draws, rng):
    """Draws patients, and then slices of each of them again."""
    own = {patient: values[patients == patient] for patient in np.unique(patients)}

    def one():
        chosen = [own[patient] for patient in rng.choice(list(own), len(own))]
        return np.concatenate([rng.choice(slices, len(slices)) for slices in chosen]).mean()

    return np.array([one() for _ in range(draws)])


def names_from_slices(values, patients, draws, rng):
    """Draws names from the list of slices, where a patient with many stands often."""
    size = len(np.unique(patients))
    return np.array(
        [of_patients(values, patients, rng.choice(patients, size)) for _ in range(draws)]
    )


def means_of_means(values, patients, draws, rng):
    """Every patient counts the same, however many slices there are."""
    own = np.array([values[patients == patient].mean() for patient in np.unique(patients)])
    return own[rng.integers(len(own), size=(draws, len(own)))].mean(1)


@pytest.mark.parametrize(
    ("check", "answer", "words"),
    [
        (exercises.check_cost, "nine", "one number"),
        (exercises.check_cost, -9, "positive"),
        (exercises.check_cost, 2.25, "mean of the four"),
        (exercises.check_cost, 1.75, "paid in full"),
        (exercises.check_cost, 6.238, "in nats"),
        (exercises.check_cost, 1 / 512, "probability of all four"),
        (exercises.check_cost, 512, "Its logarithm"),
        (exercises.check_cost, 1.0, "adds up probabilities"),
        (exercises.check_cost, 0, "before the sum"),
        (exercises.check_cost, 28, "nothing is known"),
        (exercises.check_cost, 8, "every further halving"),
        (exercises.check_frequency_bits, priced(lambda n, k: n / n.sum()), "infinitely much"),
        (
            exercises.check_frequency_bits,
            priced(lambda n, k: (n + 1) / (n.sum() + k)),
            "add 1 to each",
        ),
        (exercises.check_frequency_bits, priced(lambda n, k: (n + 1 / k) / n.sum()), "more than 1"),
        (exercises.check_frequency_bits, priced(only_where_unseen), "also those that it did show"),
        (exercises.check_frequency_bits, priced(seen_alone), "never showed"),
        (exercises.check_frequency_bits, lambda *a: -right(*a), "minus before"),
        (exercises.check_frequency_bits, lambda *a: right(*a) * np.log(2), "nats"),
        (exercises.check_frequency_bits, lambda a, b, k: right(a, b, k) * len(b), "sum over all"),
        (exercises.check_frequency_bits, lambda a, b, k: right(a, a, k), "look up p[test]"),
        (
            exercises.check_frequency_bits,
            lambda a, b, k: right(b, b, k),
            "from the test codes",
        ),
        (exercises.check_frequency_bits, lambda a, b, k: right(b, a, k), "changed places"),
        (exercises.check_frequency_bits, lambda a, b, k: topped(a, k)[b].log2(), "return the mean"),
        (exercises.check_frequency_bits, lambda a, b, k: 3.0, "you have 3.000"),
        (exercises.check_frequency_bits, lambda a, b: 3.0, "TypeError"),
        (exercises.check_resample, draw_slices, "draws slices"),
        (
            exercises.check_resample,
            resample(lambda rng, p: rng.choice(p, len(p), replace=False)),
            "same mean",
        ),
        (exercises.check_resample, resample(lambda rng, p: [rng.choice(p)]), "single patient"),
        (exercises.check_resample, each_once, "count twice"),
        (exercises.check_resample, means_of_means, "many slices counts for many"),
        (exercises.check_resample, names_from_slices, "more slices is drawn more often"),
        (
            exercises.check_resample,
            resample(lambda rng, p: rng.choice(p, len(p) - 1)),
            "in one draw",
        ),
        (exercises.check_resample, twice_drawn, "each once"),
        (exercises.check_resample, lambda v, p, d, r: v.mean(), "return an array"),
        (exercises.check_resample, lambda v, p, d, r: np.zeros(3), "has shape (3,)"),
        (exercises.check_resample, lambda v, p, d, r: np.full(d, np.nan), "NaN"),
    ],
)
def test_a_wrong_answer_is_told_what_is_wrong(check, answer, words):
    assert words in refusal(check, answer)
