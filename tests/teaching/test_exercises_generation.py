"""Exercises of notebook 05: a wrong answer is told in words what is wrong with it."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from notebook_cells import refusal

from vqgen_utils.teaching.exercises import generation as exercises


def gumbel(noise, scale=lambda logits, T: logits / T):
    """A draw with this noise of u (B, K) and this use of T."""

    def draw(logits, temperature, generator):
        u = torch.rand(logits.shape, generator=generator)
        return (scale(logits, temperature) + noise(u)).argmax(1)

    return draw


def right_noise(u):
    return -torch.log(-torch.log(u))


def largest(logits, k):
    return logits.topk(k, 1).values[:, -1:]


def in_place(logits, k):
    return logits.masked_fill_(logits < largest(logits, k), -torch.inf)


def keep_back_in_place(codes):
    codes[:, :, codes.shape[2] // 2 :] = -1
    return codes


def keep(codes, value=-1, *, rows=False, first=True):
    """Codes with half of an axis kept and `value` in the other half."""
    kept = torch.zeros(codes.shape, dtype=torch.bool)
    half = codes.shape[1 if rows else 2] // 2
    part = slice(None, half) if first else slice(half, None)
    kept[(slice(None), part) if rows else (slice(None), slice(None), part)] = True
    return torch.where(kept, codes, value)


def window(left, k, skip=0):
    """The last k of the inputs (B, C, j), leaving out the newest `skip`; zeros where none are."""
    return F.pad(left[:, :, : left.shape[2] - skip], (k, 0))[:, :, -k:]


def products(x, weight, bias):
    return bias + torch.einsum("bct,nct->bn", x, weight)


def only_full_windows(left, weight, bias):
    return products(left[:, :, -weight.shape[2] :], weight, bias)


def padded_on_the_wrong_side(left, weight, bias):
    k = weight.shape[2]
    last = left[:, :, -k:] if left.shape[2] else left
    return products(F.pad(last, (0, k - last.shape[2])), weight, bias)


@pytest.mark.parametrize(
    ("check", "answer", "words"),
    [
        (exercises.check_temperature, "2.9", "one number"),
        (exercises.check_temperature, 0, "above 0"),
        (exercises.check_temperature, np.log(2) / 2, "not multiplied"),
        (exercises.check_temperature, 1 / np.log(2), "2 apart"),
        (exercises.check_temperature, 1, "7.39 to 1"),
        (exercises.check_temperature, 1, "raise T"),
        (exercises.check_temperature, 10.0, "lower T"),
        (exercises.check_temperature, 1e-9, "raise T"),
        (exercises.check_gumbel_draw, lambda z, T, g: z.argmax(1), "Is noise added"),
        (exercises.check_gumbel_draw, lambda z, T, g: z.max(1).values, "no code"),
        (
            exercises.check_gumbel_draw,
            lambda z, T, g: torch.multinomial((z / T).softmax(1), 1, generator=g),
            "has shape (4000, 1)",
        ),
        (
            exercises.check_gumbel_draw,
            lambda z, T, g: (z / T + right_noise(torch.rand(len(z), 1, generator=g))).argmax(1),
            "to each code its own",
        ),
        (
            exercises.check_gumbel_draw,
            lambda z, T, g: (z / T + right_noise(torch.rand(z.shape[1], generator=g))).argmax(1),
            "same code",
        ),
        (
            exercises.check_gumbel_draw,
            lambda z, T, g: (z / T + right_noise(torch.rand(z.shape))).argmax(1),
            "generator=generator",
        ),
        (exercises.check_gumbel_draw, gumbel(right_noise, lambda z, T: z * T), "do not multiply"),
        (exercises.check_gumbel_draw, gumbel(right_noise, lambda z, T: z), "T changes nothing"),
        (exercises.check_gumbel_draw, gumbel(lambda u: u), "uniform"),
        (exercises.check_gumbel_draw, gumbel(lambda u: -u.log()), "one logarithm is missing"),
        (exercises.check_gumbel_draw, gumbel(lambda u: u.log()), "and a minus"),
        (exercises.check_gumbel_draw, gumbel(lambda u: (-u.log()).log()), "first minus"),
        (exercises.check_gumbel_draw, gumbel(right_noise, lambda z, T: -z / T), "with shares"),
        (
            exercises.check_gumbel_draw,
            lambda z, T, g: torch.multinomial((z / T).softmax(1), 1, generator=g)[:, 0],
            "multinomial is wanted",
        ),
        (
            exercises.check_gumbel_draw,
            lambda z, T: z.argmax(1),
            "stops with TypeError",
        ),
        (exercises.check_top_k, in_place, "changed the logits"),
        (
            exercises.check_top_k,
            lambda z, k: z.masked_fill(z > z.topk(k, 1, largest=False).values[:, -1:], -torch.inf),
            "smallest are kept",
        ),
        (exercises.check_top_k, lambda z, k: z.masked_fill(z < largest(z, k), 0), "use -inf"),
        (
            exercises.check_top_k,
            lambda z, k: z.masked_fill(z < largest(z, k), -torch.inf).softmax(1),
            "probabilities",
        ),
        (
            exercises.check_top_k,
            lambda z, k: z.masked_fill(z < z.flatten().topk(k).values[-1], -torch.inf),
            "whole batch",
        ),
        (
            exercises.check_top_k,
            lambda z, k: z.masked_fill(z < largest(z, k).min(), -torch.inf),
            "whole batch",
        ),
        (
            exercises.check_top_k,
            lambda z, k: z.masked_fill(z <= largest(z, k), -torch.inf),
            "k-th largest itself is gone",
        ),
        (exercises.check_top_k, lambda z, k: torch.full_like(z, -torch.inf), "no code is left"),
        (exercises.check_top_k, lambda z, k: z.topk(k, 1).values, "has shape (2, 2)"),
        (exercises.check_top_k, lambda z, k: z - 1, "5 and 5 numbers"),
        (exercises.check_keep_back, keep_back_in_place, "clone()"),
        (exercises.check_keep_back, lambda c: keep(c, first=False), "other way round"),
        (exercises.check_keep_back, lambda c: keep(c, rows=True), "right side"),
        (exercises.check_keep_back, lambda c: keep(c, rows=True, first=False), "left side"),
        (exercises.check_keep_back, lambda c: keep(c, 0), "0 is a code"),
        (exercises.check_keep_back, lambda c: keep(c) >= 0, "true and false"),
        (exercises.check_keep_back, lambda c: keep(c).float(), "integers"),
        (exercises.check_keep_back, lambda c: c[:, :, : c.shape[2] // 2], "has shape (2, 6, 2)"),
        (exercises.check_keep_back, torch.clone, "0 of 48 positions"),
        (
            exercises.check_step,
            lambda x, w, b: products(window(x, w.shape[2]), w.flip(2), b),
            "wrong order",
        ),
        (
            exercises.check_step,
            lambda x, w, b: products(window(x, w.shape[2], skip=1), w, b),
            "off by one",
        ),
        (
            exercises.check_step,
            lambda x, w, b: products(x[:, :, : w.shape[2]], w, b),
            "first k codes",
        ),
        (
            exercises.check_step,
            lambda x, w, b: products(window(x, w.shape[2]), w, 0 * b),
            "bias is missing",
        ),
        (
            exercises.check_step,
            lambda x, w, b: products(window(x, w.shape[2]), w, 2 * b),
            "largest difference",
        ),
        (exercises.check_step, only_full_windows, "Put zeros where the row has not begun"),
        (exercises.check_step, padded_on_the_wrong_side, "newest still meets the last tap"),
        (
            exercises.check_step,
            lambda x, w, b: F.conv1d(F.pad(x, (w.shape[2], 0)), w, b),
            "is wanted",
        ),
    ],
)
def test_a_wrong_answer_is_told_what_is_wrong(check, answer, words):
    assert words in refusal(check, answer)


def test_other_right_ways_are_right_too(capsys):
    """A check judges the result, not the way to it."""

    def far_below(logits, k):
        return torch.where(logits < largest(logits, k), -1e9, logits)

    def whole_pass(left, weight, bias):
        return F.conv1d(F.pad(left, (weight.shape[2], 0)), weight, bias)[:, :, -1]

    exercises.check_temperature(2.9)
    exercises.check_top_k(far_below)
    exercises.check_keep_back(keep)
    exercises.check_step(whole_pass)
    assert capsys.readouterr().out.count("✓ Right") == 4
