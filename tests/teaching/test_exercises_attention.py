"""Exercises of notebook 12: a wrong answer is told in words what is wrong with it."""

import math

import pytest
import torch
from notebook_cells import refusal

from vqgen_utils.teaching.exercises.beyond import attention as exercises


def attend(q, k, values, allowed):
    return weights(q, k).masked_fill(~allowed, -torch.inf).softmax(1) @ values


def weights(q, k):
    return q @ k.t() / math.sqrt(k.shape[1])


def hear_row(q, k, values, old_k, old_values):
    k, values = torch.cat([old_k, k]), torch.cat([old_values, values])
    return weights(q, k).softmax(1) @ values, k, values


def above_alone(q, k, values, old_k, old_values):
    heard, *kept = hear_row(q, k, values, old_k, old_values)
    return (weights(q, old_k).softmax(1) @ old_values if len(old_k) else heard), *kept


def itself_alone(q, k, values, old_k, old_values):
    return values, *hear_row(q, k, values, old_k, old_values)[1:]


def in_front(q, k, values, old_k, old_values):
    return hear_row(q, old_k, old_values, k, values)


def not_scaled(q, k, values, old_k, old_values):
    return hear_row(q * math.sqrt(k.shape[1]), k, values, old_k, old_values)


def in_place(q, k, values, allowed):
    k /= math.sqrt(k.shape[1])
    return (q @ k.t()).masked_fill(~allowed, -torch.inf).softmax(1) @ values


def turned_round(q, k, values, allowed):
    return attend(q, k, values, ~allowed)


WRONG = [
    (exercises.check_keys, 320, "rows above"),
    (exercises.check_keys, 325, "PixelSNAIL"),
    (exercises.check_keys, 326, "one row further up"),
    (exercises.check_keys, 512, "yet to be drawn"),
    (exercises.check_keys, 21, "so many rows"),
    (exercises.check_keys, 352, "one row too many"),
    (exercises.check_keys, 7, "count the rows"),
    (exercises.check_keys, "all", "one number"),
    (exercises.check_attend, lambda q, k, v, a: weights(q, k).softmax(1) @ v, "yet to be drawn"),
    (exercises.check_attend, turned_round, "True is where"),
    (
        exercises.check_attend,
        lambda q, k, v, a: attend(q * math.sqrt(k.shape[1]), k, v, a),
        "not divided",
    ),
    (
        exercises.check_attend,
        lambda q, k, v, a: attend(q / math.sqrt(k.shape[1]), k, v, a),
        "d itself",
    ),
    (exercises.check_attend, lambda q, k, v, a: (weights(q, k) * a).softmax(1) @ v, "use -inf"),
    (exercises.check_attend, lambda q, k, v, a: (weights(q, k).softmax(1) * a) @ v, "sum to 1"),
    (
        exercises.check_attend,
        lambda q, k, v, a: weights(q, k).masked_fill(~a, -torch.inf).softmax(0) @ v,
        "Over the keys",
    ),
    (exercises.check_attend, lambda q, k, v, a: attend(q, k, k[:, :3], a), "are the keys"),
    (exercises.check_attend, lambda q, k, v, a: v * 0, "scores are q times k"),
    (exercises.check_attend, lambda q, k, v, a: weights(q, k), "has shape"),
    (exercises.check_attend, in_place, "changed what it was given"),
    (exercises.check_hear_row, above_alone, "rows above alone"),
    (exercises.check_hear_row, itself_alone, "itself alone"),
    (exercises.check_hear_row, in_front, "append them at the end"),
    (exercises.check_hear_row, not_scaled, "differs from the full pass"),
    (exercises.check_hear_row, lambda *parts: hear_row(*parts)[0], "three things"),
    (
        exercises.check_hear_row,
        lambda q, k, v, o, p: (hear_row(q, k, v, o, p)[0], k, v),
        "the keys",
    ),
    (exercises.check_finding, "A", "plain prior"),
    (exercises.check_finding, "c", "worth it"),
    (exercises.check_finding, "D", "anybody tried"),
    (exercises.check_finding, "E", "none of the four"),
]


@pytest.mark.parametrize(("check", "answer", "words"), WRONG)
def test_a_wrong_answer_is_told_what_is_wrong(check, answer, words):
    assert words in refusal(check, answer)


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (exercises.check_keys, 336),
        (exercises.check_attend, attend),
        (exercises.check_hear_row, hear_row),
        (exercises.check_finding, "B"),
    ],
)
def test_a_right_answer_is_told_why(check, answer, capsys):
    check(answer)
    assert capsys.readouterr().out.startswith("✓ Right:")
