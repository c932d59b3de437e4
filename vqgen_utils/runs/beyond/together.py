"""Notebook 14: generators put together from what the notebooks before it have trained."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vqgen_utils.config import Profile
from vqgen_utils.evaluation import metrics
from vqgen_utils.evaluation.targets import Target
from vqgen_utils.models.beyond.levels import draw_bottom, told
from vqgen_utils.models.sampling import sample
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
# what a part is, and the weights that say that it is there
PARTS = {
    "farther": "farther_mirror.safetensors",
    "two levels": "levels_residual_bottom.safetensors",
    "critic": "critic.safetensors",
    "critic of two levels": "critic_two_levels.safetensors",
}


class Generator(NamedTuple):
    """Whatever reconstructs slices and draws new ones."""

    x_hat: Tensor  # (n, H, W) in [0, 1], of the held-out slices
    draw: Callable[[Tensor, Sequence[int]], Tensor]  # told (n, 16), n seeds -> (n, H, W)
    bits_per_pixel: float  # of the held-out slices, with its prior


def there(run: Run) -> dict[str, bool]:
    """Which of PARTS a run has."""
    return {part: run.path(file).exists() for part, file in PARTS.items()}


def generators(run: Run, settings: Profile, judge: Judge) -> dict[str, Generator]:
    """The plain generator, each part of PARTS in its place, and all that are there together.

    Nothing is trained: what is not there is left out.

    Args:
        run: with a trained VQ-VAE and prior.
        settings: of the run.
        judge: of the run; its held-out slices are reconstructed.
    """
    parts = there(run)
    found = {"plain": put_together(run, settings, judge)}
    for part in ("farther", "two levels", "critic"):
        if parts[part]:
            found[part] = put_together(run, settings, judge, part)
    painter = "critic of two levels" if parts["two levels"] else "critic"
    wanted = [part for part in ("farther", "two levels", painter) if parts[part]]
    if len(wanted) > 1:
        found["all together"] = put_together(run, settings, judge, *wanted)
    return found


def put_together(run: Run, settings: Profile, judge: Judge, *parts: str) -> Generator:
    """A generator with these of PARTS in place of the plain ones; arguments as for `generators`."""
    prior = (
        attention.farther(run, settings, "mirror")[0] if "farther" in parts else run.load_prior()
    )
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

    def draw(places: Tensor, seeds: Sequence[int]) -> Tensor:
        top = sample(prior, places, seeds)  # (n, h, w)
        if not two:
            return paint(top, seeds)
        return paint(torch.stack([top, draw_bottom(below, places, top, seeds)], 1), seeds)

    codes = model.encode(judge.x[:, None])  # (n, h, w) or (n, 2, h, w)
    first = codes[:, 0] if two else codes
    bits = metrics.bits_by_position(prior, first, judge.told).sum((1, 2))  # (n,)
    if two:
        known = told(judge.told, first)
        bits = bits + metrics.bits_by_position(below, codes[:, 1], known).sum((1, 2))
    each = bits.mean().item() / judge.x[0].numel()
    return Generator(paint(codes, range(len(codes))), draw, each)


def rounds_of(generator: Generator, judge: Judge, number: int, first_seed: int) -> list[Tensor]:
    """Samples at the held-out places, `number` times over, each from a seed of its own."""
    n = len(judge.told)
    return [
        generator.draw(judge.told, range(first_seed + r * n, first_seed + (r + 1) * n))
        for r in range(number)
    ]
