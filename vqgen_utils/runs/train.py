"""What `vqgen train` does: the training of notebooks 02 and 04 alone, for one process or several.

It leaves what the notebooks would leave, and they find it: with the same settings they load the
trained model and go on from there.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import torch
from accelerate import PartialState
from torch.utils.data import Dataset, TensorDataset

from vqgen_utils.config import Profile
from vqgen_utils.data.slices import SliceDataset, Slices, load_slices
from vqgen_utils.data.survey import Progress
from vqgen_utils.errors import InputError
from vqgen_utils.machine import processes
from vqgen_utils.machine.lock import exclusive
from vqgen_utils.machine.speed import best_device
from vqgen_utils.models.pixelcnn import PixelCNN, prior_losses
from vqgen_utils.models.vqvae import VQVAE, vqvae_losses
from vqgen_utils.runs import start
from vqgen_utils.runs.run import Run
from vqgen_utils.training.augmentation import augment
from vqgen_utils.training.loop import Change, Fit, Losses, fit

PACKING = timedelta(hours=6)  # that others wait while the first process reads the scans


def train_vqvae(
    run_name: str,
    profile: str,
    changes: dict,
    progress: Progress | None = None,
    from_run: str = "",
) -> None:
    """Train the VQ-VAE of a run and write every slice as codes.

    Args:
        run_name: of the folder under `runs/`.
        profile: settings to start from; data settings stay as notebook 01 left them.
        changes: to them, by flat name (data, VQ-VAE and its training).
        progress: as for `load_slices`.
        from_run: whose VQ-VAE's weights are where training starts; empty: from nothing.
    """
    run = Run(run_name)
    with together(run) as state:
        if processes.is_first():
            settings = run.configure(profile, "vqvae", "vqvae_training", "augmentation", **changes)
            load_slices(settings.data, progress=progress)  # packs the scans, for all to open
        settings = _as_the_first_left_it(run, profile, state)
        slices = load_slices(settings.data)
        slices.must_hold_out()
        lesson = vqvae_lesson(settings, slices)
        model = new_vqvae(settings, lesson.train)
        started_from = start.vqvae(run, model, settings, from_run)
        result = fit(
            model,
            lesson.losses,
            lesson.train,
            settings.vqvae_training,
            run.path("vqvae.safetensors"),
            run.vqvae_made_from(settings, slices) | started_from,
            validate=lesson.validate,
            change=lesson.change,
            judged_by=lesson.judged_by,
        )
        if processes.is_first():
            if not _has_codes(run):
                run.save_codes(run.load_vqvae().encode(slices.tensor))
            _report(run, "vqvae.safetensors", result)


def train_prior(run_name: str, profile: str, changes: dict, from_run: str = "") -> None:
    """Train the prior of a run on the codes that its VQ-VAE left.

    Args:
        run_name: of the folder under `runs/`.
        profile: as the VQ-VAE was trained with.
        changes: to the profile, by flat name (prior and its training).
        from_run: whose prior's weights are where training starts, if its codebook agrees.
    """
    run = Run(run_name)
    with together(run) as state:
        if processes.is_first():
            run.settings(profile)  # complains of another profile
            run.configure(profile, "prior", "prior_training", **changes)
        settings = _as_the_first_left_it(run, profile, state)
        slices, codes = run.load_slices(settings), run.load_codes()
        grid = tuple(codes.shape[1:])
        lesson = prior_lesson(settings, slices, codes, run.load_vqvae())
        model = new_prior(settings, grid)
        started_from = start.prior(run, model, from_run)
        result = fit(
            model,
            lesson.losses,
            lesson.train,
            settings.prior_training,
            run.path("prior.safetensors"),
            run.prior_made_from(settings, grid, slices) | started_from,
            validate=lesson.validate,
            change=lesson.change,
        )
        if processes.is_first():
            _report(run, "prior.safetensors", result)


def new_vqvae(settings: Profile, train: Dataset) -> VQVAE:
    """An untrained VQ-VAE; its loss is measured against the variance of some training slices."""
    pixels, _ = train[list(range(0, len(train), max(1, len(train) // 200)))]  # (n, 1, H, W)
    seed = settings.vqvae_training.seed
    torch.manual_seed(seed)
    return VQVAE(settings.vqvae, data_variance=pixels.var().item(), seed=seed)


def new_prior(settings: Profile, grid: tuple[int, int]) -> PixelCNN:
    """An untrained prior over the codes of a run's VQ-VAE, on a grid (h, w)."""
    torch.manual_seed(settings.prior_training.seed)
    return PixelCNN(settings.prior, settings.vqvae.num_embeddings, grid)


@dataclass
class Lesson:
    """What `fit` needs to know of what is to be learned."""

    losses: Losses  # of the model and a batch
    train: Dataset  # what the weights are fitted to
    validate: Dataset | None  # what chooses among them; None: there is too little for that
    change: Change | None  # what is done to pictures before they are learned from; None: nothing
    judged_by: str = "loss"  # the term on `validate` that says which weights are the best


def vqvae_lesson(settings: Profile, slices: Slices) -> Lesson:
    """The training slices as pictures, changed a little each time where patients are few."""
    train, validate = slices.to_learn_from()
    change = _change(settings, train)
    # what is used are codes and decoder; how near the encoder comes to its codes is not
    return Lesson(
        vqvae_losses, train, validate if len(validate) else None, change, judged_by="reconstruction"
    )


def prior_lesson(
    settings: Profile,
    slices: Slices,
    codes: torch.Tensor,
    vqvae: VQVAE,
    patients: Sequence[str] | None = None,
) -> Lesson:
    """The training slices as codes; where pictures are changed, they are encoded afterwards.

    Args:
        settings: of the run.
        slices: the data.
        codes: (N, h, w), those of all slices as they are.
        vqvae: trained; it wrote the codes.
        patients: of those to train on, whom to learn from; None: all of them.
    """
    train, validate = slices.to_learn_from()
    train = train if patients is None else train.of_patients(patients)
    as_codes = functools.partial(codes_of, codes=codes)
    return lesson_in_codes(settings, train, validate, as_codes, vqvae.encode, prior_losses)


def lesson_in_codes(
    settings: Profile,
    train: SliceDataset,
    validate: SliceDataset,
    as_codes: Callable[[SliceDataset], TensorDataset],
    encode: Callable[[torch.Tensor], torch.Tensor],
    losses: Losses,
) -> Lesson:
    """What a prior over any codes learns from, and what chooses among its weights.

    Args:
        settings: of the run.
        train, validate: slices, those to choose by maybe none.
        as_codes: slices as they are -> codes and height of each.
        encode: pictures (B, 1, H, W) -> codes (B, ...), for those that are changed.
        losses: of the prior, as for `fit`.
    """
    chosen = as_codes(validate) if len(validate) else None
    change = _change(settings, train)
    if change is None:
        return Lesson(losses, as_codes(train), chosen, None)

    def change_and_encode(pictures: torch.Tensor, *how) -> torch.Tensor:
        """Pictures (B, 1, H, W) -> codes (B, ...)."""
        return encode(change(pictures, *how))

    return Lesson(losses, train, chosen, change_and_encode)


def _change(settings: Profile, train: SliceDataset) -> Change | None:
    """How the pictures of so many patients are augmented; None: not at all."""
    ranges = settings.augmentation.scaled_for(train.rows["patient"].nunique())
    return None if ranges.changes_nothing else functools.partial(augment, ranges=ranges)


def codes_of(dataset: SliceDataset, codes: torch.Tensor) -> TensorDataset:
    """Codes (h, w) and height () of each slice of `dataset`, of the codes (N, h, w) of all."""
    return with_heights(dataset, codes[dataset.rows.index])


def with_heights(dataset: SliceDataset, codes: torch.Tensor) -> TensorDataset:
    """Codes (...) and height () of each slice of `dataset`, of its own codes (n, ...)."""
    heights = torch.tensor(dataset.rows["height"].to_numpy(), dtype=torch.float32)  # (n,)
    return TensorDataset(codes, heights)


@contextlib.contextmanager
def together(run: Run) -> Iterator[PartialState]:
    """The processes that were started together; the first of them holds the run's lock."""
    state = PartialState(cpu=best_device().type == "cpu", timeout=PACKING)
    with exclusive(run.folder) if processes.is_first() else contextlib.nullcontext():
        yield state
        state.wait_for_everyone()
    state.destroy_process_group()


def _as_the_first_left_it(run: Run, profile: str, state: PartialState) -> Profile:
    """The settings that the first process wrote down, once it has."""
    state.wait_for_everyone()
    there = int(run.path("config.json").exists())
    processes.agree(there, f"config.json of run '{run.name}' (1: there, 0: not)", state.device)
    return run.settings(profile)


def _has_codes(run: Run) -> bool:
    """Whether the codes of this very VQ-VAE are there."""
    try:
        run.load_codes()
    except InputError:
        return False
    return True


def _report(run: Run, file: str, result: Fit) -> None:
    used = result.history[result.history["step"] == result.best_step].iloc[0].dropna()
    name = "val_loss" if "val_loss" in used else "loss"
    print(f"{run.path(file)}: {result}; {name} {used[name]:.4f}")
