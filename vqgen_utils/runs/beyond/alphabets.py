"""Notebook 10's trainings: a VQ-VAE with another alphabet, and a short prior over its codes.

All have the same slices, the same steps and the same seed, so that only the alphabet differs.
"""

import dataclasses

import torch
from torch import Tensor, nn

from vqgen_utils.config import Profile, TrainingConfig
from vqgen_utils.data.slices import Slices
from vqgen_utils.models.pixelcnn import PixelCNN
from vqgen_utils.models.vqvae import AT_ONCE, VQVAE
from vqgen_utils.runs.run import Run
from vqgen_utils.runs.train import new_vqvae, prior_lesson, vqvae_lesson
from vqgen_utils.training.loop import Fit, Schedule, fit

SHARE = 0.3  # of the VQ-VAE's steps: ten of them fit into a notebook's time
PRIOR_SHARE = 0.1  # of the prior's steps


def steps_for(settings: Profile, slices: Slices) -> int:
    """Steps of each VQ-VAE here: a share of what the profile gives to the run's own."""
    return _steps(settings.vqvae_training, slices, SHARE)


def prior_steps_for(settings: Profile, slices: Slices) -> int:
    """Steps of each prior here: a share of what the profile gives to the run's own."""
    return _steps(settings.prior_training, slices, PRIOR_SHARE)


def train(
    run: Run,
    settings: Profile,
    name: str,
    alphabet: nn.Module | None = None,
    steps: int | None = None,
    seed: int | None = None,
) -> tuple[VQVAE, Fit]:
    """A VQ-VAE with another alphabet, trained on the run's slices from nothing.

    Args:
        run: for its data; its own VQ-VAE is not touched.
        settings: of the run, but for K and D where the alphabet has others.
        name: of the file alphabet_NAME.safetensors; trained with the same settings, it is loaded.
        alphabet: in place of the codebook (`models.beyond.alphabets`); None: the codebook.
        steps: how many; None: `steps_for`.
        seed: of weights and order of slices; None: the run's. The alphabet has its own.

    Returns:
        The model, in eval mode, and how it went; the history has `alphabet_losses` as columns.
    """
    slices = run.load_slices(settings)
    training = _in_full(settings.vqvae_training, steps or steps_for(settings, slices), seed)
    settings = dataclasses.replace(settings, vqvae_training=training)
    lesson = vqvae_lesson(settings, slices)
    model = new_vqvae(settings, lesson.train)
    if alphabet is not None:
        model.codebook = alphabet
    result = fit(
        model,
        alphabet_losses,
        lesson.train,
        training,
        _path(run, name, seed),
        run.vqvae_made_from(settings, slices) | {"alphabet": repr(model.codebook)},
        validate=lesson.validate,
        change=lesson.change,
        judged_by=lesson.judged_by,
    )
    return model.eval(), result


def alphabet_losses(model: VQVAE, batch: list[Tensor]) -> dict[str, Tensor]:
    """`vqvae_losses`, and beside them how the alphabet is used in this batch, without a gradient.

    `used` codes, and `bits`, the entropy of their shares.
    """
    _, codes, losses = model(batch[0])
    shares = torch.bincount(codes.flatten(), minlength=model.num_embeddings) / codes.numel()  # (K,)
    bits = torch.special.entr(shares).sum() / torch.log(torch.tensor(2.0))
    return losses | {"used": (shares > 0).float().sum(), "bits": bits}


def train_prior(
    run: Run,
    settings: Profile,
    name: str,
    vqvae: VQVAE,
    steps: int | None = None,
    seed: int | None = None,
) -> tuple[PixelCNN, Fit, Tensor]:
    """A short prior over the codes of a VQ-VAE that `train` left under the same name and seed.

    Args:
        run, settings: as for `train`.
        name: as for `train`; this file is alphabet_NAME_prior.safetensors.
        vqvae: what `train` gave.
        steps: how many; None: `prior_steps_for`.
        seed: as for `train`.

    Returns:
        The prior, in eval mode, how it went, and the codes of all slices (N, h, w).
    """
    slices = run.load_slices(settings)
    codes = vqvae.encode(slices.tensor)  # (N, h, w)
    grid, number = tuple(codes.shape[1:]), vqvae.num_embeddings
    training = _in_full(settings.prior_training, steps or prior_steps_for(settings, slices), seed)
    settings = dataclasses.replace(settings, prior_training=training)
    lesson = prior_lesson(settings, slices, codes, vqvae)
    torch.manual_seed(training.seed)
    prior = PixelCNN(settings.prior, number, grid)
    weights = run.fingerprint(_path(run, name, seed).name)
    result = fit(
        prior,
        lesson.losses,
        lesson.train,
        training,
        _path(run, f"{name}_prior", seed),
        run.prior_made_from(settings, grid, slices) | {"codes": number, "vqvae": weights},
        validate=lesson.validate,
        change=lesson.change,
    )
    return prior.eval(), result, codes


@torch.no_grad()
def reconstruct(model: VQVAE, x: Tensor) -> tuple[Tensor, Tensor]:
    """Slices after encoder, alphabet and decoder, also where there are no codes to keep.

    Args:
        model: in eval mode.
        x: (n, H, W) in [0, 1].

    Returns:
        x_hat (n, H, W) in [0, 1] and codes (n, h, w), both where `x` is.
    """
    parts = [model(some[:, None].to(model.device))[:2] for some in x.split(AT_ONCE)]
    x_hat, codes = (torch.cat(some).to(x.device) for some in zip(*parts, strict=True))
    return x_hat[:, 0].clamp(0, 1), codes


def _path(run: Run, name: str, seed: int | None):
    return run.path(f"alphabet_{name}{'' if seed is None else f'_{seed}'}.safetensors")


def _steps(training: TrainingConfig, slices: Slices, share: float) -> int:
    return max(1, round(share * Schedule(len(slices.to_learn_from()[0]), training).steps))


def _in_full(training: TrainingConfig, steps: int, seed: int | None) -> TrainingConfig:
    """So many steps, to the last of them: whoever stops sooner has learned less."""
    seed = training.seed if seed is None else seed
    return dataclasses.replace(training, steps=steps, epochs=0, patience=1.0, seed=seed)
