"""Exercises of notebook 11: a wrong answer is told in words what is wrong with it."""

import pytest
import torch
from notebook_cells import refusal

from vqgen_utils.teaching.exercises.beyond import levels as exercises


def nearest(z, book):
    return torch.cdist(z, book).argmin(1)


def second_of_z(z, first, second):
    return torch.stack([nearest(z, first), nearest(z, second)], 1)


def wrong_sign(z, first, second):
    top = nearest(z, first)
    return torch.stack([top, nearest(first[top] - z, second)], 1)


def right(z, first, second):
    top = nearest(z, first)
    return torch.stack([top, nearest(z - first[top], second)], 1)


def farthest(z, first, second):
    top = torch.cdist(z, first).argmax(1)
    return torch.stack([top, nearest(z - first[top], second)], 1)


def without_norms(z, first, second):
    top = (z @ first.T).argmax(1)
    return torch.stack([top, nearest(z - first[top], second)], 1)


def best_pair(z, first, second):
    sums = (first[:, None] + second).flatten(0, 1)  # (K*K, D)
    pair = nearest(z, sums)
    return torch.stack([pair // len(second), pair % len(second)], 1)


@pytest.mark.parametrize(
    ("check", "answer", "words"),
    [
        (exercises.check_vectors, "many", "one number"),
        (exercises.check_vectors, 128, "How many sums"),
        (exercises.check_vectors, 64, "64 second ones"),
        (exercises.check_vectors, 12, "so many bits"),
        (exercises.check_vectors, 2016, "the order counts"),
        (exercises.check_vectors, 64**3, "two codes, not three"),
        (exercises.check_vectors, 100, "count the pairs"),
        (exercises.check_residual_codes, second_of_z, "nearest to z itself"),
        (exercises.check_residual_codes, wrong_sign, "the wrong sign"),
        (exercises.check_residual_codes, farthest, "farthest"),
        (exercises.check_residual_codes, without_norms, "favours long vectors"),
        (exercises.check_residual_codes, best_pair, "the best pair"),
        (exercises.check_residual_codes, lambda *given: right(*given).T, "(2, N)"),
        (exercises.check_residual_codes, lambda *given: right(*given)[:, :1], "is wanted"),
        (exercises.check_residual_codes, lambda *given: right(*given).float(), "whole numbers"),
        (exercises.check_residual_codes, lambda *given: 0 * right(*given), "yours are"),
        (exercises.check_residual_codes, lambda z: z, "TypeError"),
        (exercises.check_says_nothing, "A", "used evenly"),
        (exercises.check_says_nothing, "C", "the picture still needs it"),
        (exercises.check_says_nothing, "D", "easy to guess"),
        (exercises.check_says_nothing, 2, "one letter"),
    ],
)
def test_a_wrong_answer_is_told_what_is_wrong(check, answer, words):
    assert words in refusal(check, answer)
