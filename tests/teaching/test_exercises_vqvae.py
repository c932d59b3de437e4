"""Exercises of notebook 02: a wrong answer is told in words what is wrong with it."""

import math

import pytest
import torch
from notebook_cells import refusal

from vqgen_utils.models import Codebook
from vqgen_utils.teaching.exercises import vqvae as exercises


def two(codes, codebook):
    """A complete answer to exercise 3 from the codes alone."""
    return codes, codebook[codes]


def scores(z, e, share_of_norm):
    """z.e less a share of the squared norm: (N, K)."""
    return z @ e.t() - share_of_norm * e.square().sum(1)


def mean(one, other):
    """The squared distance that both losses are made of."""
    return (one - other).square().mean()


def moved(e, N, m, k, vector, count=None, total=None):
    """Code k moved, and its count and sum set, where they are given."""
    e[k] = vector
    if count is not None:
        N[k] = count
    if total is not None:
        m[k] = total
    return e, N, m


def two_steps(z, codebook):
    codes = torch.cdist(z, codebook).argmin(1)
    return codes @ codes[:-1], codebook


WRONG = [
    ("bits_per_pixel", lambda K, stride: math.log2(K), "How many pixels"),
    ("bits_per_pixel", lambda K, stride: math.log2(K) / stride, "number of pixels in it"),
    ("bits_per_pixel", lambda K, stride: math.log(K) / stride**2, "nats"),
    ("bits_per_pixel", lambda K, stride: K / stride**2, "log2 K"),
    ("bits_per_pixel", lambda K, stride: 7 / 16, "K = 100"),
    ("bits_per_pixel", lambda K, stride: math.ceil(math.log2(K)) / stride**2, "round up"),
    ("bits_per_pixel", lambda K, stride: "7/16", "not a number"),
    ("why_ssim_rose", "A", "no pixel"),
    ("why_ssim_rose", "c", "11 pixels"),
    ("why_ssim_rose", "D", "stays 1"),
    ("why_ssim_rose", 4, "one letter"),
    ("quantise", lambda z, e: e[torch.cdist(z, e).argmin(1)], "two things"),
    ("quantise", lambda z, e: two(torch.cdist(z, e).argmin(1), e)[::-1], "wrong order"),
    ("quantise", lambda z, e: two(torch.cdist(z, e).argmin(0), z), "one a code"),
    ("quantise", lambda z, e: (torch.cdist(z, e), z), "(8, 7), but (8,)"),
    ("quantise", lambda z, e: (torch.cdist(z, e).min(1).values, z), "*index*"),
    ("quantise", lambda z, e: two(torch.cdist(z, e).argmax(1), e), "distances want argmin"),
    ("quantise", lambda z, e: two(scores(z, e, 0).argmax(1), e), "half the squared norm"),
    ("quantise", lambda z, e: two(scores(z, e, 1).argmax(1), e), "not all"),
    ("quantise", lambda z, e: two(scores(z, e, 0.5).argmin(1), e), "wants argmax"),
    ("quantise", lambda z, e: two(torch.zeros(8, dtype=torch.long), e), "is nearer"),
    ("quantise", lambda z, e: two(torch.cdist(z, e, p=1).argmin(1), e), "*squared*"),
    (
        "quantise",
        lambda z, e: two(torch.cdist(z, e, p=math.inf).argmin(1), e),
        "largest difference",
    ),
    ("quantise", lambda z, e: (torch.cdist(z, e).argmin(1), z), "codebook[codes]"),
    ("quantise", lambda z, e: (torch.cdist(z, e).argmin(1), z * 0), "codebook[codes]"),
    ("quantise", lambda z, e: (torch.cdist(z, e).argmin(1).tolist(), z), "is a list"),
    ("quantise", lambda z, e: two(torch.cdist(z.t(), e).argmin(1), e), "RuntimeError"),
    ("quantise", two_steps, "Look at line 3 of it, `return codes @ codes"),
    ("straight_through", lambda z_e, z_q: z_q, "no gradient reaches z_e"),
    ("straight_through", lambda z_e, z_q: z_e + (z_q - z_e), "no gradient reaches z_e"),
    ("straight_through", lambda z_e, z_q: z_q.detach(), "no gradient reaches z_e"),
    ("straight_through", lambda z_e, z_q: z_e, "forward it returns z_e"),
    ("straight_through", lambda z_e, z_q: z_q + (z_e - z_q).detach(), "forward it returns z_e"),
    ("straight_through", lambda z_e, z_q: z_e + z_q.detach(), "not z_q"),
    ("straight_through", lambda z_e, z_q: z_q + z_e - z_e.detach(), "z_q gets one too"),
    (
        "straight_through",
        lambda z_e, z_q: 2 * z_e + (z_q - 2 * z_e).detach(),
        "twice the gradient",
    ),
    ("straight_through", lambda z_e, z_q: z_e / 2 + (z_q - z_e / 2).detach(), "changed"),
    ("straight_through", lambda z_e, z_q: z_q.sum(1), "(2, 3, 5), but (2, 4, 3, 5)"),
    ("straight_through", lambda z_e, z_q: z_q.detach().numpy(), "PyTorch tensor"),
    ("losses", lambda z, e, beta: mean(z, e), "two terms"),
    ("losses", lambda z, e, beta: (mean(z, e), beta * mean(z, e)), "both sides"),
    ("losses", lambda z, e, beta: (mean(z, e.detach()), beta * mean(z.detach(), e)), "wrong side"),
    ("losses", lambda z, e, beta: (beta * mean(z, e), mean(z, e)), "swapped"),
    ("losses", lambda z, e, beta: (mean(z, e), mean(z, e)), "β is missing"),
    ("losses", lambda z, e, beta: ((z - e).square().sum(), beta * mean(z, e)), "a sum"),
    ("losses", lambda z, e, beta: ((z - e).square(), beta * mean(z, e)), "but () is wanted"),
    ("losses", lambda z, e, beta: ((z - e).abs().mean(), beta * mean(z, e)), "values are wrong"),
    (
        "losses",
        lambda z, e, beta: (mean(z.detach(), e), beta * mean(z, e)),
        "commitment term should move the vectors",
    ),
    (
        "losses",
        lambda z, e, beta: (mean(z.detach(), e.detach()), beta * mean(z, e.detach())),
        "codebook term should move the codes",
    ),
    ("revive", lambda e, N, m, k, v, share: e, "three things"),
    ("revive", lambda e, N, m, k, v, share: moved(e, N, m, k, v), "old place"),
    ("revive", lambda e, N, m, k, v, share: moved(e, N, m, k, v, share), "m[k] / N[k]"),
    ("revive", lambda e, N, m, k, v, share: moved(e, N, m, k, v, share, v), "m[k] / N[k]"),
    ("revive", lambda e, N, m, k, v, share: moved(e, N, m, k, v, 1.0, v), "even share"),
    (
        "revive",
        lambda e, N, m, k, v, share: moved(e, N, m, k, e[k].clone(), share, share * v),
        "does not lie",
    ),
    (
        "revive",
        lambda e, N, m, k, v, share: moved(e, N, m, slice(None), v, share, share * v),
        "other codes too",
    ),
]


class NoGradient(Codebook):
    def forward(self, z_e):
        _, codes, losses = super().forward(z_e)
        return self.lookup(codes), codes, losses


class NoCodebookLoss(Codebook):
    def forward(self, z_e):
        z_q, codes, losses = super().forward(z_e)
        return z_q, codes, {**losses, "codebook": losses["codebook"].detach()}


class NoNames(Codebook):
    def forward(self, z_e):
        z_q, codes, losses = super().forward(z_e)
        return z_q, codes, list(losses.values())


class Mixed(Codebook):
    """Makes a list of the grid's numbers without moving D to the end."""

    def forward(self, z_e):
        codes = self.nearest(z_e.reshape(-1, z_e.shape[1])).view(len(z_e), *z_e.shape[2:])
        z_q, _, losses = super().forward(z_e)
        return z_q, codes, losses


class OtherLosses(Codebook):
    """The built-in codebook with `change(codebook, commitment, z_e, e)` made of its losses."""

    @staticmethod
    def change(codebook, commitment, z_e, e):
        raise NotImplementedError

    def forward(self, z_e):
        z_q, codes, losses = super().forward(z_e)
        terms = self.change(losses["codebook"], losses["commitment"], z_e, self.lookup(codes))
        return z_q, codes, dict(zip(("codebook", "commitment"), terms, strict=True))


def losing(change):
    """A codebook with other losses."""
    return type("Losing", (OtherLosses,), {"change": staticmethod(change)})


WRONG += [
    ("codebook", NoGradient, "Does the gradient of z_q reach z_e"),
    ("codebook", NoCodebookLoss, "the codebook term should move the codes"),
    (
        "codebook",
        losing(lambda one, two, z_e, e: (one, one / 4)),
        "the commitment term should move",
    ),
    ("codebook", losing(lambda one, two, z_e, e: (one, 4 * two)), "β is missing"),
    ("codebook", losing(lambda one, two, z_e, e: (two, one)), "swapped"),
    ("codebook", losing(lambda one, two, z_e, e: (one, 0 * two)), "values are wrong"),
    (
        "codebook",
        losing(lambda one, two, z_e, e: (mean(z_e, e), mean(z_e, e) / 4)),
        "pull on both sides",
    ),
    (
        "codebook",
        losing(lambda one, two, z_e, e: (mean(z_e, e.detach()), mean(z_e.detach(), e) / 4)),
        "moves the wrong side",
    ),
    ("codebook", NoNames, "a dictionary with two terms"),
    ("codebook", Mixed, "not the nearest codes"),
]


@pytest.mark.parametrize(("name", "answer", "words"), WRONG)
def test_a_wrong_answer_is_told_what_is_wrong(name, answer, words):
    assert words in refusal(getattr(exercises, f"check_{name}"), answer)


def test_other_right_ways_are_right(capsys):
    exercises.check_why_ssim_rose(" b) ")
    exercises.check_quantise(lambda z, e: two(torch.cdist(z, e).argmin(1), e))
    exercises.check_straight_through(lambda z_e, z_q: z_q.detach() + z_e - z_e.detach())
    exercises.check_losses(
        lambda z, e, beta: (
            torch.nn.functional.mse_loss(e, z.detach()),
            beta * torch.nn.functional.mse_loss(z, e.detach()),
        )
    )
    assert capsys.readouterr().out.count("✓ Right") == 4
