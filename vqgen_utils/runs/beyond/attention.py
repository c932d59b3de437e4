"""A prior that looks farther: attention, the mirrored half, both, or only more layers."""

import dataclasses
from pathlib import Path

import torch

from vqgen_utils.config import Profile, change
from vqgen_utils.models.beyond.attention import RowAttention
from vqgen_utils.models.beyond.mirror import Mirror
from vqgen_utils.models.pixelcnn import PixelCNN
from vqgen_utils.runs.run import Run
from vqgen_utils.runs.train import prior_lesson
from vqgen_utils.training.loop import Fit, Schedule, fit

# way -> seconds of a training step over those of the plain prior, on one core of a CPU (quick)
WAYS = {"plain": 1.0, "more layers": 1.5, "attention": 1.3, "mirror": 1.05, "both": 1.35}
DEEPER = 1.5  # times as many layers as the run's prior


def farther(
    run: Run, settings: Profile, way: str, steps: int | None = None, seed: int | None = None
) -> tuple[PixelCNN, Fit]:
    """Train a prior on the run's codes in one of WAYS; called again with the same it is loaded.

    Args:
        run: with a trained VQ-VAE.
        settings: of the run.
        way: one of WAYS.
        steps: that the plain prior would take in the time there is; the others take fewer, by
            WAYS. None: those of the profile.
        seed: of weights and of the order of slices; None: that of the run's prior.

    Returns:
        The trained prior in eval mode, and how it went.
    """
    slices, codes, vqvae = run.load_slices(settings), run.load_codes(), run.load_vqvae()
    settings = change(settings, prior_seed=seed)
    lesson = prior_lesson(settings, slices, codes, vqvae)
    weights = weights_of(run, way, short=steps is not None)
    if steps is None:
        steps = Schedule(len(lesson.train), settings.prior_training).steps
    steps = max(1, round(steps / WAYS[way]))
    settings = change(settings, prior_steps=steps, prior_epochs=0, prior_patience=1.0)
    grid = tuple(codes.shape[1:])
    model = new(settings, grid, way)
    result = fit(
        model,
        lesson.losses,
        lesson.train,
        settings.prior_training,
        weights,
        run.prior_made_from(settings, grid, slices) | {"way": way},
        validate=lesson.validate,
        change=lesson.change,
    )
    return model.eval(), result


def weights_of(run: Run, way: str, short: bool = False) -> Path:
    """Where the weights of one of WAYS lie: those of a whole training, or of a short one."""
    return run.path(f"farther_{way.replace(' ', '_')}{'_short' if short else ''}.safetensors")


def new(settings: Profile, grid: tuple[int, int], way: str) -> PixelCNN:
    """An untrained prior of one of WAYS.

    What a way looks up adds nothing at first, so those that have as many layers begin alike.
    """
    config, looks = settings.prior, {}
    if way == "more layers":
        config = dataclasses.replace(config, prior_layers=round(DEEPER * config.prior_layers))
    torch.manual_seed(settings.prior_training.seed)
    if way in ("mirror", "both"):
        looks[0] = Mirror(config.prior_channels, grid)
    if way in ("attention", "both"):
        looks[config.prior_layers // 2] = RowAttention(config.prior_channels, grid)
    torch.manual_seed(settings.prior_training.seed)
    return PixelCNN(config, settings.vqvae.num_embeddings, grid, looks=looks)
