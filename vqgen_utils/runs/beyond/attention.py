"""The prior of a run, taught to look farther: attention, the mirrored half, or only more layers.

Each way starts from the run's own prior. What is new adds nothing at first (its last weights are
zero), so that all ways begin with the very same guesses, and what a way gains in the same time is
its own (Chen et al. 2016, "Net2Net", arXiv:1511.05641, section 2.3, begin in the same way).
"""

import dataclasses

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
FURTHER = 0.2  # as many steps as a share of those that the run's prior was given
GENTLY = 1 / 3  # of its peak learning rate: more would undo what has been learned


def farther(
    run: Run,
    settings: Profile,
    way: str,
    steps: int | None = None,
    seed: int | None = None,
    fresh: bool = False,
) -> tuple[PixelCNN, Fit]:
    """Train one of WAYS on from the run's prior; called again with the same it is loaded.

    Args:
        run: with a trained VQ-VAE and prior.
        settings: of the run.
        way: one of WAYS.
        steps: that the plain prior would take in the time there is; the others take fewer, by
            WAYS. None: a share FURTHER of the profile's, or all of them if `fresh`.
        seed: of what is new, and of the order of slices; None: that of the run's prior.
        fresh: from random weights, not from the run's prior.

    Returns:
        The trained prior in eval mode, and how it went.
    """
    slices, codes, vqvae = run.load_slices(settings), run.load_codes(), run.load_vqvae()
    settings = change(settings, prior_seed=seed)
    if not fresh:
        gently = settings.prior_training.learning_rate * GENTLY
        settings = change(settings, prior_learning_rate=gently)
    lesson = prior_lesson(settings, slices, codes, vqvae)
    if steps is None:
        steps = Schedule(len(lesson.train), settings.prior_training).steps
        steps *= 1.0 if fresh else FURTHER
    steps = max(1, round(steps / WAYS[way]))
    settings = change(settings, prior_steps=steps, prior_epochs=0, prior_patience=1.0)
    grid = tuple(codes.shape[1:])
    model = new(settings, grid, way)
    made_from = run.prior_made_from(settings, grid, slices) | {"way": way, "fresh": fresh}
    if not fresh:
        model.load_state_dict(run.load_prior().state_dict(), strict=False)
        made_from |= {"prior": run.fingerprint("prior.safetensors")}
    result = fit(
        model,
        lesson.losses,
        lesson.train,
        settings.prior_training,
        run.path(f"farther_{way.replace(' ', '_')}{'_fresh' if fresh else ''}.safetensors"),
        made_from,
        validate=lesson.validate,
        change=lesson.change,
    )
    return model.eval(), result


def new(settings: Profile, grid: tuple[int, int], way: str) -> PixelCNN:
    """An untrained prior of one of WAYS; what it has more than the plain one adds nothing yet."""
    torch.manual_seed(settings.prior_training.seed)
    config, looks = settings.prior, {}
    if way == "more layers":
        config = dataclasses.replace(config, prior_layers=round(DEEPER * config.prior_layers))
    if way in ("mirror", "both"):
        looks[0] = Mirror(config.prior_channels, grid)
    if way in ("attention", "both"):
        looks[config.prior_layers // 2] = RowAttention(config.prior_channels, grid)
    model = PixelCNN(config, settings.vqvae.num_embeddings, grid, looks=looks)
    for layer in model.layers[settings.prior.prior_layers :]:
        torch.nn.init.zeros_(layer.out_vertical.weight)
        torch.nn.init.zeros_(layer.out_horizontal.weight)
    return model
