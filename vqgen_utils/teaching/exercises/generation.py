"""Checks of notebook 05: temperature, drawing, top-k, completion, the incremental step."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from vqgen_utils.teaching.exercises.feedback import NotYet, call, check, close, number, same_shape

DRAWS = 4000  # a share among so many draws is off by about 0.008
NEAR = 0.04  # shares closer than this are taken for the same
SEEDS = 20  # for two draws with one seed each, chance alone makes them all alike hardly ever


def seeded(seed: int) -> torch.Generator:
    """A generator of its own for one call."""
    return torch.Generator().manual_seed(seed)


def answered(name: str, shape: tuple[int, ...], answer: Callable, *arguments) -> Tensor:
    """What the learner's function returns, as a tensor of this shape; else `NotYet`."""
    got = call(answer, *arguments)
    same_shape(name, got, shape)
    return torch.as_tensor(got)


@check
def check_temperature(answer) -> str:
    """The T at which logits 2 and 0 give odds of 2 to 1."""
    answer = number("your answer", answer)
    if answer <= 0:
        raise NotYet("the logits are divided by T, so give a number above 0.")
    wanted = 2 / math.log(2)
    if abs(answer - 1 / wanted) < 0.01:
        raise NotYet(f"{answer:g} is 1 / T: the logits are divided by T, not multiplied by it.")
    if abs(answer - 1 / math.log(2)) < 0.02:
        raise NotYet("that would be right for logits 1 and 0. Here they are 2 apart.")
    odds = math.exp(min(2 / answer, 700))
    if abs(odds - 2) > 0.05:
        advice = "too sure: raise T" if odds > 2 else "too undecided: lower T"
        raise NotYet(f"at T = {answer:g} the odds are {odds:.3g} to 1, which is {advice}.")
    return (
        "odds of exp(2 / T) are 2 at T = 2 / ln 2. Only the gap between logits matters, never "
        "their size: add 100 to both, and the odds stay."
    )


@check
def check_gumbel_draw(draw) -> str:
    """draw(logits (B, K), temperature, generator) -> (B,) codes, by Gumbel noise."""
    p = torch.tensor([0.6, 0.3, 0.1])  # (K,)

    def drawn(temperature: float, seed: int) -> Tensor:
        logits = p.log().repeat(DRAWS, 1)  # (B, K), every row the same
        codes = answered("the result", (DRAWS,), draw, logits, temperature, seeded(seed))
        if codes.is_floating_point() or not 0 <= codes.min() <= codes.max() < len(p):
            raise NotYet("that is no code: give the place of the largest sum in each row.")
        return codes

    if (drawn(1.0, 0) == drawn(1.0, 0)[0]).all():
        if all(drawn(1.0, seed)[0] == 0 for seed in range(SEEDS)):
            raise NotYet(
                "every draw gives the likeliest code. Is noise added, and to each code its own?"
            )
        raise NotYet(
            "all rows got the same code. Each row, and each code in it, needs noise of its own: "
            "draw as many numbers as there are logits."
        )
    if not torch.equal(drawn(1.0, 1), drawn(1.0, 1)):
        raise NotYet("the same seed gave two different draws: pass generator=generator on.")
    got = {t: torch.bincount(drawn(t, 2), minlength=len(p)) / DRAWS for t in (1.0, 0.5, 2.0)}
    if all(close(got[t], tempered(p, t), NEAR) for t in got):
        u = torch.rand(DRAWS, len(p), generator=seeded(2))  # (B, K), what you were given
        by_noise = (p.log() - (-u.log()).log()).argmax(1)  # (B,)
        if (drawn(1.0, 2) != by_noise).float().mean() > 0.01:
            raise NotYet(
                "the shares are right, but these are not the codes with the largest sum of logit "
                "and noise from torch.rand(logits.shape, generator=generator). No softmax and no "
                "multinomial is wanted here."
            )
        return (
            "the shares are those of softmax(logits / T). With Gumbel noise no probability is ever "
            "computed, and each image can have a noise, and so a seed, of its own."
        )
    if all(close(got[t], tempered(p, 1 / t), NEAR) for t in got):
        raise NotYet("a low temperature makes it bolder: divide by T, do not multiply.")
    if all(close(got[t], p, NEAR) for t in got):
        raise NotYet("T changes nothing: divide the logits alone, before the noise is added.")
    u = torch.rand(DRAWS, len(p), generator=seeded(3))  # (B, K)
    for noise, problem in (
        (u, "the noise is uniform: turn u into -log(-log(u)) first."),
        (-u.log(), "one logarithm is missing: the noise is -log(-log(u))."),
        (u.log(), "one logarithm is missing, and a minus: the noise is -log(-log(u))."),
        ((-u.log()).log(), "the first minus is missing: the noise is -log(-log(u))."),
    ):
        codes = (p.log() + noise).argmax(1)  # (B,)
        if close(got[1.0], torch.bincount(codes, minlength=len(p)) / DRAWS, NEAR):
            raise NotYet(problem)
    text = {t: ", ".join(f"{share:.2f}" for share in got[t]) for t in got}
    raise NotYet(
        f"codes with probabilities 0.6, 0.3, 0.1 came out with shares {text[1.0]} at T = 1 and "
        f"{text[0.5]} at T = 0.5. Is the sum logits / T plus noise, and is its largest taken?"
    )


def tempered(p: Tensor, temperature: float) -> Tensor:
    """Probabilities (K,) at another temperature."""
    return (p.log() / temperature).softmax(0)


@check
def check_top_k(top_k_filter) -> str:
    """top_k_filter(logits (B, K), k) -> (B, K), all but the k largest of each row at -inf."""
    logits = torch.tensor([[0.5, 3.0, -1.0, 2.0, 1.0], [10.0, 12.0, 11.0, 14.0, 8.0]])  # (2, 5)
    for k in (2, 1, 5):
        lent = logits.clone()
        got = answered("the result", tuple(logits.shape), top_k_filter, lent, k)
        if not torch.equal(lent, logits):
            raise NotYet(
                "your function changed the logits it was given. Others may still need them: make "
                "new ones, for example with masked_fill or torch.where."
            )
        largest = kept(logits, logits.topk(k, 1).indices)  # (2, 5)
        if agree(got, largest):
            continue
        if not (got > -1e4).any():
            raise NotYet(f"for k = {k} no code is left. Keep the {k} largest of each row.")
        lowest = got[got > -1e4].min()
        for wrong, problem in (
            (kept(logits, logits.topk(k, 1, largest=False).indices),
             "the smallest are kept. The likeliest codes have the largest logits."),
            (torch.where(largest.isfinite(), logits, 0.0),
             "the rest is at 0, and a logit of 0 has a probability of its own: use -inf."),
            (largest.softmax(1),
             "these are probabilities. Give logits back: the sampler takes the softmax."),
            (logits.masked_fill(logits < lowest, -torch.inf),
             "one threshold serves the whole batch. Each row has a k-th largest of its own."),
            (kept(logits, logits.topk(k - 1, 1).indices),
             "the k-th largest itself is gone: drop what is smaller than it, not equal."),
        ):  # fmt: skip
            if agree(got, wrong):
                raise NotYet(problem)
        numbers = (got > -1e4).sum(1).tolist()
        raise NotYet(
            f"for k = {k}, {numbers[0]} and {numbers[1]} numbers of your two rows are not -inf. "
            f"Wanted: the {k} largest of each row as they were, all others -inf."
        )
    return (
        "k codes a row are left, and softmax shares 1 among them. k = 1 is greedy whatever the "
        "temperature, k = K changes nothing."
    )


def kept(logits: Tensor, places: Tensor) -> Tensor:
    """Logits (B, K) at `places` (B, k), -inf elsewhere."""
    return torch.full_like(logits, -torch.inf).scatter(1, places, logits.gather(1, places))


def agree(one: Tensor, other: Tensor) -> bool:
    """Whether two sets of logits are the same; anything below -10,000 is as good as -inf."""
    return close(one.clamp(min=-1e4), other.clamp(min=-1e4))


@check
def check_keep_back(keep_back) -> str:
    """keep_back(codes (B, h, w)) -> given (B, h, w): the back as it is, -1 in the front half."""
    codes = torch.randint(1, 9, (2, 6, 4), generator=seeded(0))  # (B, h, w)
    lent = codes.clone()
    got = answered("given", tuple(codes.shape), keep_back, lent)
    if not torch.equal(lent, codes):
        raise NotYet(
            "your function wrote into the codes it was given, so the real slice is lost: clone() "
            "them first."
        )
    if got.dtype == torch.bool:
        raise NotYet("this is a mask of true and false. The sampler wants codes, and -1 for holes.")
    if got.is_floating_point():
        raise NotYet("these are decimal numbers, and codes are integers.")
    back, front, right, left, zero = (codes.clone() for _ in range(5))
    back[:, :, 2:] = -1
    front[:, :, :2] = -1
    right[:, 3:] = -1
    left[:, :3] = -1
    zero[:, :, 2:] = 0
    if close(got, back):
        return (
            "-1 asks for a code, all others stay. But a position hears only of given codes before "
            "it in reading order, never of those after it. Is this completion exact?"
        )
    for wrong, problem in (
        (front, "this keeps the front and asks for the back: the other way round."),
        (right, "this keeps the patient's right side. Back to front is the last axis."),
        (left, "this keeps the patient's left side. Back to front is the last axis."),
        (zero, "0 is a code like any other and would be kept. -1 asks for a code."),
    ):
        if close(got, wrong):
            raise NotYet(problem)
    asked, same = int((got == -1).sum()), int((got == codes).sum())
    raise NotYet(
        f"{asked} of {got.numel()} positions are -1, and {same} are as they were. Wanted: the "
        "first half of the last axis as it was, the second half -1."
    )


@check
def check_step(step) -> str:
    """step(left (B, C, j), weight (K, C, k), bias (K,)) -> logits (B, K) at position j."""
    batch, channels, codes, k, width = 2, 3, 5, 3, 8
    rng = seeded(0)
    x = torch.randn(batch, channels, width, generator=rng)  # (B, C, w), a row of embedded codes
    weight = torch.randn(codes, channels, k, generator=rng)  # (K, C, k)
    bias = torch.randn(codes, generator=rng)  # (K,)
    full = full_pass(x, weight, bias)  # (B, K, w)
    late = full_pass(F.pad(x, (1, -1)), weight, bias)  # everything a position later
    for j in reversed(range(width)):  # the plain case first, the row's beginning last
        left = x[:, :, :j].clone()  # (B, C, j)
        try:
            got = answered("the result", (batch, codes), step, left, weight, bias)
        except NotYet as problem:
            if j >= k:
                raise
            raise NotYet(
                f"right from position {k} on. At position {j}, with {j} codes to its left: "
                f"{problem} Put zeros where the row has not begun."
            ) from problem
        if close(got, full[:, :, j]):
            continue
        if j < k:
            raise NotYet(
                f"right from position {k} on, wrong at position {j}, with {j} codes to its left. "
                "The missing ones are the oldest and count as zeros, so the newest still meets the "
                "last tap."
            )
        for wrong, problem in (
            (full_pass(x, weight.flip(2), bias),
             "the taps are in the wrong order: weight[:, :, -1] belongs to the newest code."),
            (late, "you are off by one: the newest code, left[:, :, -1], is left out."),
            (full[:, :, k : k + 1].expand_as(full),
             "these are always the row's first k codes. The window moves: take the last k."),
            (full_pass(x, weight, 0 * bias), "the bias is missing."),
        ):  # fmt: skip
            if close(got, wrong[:, :, j]):
                raise NotYet(problem)
        raise NotYet(
            f"at position {j} the largest difference to the full pass is "
            f"{(got - full[:, :, j]).abs().max():.2g}. Sum weight[:, :, t] times code j - k + t "
            "over channels and over t from 0 to k - 1, and add the bias."
        )
    return (
        f"equal to the full pass at all {width} positions, with the work of one position each. Our "
        "sampler keeps such a window for every layer, since no layer's past ever changes."
    )


def full_pass(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A causal convolution over a whole row: position j sees the k before it, not itself.

    (B, C, w), (K, C, k), (K,) -> (B, K, w).
    """
    return F.conv1d(F.pad(x, (weight.shape[2], -1)), weight, bias)
