"""Notebook 14: generators put together from what the notebooks before it have trained."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from vqgen_utils.config import Profile
from vqgen_utils.evaluation import metrics, targets
from vqgen_utils.evaluation.targets import Target, plain
from vqgen_utils.machine.files import save_json
from vqgen_utils.models.beyond.levels import draw_bottom, told
from vqgen_utils.models.sampling import sample
from vqgen_utils.runs import compare
from vqgen_utils.runs.beyond import attention, critic, levels
from vqgen_utils.runs.beyond.judging import Judge
from vqgen_utils.runs.run import Run

# what was asked of the best generator, on the default data and with profile quick
TARGETS = (
    Target("SSIM of reconstructions", "ssim", least=0.95),
    Target("told from real at half resolution (AUC)", "auc_half", most=0.90),
    Target("told from real at a quarter (AUC)", "auc_quarter", most=0.60),
    Target("power in the finest octave", "texture_power", least=0.9),
    Target("power in the finest octave, not more than", "texture_power", most=1.1),
    Target("samples that keep every rule of anatomy", "anatomy_pass_samples", least=0.96),
    Target("precision", "precision", least=0.85),
    Target("recall", "recall", least=0.85),
    Target("Fréchet distance of samples", "frechet_samples", most=0.28),
    Target("share of samples that look memorised", "memorised_share", most=0.015),
)
COOLER = "lower temperature"  # a part that needs no training
TEMPERATURE = 0.9  # of that part; `benchmarks.beyond` compares some on validation patients


class Generator(NamedTuple):
    """Whatever reconstructs slices and draws new ones."""

    x_hat: Tensor  # (n, H, W) in [0, 1], of the held-out slices
    # told (n, 16), n seeds, first codes (n, h, w) or None: they are drawn too -> (n, H, W)
    draw: Callable[[Tensor, Sequence[int], Tensor | None], Tensor]
    bits_per_pixel: float  # of the held-out slices, with its prior


def there(run: Run) -> dict[str, bool]:
    """What can stand in place of a plain part, and whether a run has what it takes."""
    files = {way: attention.weights_of(run, way) for way in attention.WAYS if way != "plain"}
    files["two levels"] = levels.weights_of(run, "residual_bottom")
    for part, two in (("critic", False), ("critic of two levels", True)):
        files[part] = critic.weights_of(run, two)
    return {part: file.exists() for part, file in files.items()} | {COOLER: True}


def generators(run: Run, settings: Profile, judge: Judge) -> dict[str, Generator]:
    """The plain generator, each part that is `there` in its place, and all of them together.

    Nothing is trained: what is not there is left out.

    Args:
        run: with a trained VQ-VAE and prior.
        settings: of the run.
        judge: of the run; its held-out slices are reconstructed.
    """
    parts = [part for part, here in there(run).items() if here]
    alone = [part for part in parts if part != "critic of two levels"]
    found = {"plain": put_together(run, settings, judge)}
    found |= {part: put_together(run, settings, judge, part) for part in alone}
    # the critics of one level have never seen codes of two
    two = "two levels" in parts and ("critic" not in parts or "critic of two levels" in parts)
    others = {"critic"} if two else {"two levels", "critic of two levels"}
    wanted = [part for part in parts if part not in others]
    if len(wanted) > 1:
        found["all together"] = put_together(run, settings, judge, *wanted)
    return found


def put_together(
    run: Run, settings: Profile, judge: Judge, *parts: str, cooler: float = TEMPERATURE
) -> Generator:
    """A generator with these parts in place of the plain ones; arguments as for `generators`.

    `cooler` is the temperature of the part of that name.
    """
    temperature = cooler if COOLER in parts else 1.0
    ways = [part for part in parts if part in attention.WAYS]
    prior = attention.farther(run, settings, ways[0])[0] if ways else run.load_prior()
    two, critics = "two levels" in parts, [part for part in parts if part.startswith("critic")]
    if two:
        slices = run.load_slices(settings)
        model, _ = levels.residual(run, settings, slices)
        below, _ = levels.bottom_stage(run, settings, slices, model, "residual")
    else:
        model = run.load_vqvae()
    if critics:
        painter = critic.sharpened(run, settings, two_levels=two).sharp

    def paint(codes: Tensor, seeds: Sequence[int]) -> Tensor:
        """Codes (n, h, w) or (n, 2, h, w) -> (n, H, W)."""
        return (painter.decode(codes, seeds) if critics else model.decode(codes))[:, 0]

    def draw(places: Tensor, seeds: Sequence[int], first: Tensor | None = None) -> Tensor:
        top = first
        if top is None:
            top = sample(prior, places, seeds, temperature=temperature)  # (n, h, w)
        if not two:
            return paint(top, seeds)
        bottom = draw_bottom(below, places, top, seeds, temperature=temperature)  # (n, h, w)
        return paint(torch.stack([top, bottom], 1), seeds)

    codes = model.encode(judge.x[:, None])  # (n, h, w) or (n, 2, h, w)
    first = codes[:, 0] if two else codes
    bits = metrics.bits_by_position(prior, first, judge.told).sum((1, 2))  # (n,)
    if two:
        known = told(judge.told, first)
        bits = bits + metrics.bits_by_position(below, codes[:, 1], known).sum((1, 2))
    each = bits.mean().item() / judge.x[0].numel()
    return Generator(paint(codes, range(len(codes))), draw, each)


def rounds_of(
    generator: Generator,
    judge: Judge,
    number: int,
    first_seed: int,
    first_codes: Tensor | None = None,
) -> list[Tensor]:
    """Samples at the held-out places, `number` times over, each from a seed of its own.

    With `first_codes` (n, h, w), those of the held-out slices themselves, only what comes after the
    first prior is drawn: what these samples lack is not its fault.
    """
    n = len(judge.told)
    return [
        generator.draw(judge.told, range(first_seed + r * n, first_seed + (r + 1) * n), first_codes)
        for r in range(number)
    ]


def blind_sets(
    x: Tensor, drawn: Sequence[Tensor], number: int, seed: int, size: int = 20
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Sets of slices, half of them real, in an order that says nothing.

    Args:
        x: (n, H, W) real slices.
        drawn: rounds of (n, H, W) samples.
        number: of sets.
        seed: of what is picked, and of the order.
        size: slices in a set, if there are so many.

    Returns:
        For each set (m, H, W) slices and (m,) bool, whether each is real.
    """
    rng, samples, sets = np.random.default_rng(seed), torch.cat(list(drawn)), []
    half = min(size // 2, len(x), len(samples))
    for _ in range(number):
        slices = torch.cat(
            [some[rng.choice(len(some), half, replace=False)] for some in (x, samples)]
        )
        order = rng.permutation(2 * half)
        sets.append((slices.numpy()[order], (np.arange(2 * half) < half)[order]))
    return sets


def asked(titles: dict[str, str]) -> dict[str, tuple[float, float]]:
    """What TARGETS ask for: title -> lowest and highest; `titles` has one for each measure."""
    ranges: dict[str, tuple[float, float]] = {}
    for target in TARGETS:
        if target.score in titles:
            low, high = ranges.get(titles[target.score], (-np.inf, np.inf))
            low = low if target.least is None else target.least
            high = high if target.most is None else target.most
            ranges[titles[target.score]] = (low, high)
    return ranges


MORE_IS_BETTER = {"ssim", "precision", "recall", "anatomy_pass_samples", "symmetry"}
LESS_IS_BETTER = {"frechet_samples", "memorised_share", "auc_full", "auc_half", "auc_quarter"}


def behind(scores: dict[str, pd.DataFrame], best: str) -> dict[str, str]:
    """The measures in which another generator is better than `best` beyond both intervals.

    Args:
        scores: generator -> `Judge.scores`.
        best: one of them.

    Returns:
        Measure -> the generator that does best in it.
    """
    found = {}
    for measure in (*MORE_IS_BETTER, *LESS_IS_BETTER):
        sign = 1 if measure in MORE_IS_BETTER else -1
        rows = pd.DataFrame({name: table.loc[measure] for name, table in scores.items()}).T
        first = (sign * rows["mean"]).fillna(-np.inf).idxmax()
        theirs, ours = rows.loc[first], rows.loc[best]
        gap = theirs["low"] - ours["high"] if sign > 0 else ours["low"] - theirs["high"]
        if gap > 0:
            found[measure] = first
    return dict(sorted(found.items()))


def headline(scores: pd.DataFrame) -> dict[str, float | None]:
    """The measures that TARGETS ask about, of one generator; None: not measured."""
    names = dict.fromkeys(target.score for target in TARGETS)
    return plain({name: scores.loc[name, "mean"] for name in names})


def published(content: str) -> pd.DataFrame:
    """The medians of `benchmarks.beyond`, a row a generator; no row for other data than its own.

    Args:
        content: of the data, see `Slices`.
    """
    known = compare.published("beyond")
    rows = known["generators"] if known.get("data") == content else []
    return pd.DataFrame(rows).set_index("generator") if rows else pd.DataFrame()


def keep(
    run: Run, best: str, failed: dict[str, str], scores: dict[str, pd.DataFrame]
) -> dict[str, float | None]:
    """Write comparison.json: the headline of the best generator, why what is none, all scores.

    Args:
        run: whose folder it goes into.
        best: the generator of the headline.
        failed: `Judge.failed`.
        scores: generator -> `Judge.scores`.

    Returns:
        The headline.
    """
    of_best = headline(scores[best])
    missing = {name for name, value in of_best.items() if value is None}
    known = targets.not_measured(failed)
    results = {
        "headline": of_best,
        "best": best,
        "not_measured": {name: known.get(name, "there was nothing to measure") for name in missing},
        "targets": targets.verdict(of_best, TARGETS),
        "generators": scores,
        "vqvae": run.fingerprint("vqvae.safetensors"),
    }
    save_json(run.path("comparison.json"), plain(results))
    return of_best
