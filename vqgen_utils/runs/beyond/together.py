"""Notebook 14: generators put together from what the notebooks before it have trained."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor

from vqgen_utils.evaluation.targets import Target

# what was asked of the best generator, on the default data and with profile quick
TARGETS = (
    Target("SSIM of reconstructions", "ssim", least=0.95),
    Target("told from real at half resolution (AUC)", "auc_half", most=0.90),
    Target("told from real at a quarter (AUC)", "auc_quarter", most=0.60),
    Target("power in the finest octave, at least", "texture_power", least=0.9),
    Target("power in the finest octave, at most", "texture_power", most=1.1),
    Target("samples that keep every rule of anatomy", "anatomy_pass_samples", least=0.96),
    Target("precision", "precision", least=0.85),
    Target("recall", "recall", least=0.85),
    Target("Fréchet distance of samples", "frechet_samples", most=0.28),
    Target("share of samples that look memorised", "memorised_share", most=0.015),
)
MADE = {  # a part's weights -> what it is, and the notebook that trains it
    "farther_mirror.safetensors": ("a prior that looks farther", "12_looking_farther"),
    "levels_residual_bottom.safetensors": ("a second level of codes", "11_two_levels"),
    "critic.safetensors": ("a decoder trained with critics", "13_sharper_or_truer"),
}


class Generator(NamedTuple):
    """Whatever reconstructs slices and draws new ones."""

    x_hat: Tensor  # (n, H, W) in [0, 1], reconstructions of the held-out slices
    draw: Callable[[Tensor, Sequence[int]], Tensor]  # told (n, 16), n seeds -> (n, H, W)
