"""Exercises of notebook 04: a wrong answer is told in words what is wrong with it."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from notebook_cells import refusal

from vqgen_utils.teaching.demos import receptive_field
from vqgen_utils.teaching.exercises import pixelcnn as exercises


def log_p(logits, codes, dim=1):
    """ln p of each code (B, H, W)."""
    return logits.log_softmax(dim).gather(1, codes[:, None])[:, 0]


def mask(change):
    """A causal mask, then changed: `change(mask, r, centre)`."""

    def answer(kernel_size, centre):
        right = receptive_field.causal_mask(kernel_size, centre)
        changed = change(right, kernel_size // 2, centre)
        return right if changed is None else changed

    return answer


def opened(*where):
    """A change that opens one weight, counted from the centre."""

    def change(m, r, centre):
        m[r + where[0], r + where[1]] = 1

    return mask(change)


def hide_the_centre(m, r, centre):
    m[r, r] = 0


def show_the_centre(m, r, centre):
    m[r, r] = 1


def hide_above_and_right(m, r, centre):
    m[:r, r + 1 :] = 0


def hide_the_left(m, r, centre):
    m[r, :r] = 0


def layer(shift=(0, 0, 1, -1), pad=lambda r: (r, r, r, 0)):
    """A vertical layer with a shift and a padding of one's own."""
    return lambda x, w: F.conv2d(F.pad(F.pad(x, shift), pad(w.shape[3] // 2)), w)


def roll(x, w):
    r = w.shape[3] // 2
    return F.conv2d(F.pad(x.roll(1, 2), (r, r, r, 0)), w)


def replicate(x, w):
    r = w.shape[3] // 2
    x = F.pad(x, (0, 0, 1, 0), mode="replicate")[:, :, :-1]
    return F.conv2d(F.pad(x, (r, r, r, 0)), w)


def in_place(x, w):
    x[:, :, 1:] = x[:, :, :-1].clone()
    x[:, :, 0] = 0
    r = w.shape[3] // 2
    return F.conv2d(F.pad(x, (r, r, r, 0)), w.flip(3))


WRONG = [
    ("check_layers", 31, "brings the row above"),
    ("check_layers", 29, "only the top row"),
    ("check_layers", 15, "not up all 32 rows"),
    ("check_layers", 6, "misses"),
    ("check_layers", 30.0, "whole number"),
    ("check_layers", 511, "more than enough"),
    ("check_bits", lambda nats: (nats * math.log(2), 0.0), "multiplied"),
    ("check_bits", lambda nats: (nats, nats / 16), "still in nats"),
    ("check_bits", lambda nats: (nats / math.log(2), nats / math.log(2) / 4), "along each side"),
    ("check_bits", lambda nats: (nats / math.log(2), nats / math.log(2) * 16), "share the price"),
    ("check_bits", lambda nats: (nats / math.log(2) / 16, nats / math.log(2)), "the first number"),
    ("check_bits", lambda nats: (nats / math.log(10), 0.0), "a bit is ln 2 nats"),
    ("check_bits", lambda nats: (nats / math.log(2), 0.5), "bits a pixel should be"),
    ("check_bits", lambda nats: nats / math.log(2), "two numbers"),
    ("check_bits", lambda nats: (..., ...), "TypeError"),
    ("check_log_probability", lambda z, c: log_p(z, c).mean((1, 2)), "the mean over positions"),
    ("check_log_probability", lambda z, c: log_p(z, c), "the factors, one a position"),
    ("check_log_probability", lambda z, c: log_p(z, c).sum(), "not over the batch"),
    ("check_log_probability", lambda z, c: -log_p(z, c).sum((1, 2)), "the sign"),
    ("check_log_probability", lambda z, c: log_p(z, c).sum((1, 2)).exp(), "p itself"),
    ("check_log_probability", lambda z, c: log_p(z, c).sum((1, 2)) / math.log(2), "in bits"),
    ("check_log_probability", lambda z, c: log_p(z, c, 0).sum((1, 2)), "over the batch"),
    ("check_log_probability", lambda z, c: log_p(z, c, 3).sum((1, 2)), "over the columns"),
    (
        "check_log_probability",
        lambda z, c: z.gather(1, c[:, None])[:, 0].sum((1, 2)),
        "logits as they are",
    ),
    ("check_log_probability", lambda z, c: log_p(z, c)[:, 0].sum(1), "log_softmax over the codes"),
    ("check_log_probability", lambda z, c: log_p(z, c).sum(0), "has shape (3, 4)"),
    ("check_causal_mask", lambda k, centre: torch.ones(3, 3), "(5, 5) is wanted"),
    ("check_causal_mask", lambda k, centre: torch.ones(k, k), "rows below"),
    ("check_causal_mask", mask(show_the_centre), "the very code to be guessed"),
    ("check_causal_mask", mask(hide_the_centre), "type B of size 3 hides its centre"),
    ("check_causal_mask", opened(1, -1), "rows below"),
    ("check_causal_mask", opened(0, 1), "right of its centre"),
    ("check_causal_mask", mask(hide_above_and_right), "part of the rows above"),
    ("check_causal_mask", mask(hide_the_left), "to the left in the same row"),
    ("check_causal_mask", mask(lambda m, r, centre: 1 - m), "inside out"),
    ("check_causal_mask", mask(lambda m, r, centre: m.t()), "rows and columns swapped"),
    ("check_causal_mask", mask(lambda m, r, centre: m / 2), "other than 0 and 1"),
    ("check_vertical_layer", layer(shift=(0, 0, 0, 0)), "its own row"),
    ("check_vertical_layer", layer(shift=(0, 0, -1, 1)), "shift the other way"),
    ("check_vertical_layer", layer(shift=(0, 0, 2, -2)), "one row too far"),
    ("check_vertical_layer", layer(shift=(0, 0, 1, 0)), "has shape (2, 4, 8, 9)"),
    ("check_vertical_layer", layer(pad=lambda r: (2 * r, 0, r, 0)), "left and right alike"),
    ("check_vertical_layer", layer(pad=lambda r: (1, 1, 1, 0)), "a kernel of 5"),
    ("check_vertical_layer", lambda x, w: F.conv2d(x, w), "has shape"),
    ("check_vertical_layer", roll, "torch.roll"),
    ("check_vertical_layer", replicate, "row 0 sees codes"),
    ("check_vertical_layer", in_place, "weighs them otherwise"),
    ("check_vertical_layer", lambda x, w: layer()(x.detach(), w), "detached"),
]


@pytest.mark.parametrize(("check", "answer", "words"), WRONG)
def test_a_wrong_answer_is_told_what_is_wrong(check, answer, words):
    assert words in refusal(getattr(exercises, check), answer)


def test_a_leaking_mask_is_drawn_as_it_is_seen(capsys):
    """Three layers open to the right see their own place."""
    exercises.check_causal_mask(opened(0, 1))
    said = capsys.readouterr().out.splitlines()
    assert said[-2].strip() == ". x x x ! ! ! ! ."


def below_zeros(x, w):
    """Rows of zeros on top instead of negative padding."""
    zeros = x.new_zeros(*x.shape[:2], w.shape[2], x.shape[3])
    return F.conv2d(torch.cat([zeros, x[:, :, :-1]], 2), w, padding=(0, w.shape[3] // 2))


def test_right_answers_of_another_form_pass(capsys):
    """A NumPy mask of booleans, a layer without F.pad."""
    exercises.check_causal_mask(lambda k, b: np.arange(k * k).reshape(k, k) < k * k // 2 + b)
    exercises.check_vertical_layer(below_zeros)
    assert capsys.readouterr().out.count("✓ Right") == 2
