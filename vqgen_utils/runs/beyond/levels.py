"""What notebook 11 trains on a finished run: codes in two levels, and a prior in two stages.

residual      on top of the run's VQ-VAE, whose codes are the top; so the run's prior is the first
              stage, and only the second is trained
hierarchical  from nothing, with both stages of its own
finer         the rival of one level, from nothing
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from vqgen_utils import config, made_from
from vqgen_utils.config import Profile, TrainingConfig
from vqgen_utils.data.slices import SliceDataset, Slices
from vqgen_utils.models.beyond.levels import (
    HierarchicalVQVAE,
    PriorToldTop,
    ResidualVQVAE,
    bottom_losses,
    side_by_side,
)
from vqgen_utils.models.pixelcnn import PixelCNN, prior_losses
from vqgen_utils.models.vqvae import AT_ONCE, VQVAE
from vqgen_utils.runs.run import Run
from vqgen_utils.runs.train import Lesson, lesson_in_codes, new_vqvae, vqvae_lesson, with_heights
from vqgen_utils.training.loop import Fit, Losses, Schedule, fit

TwoLevels = ResidualVQVAE | HierarchicalVQVAE
# of the steps that the run's own models had; the three VQ-VAEs then take about the same seconds,
# with those of the first codes counted to the residual ones
RESIDUAL_SHARE, HIERARCHICAL_SHARE, FINER_SHARE, PRIOR_SHARE = 2 / 3, 4 / 5, 1 / 2, 1 / 2
FINEST, MOST_CODES = 2, 4096  # of the rival: pixels a code along an axis, and codes


def residual(
    run: Run, settings: Profile, slices: Slices, steps: int | None = None, seed: int = 0
) -> tuple[ResidualVQVAE, Fit]:
    """A second codebook on top of the run's VQ-VAE; encoder and decoder learn on.

    Args:
        run: finished to notebook 02.
        settings: of the run.
        slices: its data.
        steps: of training; None: two thirds of those that the run's VQ-VAE had.
        seed: of the second codebook and of the order of the slices.
    """
    model = ResidualVQVAE(run.load_vqvae(), seed)
    on = {"vqvae": run.fingerprint("vqvae.safetensors")}
    return model, _fit_vqvae(
        run, settings, slices, "residual", model, on, RESIDUAL_SHARE, steps, seed
    )


def hierarchical(
    run: Run,
    settings: Profile,
    slices: Slices,
    steps: int | None = None,
    seed: int = 0,
    alone: float = 0.0,
) -> tuple[HierarchicalVQVAE, Fit]:
    """Top and bottom codes learned together, from nothing.

    Args:
        run, settings, slices, steps, seed: as for `residual`.
        alone: as for `HierarchicalVQVAE`; weights are "hierarchical" at 0, and "alone" above.
    """
    variance = float(run.load_vqvae().data_variance)
    torch.manual_seed(seed)
    model = HierarchicalVQVAE(settings.vqvae, variance, seed, alone)
    name, how = "alone" if alone else "hierarchical", {"alone": alone}
    return model, _fit_vqvae(
        run, settings, slices, name, model, how, HIERARCHICAL_SHARE, steps, seed
    )


def finer(
    run: Run, settings: Profile, slices: Slices, steps: int | None = None, seed: int = 0
) -> tuple[VQVAE, Fit]:
    """The rival of one level: a grid twice as fine, with fewer codes, so that it says as much.

    A residual code says 2 log2 K bits a position; four positions in its place say as much with the
    root of K codes. Where the grid is as fine as it can be it stays, and has K*K codes (at most
    MOST_CODES). Arguments as for `residual`; half as many steps, since each takes longer.
    """
    K, stride = settings.vqvae.num_embeddings, settings.vqvae.stride
    changes = {"stride": stride // 2, "num_embeddings": max(2, round(math.sqrt(K)))}
    if stride <= FINEST:
        changes = {"num_embeddings": min(K * K, MOST_CODES)}
    settings = config.change(settings, seed=seed, **changes)
    model = new_vqvae(settings, slices.to_learn_from()[0])
    return model, _fit_vqvae(run, settings, slices, "finer", model, {}, FINER_SHARE, steps, seed)


def top_stage(
    run: Run,
    settings: Profile,
    slices: Slices,
    model: TwoLevels | VQVAE,
    name: str,
    steps: int | None = None,
    seed: int = 0,
) -> tuple[PixelCNN, Fit]:
    """The first stage: p(top | place), or for one level p(codes | place).

    Args:
        run, settings, slices: as for `residual`.
        model: trained, it turns slices into codes.
        name: of its weights, see `weights_of`; the prior's are NAME_top.
        steps: of training; None: half as many as the run's own prior had.
        seed: of weights and order.
    """

    def to_codes(x: Tensor) -> Tensor:
        return model.encode(x) if type(model) is VQVAE else model.to_grids(x)[0]

    lesson = _lesson(settings, slices, to_codes, prior_losses)
    grid = tuple(to_codes(slices.tensor[:1]).shape[1:])
    torch.manual_seed(seed)
    prior = PixelCNN(settings.prior, model.num_embeddings, grid)
    return prior, _fit_prior(run, settings, slices, prior, lesson, name, "top", steps, seed)


def bottom_stage(
    run: Run,
    settings: Profile,
    slices: Slices,
    model: TwoLevels,
    name: str,
    steps: int | None = None,
    seed: int = 0,
    blind: bool = False,
) -> tuple[PriorToldTop, Fit]:
    """The second stage: p(bottom | top, place).

    Args:
        run, settings, slices, model, name, steps, seed: as for `top_stage`; its weights are
            NAME_bottom.
        blind: in place of the top it is told zeros, always: the same network in the same steps
            pays so much for the bottom when the top says nothing. Its weights are NAME_blind.
    """

    def to_codes(x: Tensor) -> Tensor:
        top, bottom = model.to_grids(x)
        return side_by_side(torch.zeros_like(top) if blind else top, bottom)

    top_grid, grid = (tuple(codes.shape[1:]) for codes in model.to_grids(slices.tensor[:1]))
    losses = functools.partial(bottom_losses, grid)
    lesson = _lesson(settings, slices, to_codes, losses)
    torch.manual_seed(seed)
    prior = PriorToldTop(settings.prior, model.num_embeddings, grid, top_grid)
    stage = "blind" if blind else "bottom"
    return prior, _fit_prior(run, settings, slices, prior, lesson, name, stage, steps, seed)


def weights_of(run: Run, name: str) -> Path:
    """Where the weights lie of residual, hierarchical, finer, and of their stages as NAME_top."""
    return run.path(f"levels_{name}.safetensors")


def _fit_vqvae(
    run: Run,
    settings: Profile,
    slices: Slices,
    name: str,
    model: nn.Module,
    on: dict,
    share: float,
    steps: int | None,
    seed: int,
) -> Fit:
    lesson = vqvae_lesson(settings, slices)
    training = settings.vqvae_training
    result = fit(
        model,
        lesson.losses,
        lesson.train,
        _lasting(training, steps or share * Schedule(len(lesson.train), training).steps, seed),
        weights_of(run, name),
        made_from.of_vqvae(settings, slices.content) | {"levels": name} | on,
        validate=lesson.validate,
        change=lesson.change,
        judged_by=lesson.judged_by,
    )
    model.eval()  # also where it was loaded
    return result


def _fit_prior(
    run: Run,
    settings: Profile,
    slices: Slices,
    prior: PixelCNN,
    lesson: Lesson,
    name: str,
    stage: str,
    steps: int | None,
    seed: int,
) -> Fit:
    training = settings.prior_training
    weights = made_from.fingerprint(weights_of(run, name))
    whose = made_from.of_prior(settings, prior.grid, slices.content, slices.places, weights)
    result = fit(
        prior,
        lesson.losses,
        lesson.train,
        _lasting(
            training, steps or PRIOR_SHARE * Schedule(len(lesson.train), training).steps, seed
        ),
        weights_of(run, f"{name}_{stage}"),
        whose | {"levels": f"{name}_{stage}", "num_embeddings": prior.num_embeddings},
        validate=lesson.validate,
        change=lesson.change,
    )
    prior.eval()
    return result


def _lasting(training: TrainingConfig, steps: float, seed: int) -> TrainingConfig:
    """A training of the run that takes so many steps."""
    return dataclasses.replace(training, steps=max(1, round(steps)), epochs=0, seed=seed)


def _lesson(
    settings: Profile, slices: Slices, to_codes: Callable[[Tensor], Tensor], losses: Losses
) -> Lesson:
    """As `prior_lesson`; both levels of a slice come from one and the same changed picture."""

    def as_codes(dataset: SliceDataset) -> TensorDataset:
        """Codes (...) and height () of each slice."""
        index = torch.tensor(dataset.rows.index.to_numpy())
        parts = [to_codes(slices.tensor[some]) for some in index.split(AT_ONCE)]
        return with_heights(dataset, torch.cat(parts))

    return lesson_in_codes(settings, *slices.to_learn_from(), as_codes, to_codes, losses)
