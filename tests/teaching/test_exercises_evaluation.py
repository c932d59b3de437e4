"""Exercises of notebook 07: a wrong answer is told in words what is wrong with it."""

import numpy as np
import pytest
import torch
from notebook_cells import refusal

from vqgen_utils.teaching.exercises import evaluation as exercises


def reach(real, place):
    return torch.cdist(real, real).sort(1).values[:, place]


def precision(within):
    """`within(distance (M, N), real, k)` -> which fakes are among the real, (M,)."""
    return lambda real, fake, k: within(torch.cdist(fake, real), real, k).float().mean().item()


right = precision(lambda d, real, k: (d <= reach(real, k)).any(1))
by_the_nearest = precision(lambda d, real, k: d.min(1).values <= reach(real, k)[d.argmin(1)])


def recall(real, fake, k):
    return (torch.cdist(real, fake) <= reach(fake, k)).any(1).float().mean().item()


def reach_of_the_fakes(real, fake, k):
    return (torch.cdist(fake, real) <= reach(fake, k)[:, None]).any(1).float().mean().item()


def centres(tissues, axis=1):
    with np.errstate(invalid="ignore"):
        places = [np.nonzero(tissues == label)[axis] for label in (3, 4)]
        return [place.mean() if len(place) else np.nan for place in places]


def compared(rule, axis=1):
    return lambda tissues: bool(rule(*centres(tissues, axis)))


def by_the_edges(tissues):
    bladder, rectum = (np.nonzero(tissues == label)[1] for label in (3, 4))
    return len(bladder) == 0 or len(rectum) == 0 or bool(bladder.min() > rectum.max())


def by_one_edge(edge):
    """Compares the organs' foremost or hindmost pixels."""

    def rule(tissues):
        organs = [np.nonzero(tissues == label)[1] for label in (3, 4)]
        return not all(map(len, organs)) or bool(edge(organs[0]) >= edge(organs[1]))

    return rule


def not_for_two(tissues):
    """Right where at most one organ is absent."""
    bladder, rectum = centres(tissues)
    return bool(np.isnan(bladder) != np.isnan(rectum) or bladder >= rectum)


@pytest.mark.parametrize(
    ("check", "answer", "words"),
    [
        (exercises.check_power_of_mean, "a quarter", "one number"),
        (exercises.check_power_of_mean, 0.5, "amplitude"),
        (exercises.check_power_of_mean, 1, "cancels"),
        (exercises.check_power_of_mean, 4, "power of their sum"),
        (exercises.check_power_of_mean, 1 / 16, "all four quarters together"),
        (exercises.check_power_of_mean, 0, "infinitely many"),
        (exercises.check_power_of_mean, 2, "do not cancel"),
        (exercises.check_precision, recall, "that is recall"),
        (
            exercises.check_precision,
            precision(lambda d, real, k: (d <= reach(real, k - 1)).any(1)),
            "its own nearest neighbour",
        ),
        (
            exercises.check_precision,
            precision(lambda d, real, k: (d <= reach(real, k)).float()),
            "use any, not mean",
        ),
        (
            exercises.check_precision,
            precision(lambda d, real, k: (d <= reach(real, k).mean()).any(1)),
            "reach of its own",
        ),
        (exercises.check_precision, by_the_nearest, "one farther away may reach farther"),
        (exercises.check_precision, lambda real, fake, k: right(real, fake, 3), "not for k = 1"),
        (exercises.check_precision, reach_of_the_fakes, "at most as far away"),
        (exercises.check_precision, lambda real, fake, k: "high", "one number"),
        (exercises.check_bladder_in_front, compared(lambda b, r: not b >= r), "other way round"),
        (exercises.check_bladder_in_front, compared(lambda b, r: b >= r, axis=0), "sideways"),
        (exercises.check_bladder_in_front, lambda tissues: True, "behind the rectum passes"),
        (exercises.check_bladder_in_front, lambda tissues: False, "in front of the rectum fails"),
        (exercises.check_bladder_in_front, compared(lambda b, r: b >= r), "NaN"),
        (exercises.check_bladder_in_front, by_the_edges, "compare centres"),
        (exercises.check_bladder_in_front, by_one_edge(np.min), "not edges"),
        (exercises.check_bladder_in_front, by_one_edge(np.max), "not edges"),
        (exercises.check_bladder_in_front, not_for_two, "both organs are absent"),
        (exercises.check_bladder_in_front, lambda tissues: 1.0, "True or False"),
    ],
)
def test_a_wrong_answer_is_told_what_is_wrong(check, answer, words):
    assert words in refusal(check, answer)
