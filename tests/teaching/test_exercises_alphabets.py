"""Exercises of notebook 10: a wrong answer is told in words what is wrong with it."""

import pytest
import torch
from notebook_cells import refusal

from vqgen_utils.teaching.exercises.beyond import alphabets as exercises


def answer(power=2, sign=-1, log=torch.log2, pick=torch.argmin, weigh=lambda given: given):
    def cheapest_code(z, codes, shares, weight):
        cost = torch.cdist(z, codes) ** power + sign * weigh(weight) * log(shares)
        return pick(cost, 1)

    return cheapest_code


def with_shares_of_its_own(z, codes, shares, weight):
    return answer()(z, codes, torch.tensor([0.5, 0.25, 0.25]), weight)


@pytest.mark.parametrize(
    ("check", "given", "words"),
    [
        (exercises.check_floor, "low", "one number"),
        (exercises.check_floor, 192, "divide by K^2"),
        (exercises.check_floor, 16 * (16 - 64) / (64 * 16**2), "number of codes"),
        (exercises.check_floor, 48 / (64 * 256), "not two"),
        (exercises.check_floor, 48 / 64**2, "D is missing"),
        (exercises.check_floor, 1 / 16, "the diagonal"),
        (exercises.check_floor, 0, "in 16 dimensions?"),
        (exercises.check_floor, 3, "put K = 64"),
        (exercises.check_cheapest_code, answer(pick=torch.argmax), "the largest cost"),
        (exercises.check_cheapest_code, lambda z, *_: torch.ones(len(z)), "the nearest codes are"),
        (exercises.check_cheapest_code, answer(weigh=lambda _: 0.0), "changes nothing"),
        (exercises.check_cheapest_code, answer(log=torch.log), "to base 2"),
        (exercises.check_cheapest_code, answer(sign=1), "*minus* log2"),
        (exercises.check_cheapest_code, answer(power=1), "squared"),
        (exercises.check_cheapest_code, with_shares_of_its_own, "from the argument"),
        (exercises.check_cheapest_code, lambda z, *_: torch.ones(2), "shape (2,)"),
        (exercises.check_cheapest_code, lambda z: z, "TypeError"),
        (exercises.check_alphabet, "A", "guess them alone"),
        (exercises.check_alphabet, "C", "must draw"),
        (exercises.check_alphabet, "d", "no loss by itself"),
        (exercises.check_alphabet, 5, "one letter"),
    ],
)
def test_a_wrong_answer_is_told_what_is_wrong(check, given, words):
    assert words in refusal(check, given)
