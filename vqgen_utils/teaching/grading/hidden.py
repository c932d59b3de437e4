"""Hidden variants: what an exercise's function must do on other values than those of its check.

A function here has the name of a check and draws a case from a generator. Exercises whose answer is
a number or a letter have none: there the check itself says it all.
"""

import copy
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import Generator
from torch import Tensor

from vqgen_utils.data.tissues import BLADDER, RECTUM
from vqgen_utils.evaluation import code_lengths, fidelity
from vqgen_utils.models.beyond import alphabets, attention
from vqgen_utils.teaching.exercises.evaluation import pelvis
from vqgen_utils.teaching.exercises.feedback import NotYet, call, close


class Case(NamedTuple):
    """Arguments, and what should come out of `probe(answer, *arguments)`."""

    arguments: tuple
    wanted: Any
    probe: Callable = call


def try_hidden(name: str, answer: Callable, rng: Generator, times: int = 3) -> None:
    """Try a function on hidden variants of the check `name`; one without variants passes.

    Raises:
        NotYet: with the case that it does not get right.
    """
    draw = globals().get(name)
    for _ in range(times if draw else 0):
        arguments, wanted, probe = draw(rng)
        title = f"right on the values of the notebook, but not on others: with {brief(arguments)}"
        try:
            got = probe(answer, *copy.deepcopy(arguments))
        except NotYet as problem:
            raise NotYet(f"{title} {problem}") from problem
        except Exception as error:  # it gives another kind of value than the question asks for
            raise NotYet(f"{title} what yours gives is of no use: {error}") from error
        if not agree(got, wanted):
            raise NotYet(f"{title} wanted is {brief(wanted)}, and yours gives {brief(got)}.")


def agree(got, wanted) -> bool:
    """Whether two results are the same up to rounding, part by part."""
    if isinstance(wanted, (tuple, list)):
        parts = isinstance(got, (tuple, list)) and len(got) == len(wanted)
        return parts and all(map(agree, got, wanted))
    if isinstance(wanted, str):
        return str(got) == wanted
    try:
        got, wanted = (np.asarray(torch.as_tensor(x).detach(), float) for x in (got, wanted))
    except (TypeError, ValueError, RuntimeError):
        return False
    return got.shape == wanted.shape and np.allclose(got, wanted, rtol=1e-3, atol=1e-4)


def brief(value) -> str:
    """A value in few words: a large array by its shape."""
    if isinstance(value, (tuple, list)):
        text = ", ".join(map(brief, value))
        return text if len(text) < 300 else f"{text[:300]}..."
    if isinstance(value, (np.ndarray, Tensor)) and math.prod(value.shape) > 12:
        return f"an array of shape {tuple(value.shape)}"
    if isinstance(value, np.ndarray) and value.dtype.kind not in "iufc":
        return str(value)
    if isinstance(value, (np.ndarray, Tensor)):
        return str(np.round(value.tolist(), 3).tolist() if value.shape else round(value.item(), 3))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def normal(rng: Generator, *shape: int) -> Tensor:
    return torch.from_numpy(rng.standard_normal(shape)).float()


# ---- 01 ------------------------------------------------------------------------------------------


def check_in_order(rng: Generator) -> Case:
    patient, week = rng.integers(1, 60), rng.integers(0, 8)
    numbers = rng.choice(130, 12, replace=False)
    names = [f"case_{patient:03d}_week_{week}_slice_{n}.nii.gz" for n in numbers]
    return Case((names,), [names[i] for i in numbers.argsort()], lambda f, *a: list(call(f, *a)))


def check_scale(rng: Generator) -> Case:
    def probe(scale: Callable, v: np.ndarray) -> tuple:
        got, empty = np.asarray(call(scale, v)), np.asarray(call(scale, np.full_like(v, 3)))
        return got, str(got.dtype), empty

    v = rng.normal(rng.integers(50, 900), 40, tuple(rng.integers(4, 12, 3))).astype(np.int16)
    v.flat[rng.integers(v.size)] = 20_000
    low, high = np.percentile(v, (0.5, 99.9))
    scaled = np.clip((v - low) / (high - low), 0, 1)
    return Case((v,), (scaled, "float32", np.zeros(v.shape)), probe)


def check_hold_out(rng: Generator) -> Case:
    def probe(hold_out: Callable, patients: np.ndarray, seed: int) -> tuple:
        held = np.asarray(call(hold_out, patients.copy(), seed), bool)
        again = np.asarray(call(hold_out, patients.copy(), seed), bool)
        back = np.asarray(call(hold_out, patients[::-1].copy(), seed), bool)[::-1]
        out, stay = np.unique(patients[held]), np.unique(patients[~held])
        return len(out), len(np.intersect1d(out, stay)), (held == again).all(), (held == back).all()

    count = 5 * rng.integers(4, 12)
    names = np.array([f"p{n}" for n in rng.choice(900, count, replace=False)])
    patients = rng.permutation(np.repeat(names, rng.integers(1, 9, count)))
    return Case((patients, int(rng.integers(1000))), (count // 5, 0, True, True), probe)


# ---- 02 ------------------------------------------------------------------------------------------


def check_bits_per_pixel(rng: Generator) -> Case:
    k, stride = int(rng.integers(2, 5000)), int(rng.choice([2, 3, 5, 16]))
    return Case((k, stride), math.log2(k) / stride**2)


def check_quantise(rng: Generator) -> Case:
    d = int(rng.integers(2, 6))
    z, codebook = normal(rng, 9, d), 1.5 * normal(rng, int(rng.integers(3, 9)), d)
    codes = torch.cdist(z, codebook).argmin(1)
    return Case((z, codebook), (codes, codebook[codes]))


def check_straight_through(rng: Generator) -> Case:
    def probe(straight_through: Callable, z_e: Tensor, z_q: Tensor, upstream: Tensor) -> tuple:
        z_e, z_q = z_e.requires_grad_(), z_q.requires_grad_()
        value = call(straight_through, z_e, z_q)
        return value, *gradients(value, (z_e, z_q), upstream)

    z_e, z_q, upstream = normal(rng, 3, *rng.integers(1, 6, 4))
    return Case((z_e, z_q, upstream), (z_q, upstream, torch.zeros_like(z_q)), probe)


def gradients(value: Tensor, leaves: tuple[Tensor, ...], upstream: Tensor | None = None) -> list:
    """d value / d leaf of each, zeros where there is none."""
    if not value.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    found = torch.autograd.grad(value, leaves, upstream, allow_unused=True, retain_graph=True)
    return [torch.zeros_like(x) if g is None else g for g, x in zip(found, leaves, strict=True)]


def check_losses(rng: Generator) -> Case:
    def probe(losses: Callable, z_e: Tensor, e: Tensor, beta: float) -> tuple:
        leaves = z_e.requires_grad_(), e.requires_grad_()
        codebook, commitment = call(losses, *leaves, beta)
        return codebook, commitment, gradients(codebook, leaves), gradients(commitment, leaves)

    z_e, e = normal(rng, 2, *rng.integers(2, 8, 2))
    beta, zero = float(rng.uniform(0.1, 2)), torch.zeros_like(e)
    mean, slope = (z_e - e).square().mean(), 2 * (z_e - e) / e.numel()
    wanted = mean, beta * mean, [zero, -slope], [beta * slope, zero]
    return Case((z_e, e, beta), wanted, probe)


def check_revive(rng: Generator) -> Case:
    count, d = rng.integers(3, 8), rng.integers(2, 5)
    e, n = normal(rng, count, d), torch.from_numpy(rng.uniform(1, 50, count)).float()
    k, vector, share = int(rng.integers(count)), normal(rng, d), float(rng.integers(5, 60))
    m = e * n[:, None]
    wanted = e.clone(), n.clone(), m.clone()
    for table, value in zip(wanted, (vector, share, share * vector), strict=True):
        table[k] = value
    return Case((e, n, m, k, vector, share), wanted)


def check_codebook(rng: Generator) -> Case:
    def probe(codebook: type, embedding: Tensor, z_e: Tensor, upstream: Tensor) -> tuple:
        mine = codebook(*embedding.shape, update="gradient")
        mine.embedding.data = embedding
        z_q, codes, losses = call(mine.forward, z_e.requires_grad_())
        moved = sum(gradients(loss, (z_e,))[0].abs().sum() > 0 for loss in losses.values())
        return z_q, codes, gradients(z_q, (z_e,), upstream), moved

    embedding = normal(rng, 7, int(rng.integers(2, 6)))  # (K, D)
    z_e, upstream = normal(rng, 2, 2, embedding.shape[1], 3, 5)  # each (B, D, h, w)
    codes = torch.cdist(z_e.permute(0, 2, 3, 1), embedding).argmin(-1)  # (B, h, w)
    return Case(
        (embedding, z_e, upstream),
        (embedding[codes].permute(0, 3, 1, 2), codes, [upstream], 1),  # the commitment moves z_e
        probe,
    )


# ---- 03 ------------------------------------------------------------------------------------------


def check_perplexity(rng: Generator) -> Case:
    counts = torch.from_numpy(rng.integers(0, 40, rng.integers(5, 30)))
    counts[rng.integers(len(counts))] = 0
    p = counts[counts > 0] / counts.sum()
    return Case((counts,), float(2 ** -(p * p.log2()).sum()))


def check_tissue_given_code(rng: Generator) -> Case:
    table = torch.from_numpy(rng.integers(0, 9, tuple(rng.integers(3, 8, 2))))
    table[:, rng.integers(table.shape[1])] = 0
    return Case((table,), table / table.sum(0).clamp(min=1))


def check_nearest_other(rng: Generator) -> Case:
    embedding = 3 * normal(rng, int(rng.integers(5, 12)), int(rng.integers(2, 5)))
    k = int(rng.integers(len(embedding)))
    distances = (embedding - embedding[k]).norm(dim=1)
    distances[k] = torch.inf
    return Case((embedding, k), int(distances.argmin()))


def check_transplant(rng: Generator) -> Case:
    def probe(transplant: Callable, donor: Tensor, receiver: Tensor, box: tuple) -> tuple:
        return call(transplant, donor, receiver, box), donor, receiver

    donor, receiver = torch.from_numpy(rng.integers(0, 99, (2, 9, 7)))
    (top, bottom), (left, right) = (sorted(rng.choice(n, 2, replace=False)) for n in (9, 7))
    box, wanted = (slice(top, bottom), slice(left, right)), receiver.clone()
    wanted[box] = donor[box]
    return Case((donor, receiver, box), (wanted, donor, receiver), probe)


def check_mean_block(rng: Generator) -> Case:
    codes = torch.from_numpy(rng.integers(0, 3, (rng.integers(1, 4), *rng.integers(3, 7, 2))))
    n, h, w = codes.shape
    images = normal(rng, n, 4 * h, 4 * w)
    blocks = images.view(n, h, 4, w, 4).transpose(2, 3)  # (N, h, w, 4, 4)
    k = int(codes.flatten()[0])
    return Case((codes, images, k), blocks[codes == k].mean(0))


# ---- 04 ------------------------------------------------------------------------------------------


def check_bits(rng: Generator) -> Case:
    nats = float(rng.uniform(0.2, 5))
    return Case((nats,), (nats / math.log(2), nats / math.log(2) / 16))


def check_log_probability(rng: Generator) -> Case:
    b, k, h, w = map(int, rng.integers(2, 7, 4))
    logits, codes = 3 * normal(rng, b, k, h, w), torch.from_numpy(rng.integers(0, k, (b, h, w)))
    return Case((logits, codes), -F.cross_entropy(logits, codes, reduction="none").sum((1, 2)))


def check_causal_mask(rng: Generator) -> Case:
    k, centre = int(rng.choice([7, 9, 11])), bool(rng.integers(2))
    before = np.arange(k * k).reshape(k, k) - k * k // 2  # 0 at the centre, in reading order
    return Case((k, centre), before < centre)


def check_vertical_layer(rng: Generator) -> Case:
    r, b, c, d = map(int, rng.integers(1, 4, 4))
    x, weight = normal(rng, b, c, *rng.integers(5, 10, 2)), normal(rng, d, c, r + 1, 2 * r + 1)
    return Case((x, weight), F.conv2d(F.pad(x, (r, r, r + 1, -1)), weight))


# ---- 05 ------------------------------------------------------------------------------------------


def check_gumbel_draw(rng: Generator) -> Case:
    def probe(draw: Callable, logits: Tensor, temperature: float, seed: int) -> bool:
        codes = call(draw, logits, temperature, torch.Generator().manual_seed(seed))
        u = torch.rand(logits.shape, generator=torch.Generator().manual_seed(seed))
        same = torch.as_tensor(codes) == (logits / temperature - (-u.log()).log()).argmax(1)
        return bool(same.float().mean() > 0.99)  # u may have been kept away from 0 and 1

    logits = 2 * normal(rng, 500, int(rng.integers(4, 20)))
    return Case((logits, float(rng.uniform(0.3, 3)), int(rng.integers(1000))), True, probe)


def check_top_k(rng: Generator) -> Case:
    def probe(top_k_filter: Callable, logits: Tensor, k: int) -> Tensor:
        return torch.as_tensor(call(top_k_filter, logits, k)).clamp(min=-1e4)

    logits = 4 * normal(rng, int(rng.integers(2, 5)), int(rng.integers(6, 12)))
    k = int(rng.integers(1, 6))
    least = logits.sort(1, descending=True).values[:, k - 1, None]  # (B, 1)
    return Case((logits, k), logits.masked_fill(logits < least, -1e4), probe)


def check_keep_back(rng: Generator) -> Case:
    codes = torch.from_numpy(rng.integers(0, 50, (rng.integers(1, 4), *2 * rng.integers(1, 6, 2))))
    given = codes.clone()
    given[:, :, codes.shape[2] // 2 :] = -1
    return Case((codes,), given)


def check_step(rng: Generator) -> Case:
    b, c, classes, k = map(int, rng.integers(2, 6, 4))
    left = normal(rng, b, c, int(rng.integers(0, 9)))
    weight, bias = normal(rng, classes, c, k), normal(rng, classes)
    window = F.pad(left, (k, 0))[:, :, -k:]  # (B, C, k)
    return Case((left, weight, bias), torch.einsum("bct,kct->bk", window, weight) + bias)


# ---- 06 to 09 ------------------------------------------------------------------------------------


def check_frequency_bits(rng: Generator) -> Case:
    k = int(rng.integers(5, 20))
    train, test = (torch.from_numpy(rng.integers(0, k, n)) for n in rng.integers(10, 60, 2))
    return Case((train[train > 0], test, k), code_lengths.frequency_bits(train[train > 0], test, k))


def check_resample(rng: Generator) -> Case:
    def probe(resample: Callable, values: np.ndarray, patients: np.ndarray, seed: int) -> tuple:
        means = np.asarray(call(resample, values, patients, 3000, np.random.default_rng(seed)))
        names, index = np.unique(patients, return_inverse=True)
        sums, sizes = np.bincount(index, values), np.bincount(index)
        drawn = np.random.default_rng(seed + 1).integers(len(names), size=(3000, len(names)))
        right = sums[drawn].sum(1) / sizes[drawn].sum(1)  # (draws,)
        middle = abs(means.mean() - right.mean()) < 0.1 * right.std()
        return means.shape, middle, abs(means.std() / right.std() - 1) < 0.1

    count = int(rng.integers(6, 12))
    sizes = 3 + 3 * np.arange(count)
    person = rng.permutation(np.linspace(-2, 2, count)) + np.arange(count) / 4
    values = np.repeat(person, sizes) + 0.1 * rng.standard_normal(sizes.sum())
    patients = np.repeat([f"p{n}" for n in rng.choice(99, count, replace=False)], sizes)
    return Case((values, patients, int(rng.integers(99))), ((3000,), True, True), probe)


def check_precision(rng: Generator) -> Case:
    real = normal(rng, int(rng.integers(15, 30)), 3)
    fake, k = 1.4 * normal(rng, int(rng.integers(15, 30)), 3), int(rng.integers(1, 5))
    return Case((real, fake, k), fidelity.precision_recall(real, fake, k)[0])


def check_bladder_in_front(rng: Generator) -> Case:
    bladder, rectum = ((int(rng.integers(12, 50)), int(rng.integers(8, 24))) for _ in range(2))
    absent = rng.integers(5)  # now and then an organ is not there
    tissues = pelvis(None if absent == 0 else bladder, None if absent == 1 else rectum)
    front = [np.nonzero(tissues == organ)[1].mean() for organ in (BLADDER, RECTUM)
             if (tissues == organ).any()]  # fmt: skip
    if len(front) == 2 and close(*front, 0.5):
        return check_bladder_in_front(rng)
    return Case((tissues,), len(front) < 2 or front[0] > front[1], lambda f, *a: bool(call(f, *a)))


def check_auroc(rng: Generator) -> Case:
    odd, usual = (rng.integers(low, low + 8, rng.integers(4, 20)).astype(float) for low in (3, 0))
    difference = odd[:, None] - usual
    return Case((odd, usual), float((difference > 0).mean() + (difference == 0).mean() / 2))


def check_stop(rng: Generator) -> Case:
    losses, patience = rng.integers(1, 12, rng.integers(4, 15)).astype(float).tolist(), 3
    best = 0
    for look, loss in enumerate(losses):
        best = look if loss < losses[best] else best
        if look - best == patience:
            break
    return Case((losses, patience), (best, look))


def check_mean_of_draw(rng: Generator) -> Case:
    patients, values = rng.choice(["dee", "eli", "fay", "gus"], 30), rng.normal(5, 2, 30)
    drawn = rng.choice(np.unique(patients), 4).tolist()
    wanted = np.concatenate([values[patients == name] for name in drawn]).mean()
    return Case((values, patients, drawn), float(wanted))


# ---- 10 ------------------------------------------------------------------------------------------


def check_cheapest_code(rng: Generator) -> Case:
    k, d = map(int, rng.integers(3, 9, 2))
    z, codes = normal(rng, int(rng.integers(20, 60)), d), normal(rng, k, d)
    shares, weight = torch.from_numpy(rng.dirichlet(np.ones(k))).float(), float(rng.uniform(0.1, 2))
    return Case((z, codes, shares, weight), alphabets.cheapest(z, codes, shares, weight))


# ---- 11 ------------------------------------------------------------------------------------------


def check_residual_codes(rng: Generator) -> Case:
    n, k, d = (int(number) for number in rng.integers(4, 9, 3))
    z, first, second = normal(rng, n, d), normal(rng, k, d), 0.5 * normal(rng, k, d)
    top = torch.cdist(z, first).argmin(1)  # (N,)
    bottom = torch.cdist(z - first[top], second).argmin(1)  # (N,)
    return Case((z, first, second), torch.stack([top, bottom], 1))


# ---- 12 ------------------------------------------------------------------------------------------


def check_attend(rng: Generator) -> Case:
    grid, d = tuple(map(int, rng.integers(2, 5, 2))), int(rng.integers(2, 9))
    allowed = attention.rows_so_far(grid)
    q, k = (2 * normal(rng, len(allowed), d) for _ in range(2))
    values = normal(rng, len(allowed), int(rng.integers(2, 6)))
    return Case((q, k, values, allowed), attention.attention_weights(q, k, allowed) @ values)


def check_hear_row(rng: Generator) -> Case:
    old, width, d, size = map(int, rng.integers(2, 7, 4))
    q, k, values = normal(rng, width, d), normal(rng, width, d), normal(rng, width, size)
    old_k, old_values = normal(rng, old, d), normal(rng, old, size)
    keys, kept = torch.cat([old_k, k]), torch.cat([old_values, values])
    allowed = torch.ones(width, len(keys), dtype=torch.bool)
    heard = attention.attention_weights(q, keys, allowed) @ kept
    return Case((q, k, values, old_k, old_values), (heard, keys, kept))


# ---- 13 ------------------------------------------------------------------------------------------


def check_hinge(rng: Generator) -> Case:
    real, painted = (2 * normal(rng, int(rng.integers(2, 9))) for _ in range(2))
    return Case((real, painted), float(F.relu(1 - real).mean() + F.relu(1 + painted).mean()))


# ---- 14 ------------------------------------------------------------------------------------------


def check_front(rng: Generator) -> Case:
    scores = rng.integers(0, 6, (int(rng.integers(5, 12)), 2)).astype(float)  # with ties
    no_worse = (scores[None] <= scores[:, None]).all(2) & (scores[None] < scores[:, None]).any(2)
    return Case((scores,), ~no_worse.any(1))
