"""Checks of notebook 02: quantising, its gradient, its losses, and what a score can hide."""

import functools
import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from vqgen_utils.config import VQVAEConfig
from vqgen_utils.data import phantom
from vqgen_utils.evaluation import metrics
from vqgen_utils.models.codebook import Codebook
from vqgen_utils.models.vqvae import VQVAE
from vqgen_utils.teaching.exercises.feedback import (
    NotYet,
    call,
    check,
    choice,
    close,
    same_shape,
)


@check
def check_bits_per_pixel(bits_per_pixel: Callable[[int, int], float]) -> str:
    """Checks `bits_per_pixel(num_embeddings, stride)` = log2 K / stride^2."""
    for number, stride in ((128, 4), (100, 8)):
        got = call(bits_per_pixel, number, stride)
        try:
            got = float(got)
        except (TypeError, ValueError):
            raise NotYet(f"{got!r} is not a number: return one.") from None
        block = stride * stride
        mistakes = {
            math.log2(number): "that is the price of a code. How many pixels share one code?",
            math.log2(number) / stride: f"a code stands for a block {stride} pixels wide and "
            f"{stride} pixels high: divide by the number of pixels in it.",
            math.log(number) / block: "that is in nats. Bits need the logarithm to base 2.",
            math.ceil(math.log2(number)) / block: "do not round up: written one after the other, "
            "many codes share what a single one would waste.",
            number / block: "K is how many codes there are; naming one of them takes log2 K bits.",
        }
        if close(got, math.log2(number) / block):
            continue
        for wrong, advice in mistakes.items():
            if close(got, wrong):
                raise NotYet(advice)
        else:
            raise NotYet(
                f"for K = {number} and stride {stride} you get {got:.4g}. Take the bits of one "
                "code, and divide them among the pixels that it stands for."
            )
    return (
        f"a block of 4 x 4 pixels costs {math.log2(128):.0f} bits instead of 128, were each pixel "
        "stored in 8. Doubling K costs one bit a code; doubling the stride saves three quarters."
    )


ANSWERS_WHY = {
    "A": "the pictures are untouched: data_range changes no pixel. It enters the formula in c1 "
    "and c2 alone.",
    "C": "the window stays 11 pixels wide: sigma sets it, and we left sigma alone. Look for the "
    "place where data_range enters the formula.",
    "D": "the most a pair can score stays 1, at any data_range: put the same picture twice into "
    "the formula. Look for the place where data_range enters.",
}


@check
def check_why_ssim_rose(answer: str) -> str:
    """Checks the choice among A to D."""
    choice(answer, "B", ANSWERS_WHY)
    return (
        "c1 and c2 grow fourfold. Where contrast is low they outweigh the variances, so faint "
        "texture could be lost without a trace in the score."
    )


@check
def check_quantise(quantise: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> str:
    """Checks `quantise(z, codebook)` -> (codes, z_q) on vectors whose wrong answers all differ."""
    codebook = torch.tensor(
        [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [3.0, 3.0], [-3.0, 3.0], [-2.0, 3.7], [5.3, 4.0]]
    )  # (K, 2)
    z = torch.tensor(
        [[0.2, 0.1], [0.9, 0.3], [0.4, 0.8], [1.2, 1.1], [2.8, 2.5], [-1.6, 3], [-2, 2], [4.3, 3]]
    )  # (N, 2)
    result = call(quantise, z, codebook)
    if not isinstance(result, tuple) or len(result) != 2:
        raise NotYet("two things are wanted: return codes, z_q.")
    codes, z_q = result
    _tensor("codes", codes)
    _tensor("z_q", z_q)
    if tuple(codes.shape) == tuple(z.shape) and z_q.ndim == 1:
        raise NotYet("the two are in the wrong order: return codes first, then z_q.")
    if tuple(codes.shape) == (len(codebook),):
        raise NotYet(
            f"codes has {len(codebook)} entries, one a code: you chose a vector for each code. "
            "Choose along the other axis, a code for each of the N vectors."
        )
    same_shape("codes", codes, (len(z),))
    squared = torch.cdist(z, codebook).square()  # (N, K)
    nearest = squared.argmin(1)  # (N,)
    if codes.is_floating_point() and not close(codes, nearest):
        raise NotYet("codes holds distances: the *index* of the smallest is wanted, argmin.")
    products, norms = z @ codebook.t(), codebook.square().sum(1)  # (N, K), (K,)
    mistakes = (
        (
            squared.argmax(1),
            "these are the farthest codes: distances want argmin; z·e - |e|²/2, which is largest "
            "for the nearest code, wants argmax.",
        ),
        (
            products.argmax(1),
            "long codes win too often: you compare z·e alone. Subtract half the squared norm of "
            "each code, or compare distances.",
        ),
        (
            (products - norms).argmax(1),
            "long codes lose too often: half their squared norm is to be subtracted, not all.",
        ),
        (
            torch.cdist(z, codebook, p=1).argmin(1),
            "you add up absolute differences. The nearest code is the one with the smallest sum "
            "of *squared* differences.",
        ),
        (
            torch.cdist(z, codebook, p=math.inf).argmin(1),
            "you compare the largest difference alone. Add up the squares of all D differences.",
        ),
    )
    for wrong, advice in mistakes:
        if close(codes, wrong):
            raise NotYet(advice)
    if not close(codes, nearest):
        row = int((codes != nearest).nonzero()[0])
        vector = [round(value, 1) for value in z[row].tolist()]
        raise NotYet(
            f"vector {row} is {vector} and gets code {int(codes[row])}, but code "
            f"{int(nearest[row])} is nearer. Sum the squared differences over the D numbers."
        )
    same_shape("z_q", z_q, tuple(z.shape))
    if close(z_q, z):
        raise NotYet("z_q still holds the vectors themselves: look the codes up, codebook[codes].")
    if not close(z_q, codebook[nearest]):
        raise NotYet("the codes are right, but z_q is not codebook[codes], a row for each vector.")
    return "each vector became the nearest row. What is kept of it is one number from 0 to K - 1."


@check
def check_straight_through(straight_through: Callable[[Tensor, Tensor], Tensor]) -> str:
    """Checks the value (z_q) and the gradients (to z_e: unchanged, to z_q: none)."""
    generator = torch.Generator().manual_seed(0)
    z_e, z_q, upstream = torch.randn(3, 2, 4, 3, 5, generator=generator)  # each (B, D, H, W)
    z_e.requires_grad_()
    z_q.requires_grad_()
    result = call(straight_through, z_e, z_q)
    _tensor("the result", result)
    same_shape("the result", result, tuple(z_e.shape))
    to_e, to_q = None, None
    if result.requires_grad:
        to_e, to_q = torch.autograd.grad(result, [z_e, z_q], upstream, allow_unused=True)
    to_e, to_q = (torch.zeros_like(z_e) if grad is None else grad for grad in (to_e, to_q))
    if close(result.detach(), z_e.detach()):
        raise NotYet(
            "forward it returns z_e, as if nothing had been quantised: the decoder must get z_q."
        )
    if not close(result.detach(), z_q.detach()):
        raise NotYet("its value is not z_q: whatever you add to z_q must be zero.")
    if close(to_e, torch.zeros_like(to_e)):
        raise NotYet(
            "the value is right, but no gradient reaches z_e, so the encoder would never learn. "
            "Start from z_e, and add what is missing to z_q as a constant (.detach())."
        )
    if close(to_e, 2 * upstream):
        raise NotYet("z_e gets twice the gradient: it enters with a gradient in two places.")
    if not close(to_e, upstream):
        raise NotYet("the gradient reaches z_e changed; it should arrive exactly as it came.")
    if not close(to_q, torch.zeros_like(to_q)):
        raise NotYet(
            "z_e gets its gradient, but z_q gets one too: the codes would be pulled by the "
            "decoder as well as by their own loss. Detach z_q."
        )
    return "z_q on the way forward, the identity on the way back: the encoder learns past a choice."


@check
def check_losses(losses: Callable[[Tensor, Tensor, float], tuple[Tensor, Tensor]]) -> str:
    """Checks `losses(z_e, e, beta)` -> (codebook, commitment): values, and whom each one moves."""
    generator = torch.Generator().manual_seed(1)
    z_e, e = torch.randn(2, 6, 3, generator=generator)  # each (N, D)
    z_e.requires_grad_()
    e.requires_grad_()
    beta = 0.25
    result = call(losses, z_e, e, beta)
    if not isinstance(result, tuple) or len(result) != 2:
        raise NotYet("two terms are wanted: return codebook, commitment.")
    mean = (z_e - e).detach().square().mean()
    _judge_losses(result, mean, z_e, e, beta)
    return (
        "the same distance twice, and each term moves one side only. That is why β can set how far "
        "the vectors come towards the codes without changing how fast the codes follow."
    )


def _judge_losses(
    terms: tuple[Tensor, Tensor], mean: Tensor, z_e: Tensor, e: Tensor, beta: float
) -> None:
    """Raises `NotYet` unless the terms are `mean` and beta x `mean`, and each moves its side."""
    for name, term, weight in zip(("codebook", "commitment"), terms, (1.0, beta), strict=True):
        _tensor(f"the {name} term", term)
        same_shape(f"the {name} term", term, ())
        if close(term.detach(), weight * mean * z_e.numel()):
            raise NotYet(f"the {name} term is a sum: take the mean over all N × D numbers.")
    codebook, commitment = (term.detach() for term in terms)
    if close(codebook, beta * mean, 1e-6) and close(commitment, mean, 1e-6):
        raise NotYet("the two are swapped: β weighs the commitment, which comes second.")
    if close(codebook, mean, 1e-6) and close(commitment, mean, 1e-6):
        raise NotYet("β is missing: it weighs the commitment term.")
    if not (close(codebook, mean, 1e-6) and close(commitment, beta * mean, 1e-6)):
        raise NotYet("the values are wrong: both are mean squared distances, the second times β.")
    moved = [_moved(term, z_e, e) for term in terms]
    if moved == [(True, True), (True, True)]:
        raise NotYet(
            "the values are right, but both terms pull on both sides: β would lose its meaning. "
            "Stop one gradient in each with .detach()."
        )
    if moved == [(True, False), (False, True)]:
        raise NotYet(
            "each term moves the wrong side: sg(z_e) holds the *vectors* still, so that the "
            "codebook term moves the codes; sg(e) holds the codes still."
        )
    for name, wanted, got in zip(
        ("codebook", "commitment"), ((False, True), (True, False)), moved, strict=True
    ):
        if got != wanted:
            side = "the codes e" if name == "codebook" else "the vectors z_e"
            raise NotYet(f"the {name} term should move {side}, and only them: check its detach.")


def _moved(term: Tensor, *sides: Tensor) -> tuple[bool, ...]:
    """Which of `sides` the gradient of `term` would move."""
    if not term.requires_grad:
        return (False,) * len(sides)
    grads = torch.autograd.grad(term, sides, allow_unused=True, retain_graph=True)
    return tuple(grad is not None and bool(grad.abs().sum() > 0) for grad in grads)


@check
def check_revive(revive: Callable[..., tuple[Tensor, Tensor, Tensor]]) -> str:
    """Checks `revive(e, N, m, k, vector, share)` -> (e, N, m) by making the next update."""
    e = torch.tensor([[0.0, 0.0], [-4.0, 6.0], [1.0, 1.0]])  # (K, 2)
    N = torch.tensor([40.0, 2.0, 48.0])  # (K,)
    m = e * N[:, None]  # (K, 2)
    k, vector, share = 1, torch.tensor([2.0, 1.0]), 30.0
    result = call(revive, e.clone(), N.clone(), m.clone(), k, vector, share)
    if not isinstance(result, tuple) or len(result) != 3:
        raise NotYet("three things are wanted: return e, N, m.")
    for name, got, before in zip("eNm", result, (e, N, m), strict=True):
        _tensor(name, got)
        same_shape(name, got, tuple(before.shape))
        others = torch.arange(len(e)) != k
        if not close(got[others], before[others]):
            raise NotYet(f"{name} changed for other codes too: only entry k is to be set.")
    new_e, new_N, new_m = result
    if not close(new_e[k], vector):
        raise NotYet("code k does not lie on the vector: set e[k] too.")
    served, decay = 10.0, 0.95  # the next batch: ten vectors, all on the new place
    next_m = decay * new_m[k] + (1 - decay) * served * vector  # (2,)
    next_e = next_m / (decay * new_N[k] + (1 - decay) * served)  # (2,)
    lands = f"the next update puts it at {[round(value, 1) for value in next_e.tolist()]}"
    if close(new_N[k], N[k]) and close(new_m[k], m[k]):
        raise NotYet(
            "the code was moved, but its running count and sum still describe its old place: "
            f"{lands} instead of {vector.tolist()}. Set N[k] and m[k] as well."
        )
    if not close(next_e, vector):
        raise NotYet(
            f"{lands} instead of {vector.tolist()}: m[k] / N[k] must be the vector, so m[k] is "
            "N[k] times it."
        )
    if not close(new_N[k], share):
        raise NotYet(
            f"it stays where it was put, but its count is {float(new_N[k]):g}: far from an even "
            f"share ({share:g}), so it may count as dead again at once. Set N[k] = share."
        )
    return (
        "after the next update it is still where it was put. Published code has lost its revived "
        "codes here, since moving the code is the part one sees."
    )


def _tensor(name: str, got) -> None:
    if not isinstance(got, Tensor):
        raise NotYet(f"{name} is a {type(got).__name__}: return a PyTorch tensor.")


SMALL = VQVAEConfig(
    num_embeddings=32, embedding_dim=8, hidden_dim=32, residual_layers=1, residual_hidden_dim=16,
    codebook_update="gradient",
)  # fmt: skip
STEPS, RATE, MARGIN = 150, 1e-2, 0.05


@check
def check_codebook(codebook: type[Codebook]) -> str:
    """Checks a class whose `forward` is the learner's: shapes, gradients, then 150 steps of it."""
    model = _small_model(codebook)
    z_e = model.encoder(_small_slices()[0][:2]).detach().requires_grad_()  # (2, D, h, w)
    result = call(model.codebook.forward, z_e)
    if not isinstance(result, tuple) or len(result) != 3:
        raise NotYet("three things are wanted: return z_q, codes, losses.")
    z_q, codes, losses = result
    batch, _, height, width = z_e.shape
    same_shape("z_q", z_q, tuple(z_e.shape))
    same_shape("codes", codes, (batch, height, width))
    if not isinstance(losses, dict) or set(losses) != {"codebook", "commitment"}:
        raise NotYet('losses is a dictionary with two terms, "codebook" and "commitment".')
    nearest = model.codebook.nearest(z_e.detach().permute(0, 2, 3, 1).flatten(0, 2))
    if not torch.equal(codes, nearest.view_as(codes)):
        raise NotYet(
            "these are not the nearest codes at their places. Before the search z_e becomes a list "
            "of vectors: move D to the end (permute) before you reshape."
        )
    if not close(z_q.detach(), model.codebook.lookup(codes).detach()):
        raise NotYet("z_q is not the codes' vectors at their places: move D back (permute).")
    terms = losses["codebook"], losses["commitment"]
    mean = (z_e - z_q).detach().square().mean()
    _judge_losses(terms, mean, z_e, model.codebook.embedding, model.codebook.commitment_cost)
    mine, built_in = _ssim_after_training(codebook), _ssim_after_training(Codebook)
    if mine < built_in - MARGIN:
        raise NotYet(
            f"it trains to an SSIM of {mine:.2f}, the built-in codebook to {built_in:.2f}. Does "
            "the gradient of z_q reach z_e unchanged, and no code (exercise 4)?"
        )
    return (
        f"trained inside a VQ-VAE for {STEPS} steps, yours reaches SSIM {mine:.2f} on patients it "
        f"has not seen, the built-in one {built_in:.2f}. Nothing of the method is a black box now."
    )


@functools.cache
def _small_slices() -> tuple[Tensor, Tensor]:
    """Slices to learn from and of other patients: (40, 1, 64, 32), (10, 1, 64, 32)."""
    sets = [
        np.stack([phantom.render_slice(patient, 0, number)[0][::4, ::4]
                  for patient in patients for number in range(10, 55, 9)])
        for patients in (range(1, 9), (101, 102))
    ]  # fmt: skip
    bright = np.percentile(sets[0], 99.5)
    train, test = (torch.from_numpy(some / bright).float().clamp(0, 1)[:, None] for some in sets)
    return train, test


def _small_model(codebook: type[Codebook]) -> VQVAE:
    """An untrained VQ-VAE around a codebook of this class."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = VQVAE(SMALL, _small_slices()[0].var().item())
        model.codebook = codebook(SMALL.num_embeddings, SMALL.embedding_dim, update="gradient")
    return model


def _ssim_after_training(codebook: type[Codebook]) -> float:
    """Mean SSIM on held-out slices of a small VQ-VAE, trained for a few steps."""
    (train, test), model = _small_slices(), _small_model(codebook)
    optimizer = torch.optim.Adam(model.parameters(), RATE)
    generator = torch.Generator().manual_seed(0)
    for _ in range(STEPS):
        batch = train[torch.randperm(len(train), generator=generator)[:8]]  # (8, 1, 64, 32)
        loss = model(batch)[2]["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        x_hat = model.eval()(test)[0].clamp(0, 1)  # (10, 1, 64, 32)
    return float(metrics.ssim(test[:, 0].numpy(), x_hat[:, 0].numpy())[0].mean())
