"""What else helps a prior that has few patients to learn from, beside changed pictures?

    python -m benchmarks.remedies [--jobs 2]

The phantom's first 15 patients, profile `quick`, three seeds. Each seed has one VQ-VAE. The first
prior on its codes learns from pictures that are changed a little, at a common rate (0.003) and
weight decay (0.01). Each other differs from it in one thing, that of the series in two:

    pictures as they are    codes are learned from as they stand
    dropout                 a third of the head's channels left out in each step
                            (Srivastava et al. 2014)
    weight decay            ten times as strong (Loshchilov & Hutter 2019)
    as the series does it   steps twice as long, and weight decay thirty times as strong
    half the channels       a smaller network
    label smoothing         a tenth of the target goes to all codes alike (Szegedy et al. 2016)
    averaged weights        those used are a running mean over the last hundred steps or so
                            (Polyak & Juditsky 1992)

They are judged as in `benchmarks.few_patients`: on patients that none has seen, and samples by a
network and real slices that are the same for all.

An hour and a half on two cores; started again, it goes on where it was stopped. Priors stay in
`runs/few-15-auto-SEED/remedies`, scores go to `benchmarks/results/remedies.json`.
"""

import argparse
import functools
import multiprocessing
import os
import shutil
from concurrent.futures import ProcessPoolExecutor

import torch.nn.functional as F
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchmarks import few_patients, report
from vqgen_utils.config import change
from vqgen_utils.models import PixelCNN, height_features
from vqgen_utils.runs import Run, new_prior, prior_lesson
from vqgen_utils.training import fit

PATIENTS = 15
CHANGED, SERIES = "changed pictures", "as the series does it"
SMOOTHING, AVERAGING = "label smoothing", "averaged weights"
COMMON = {"prior_learning_rate": 3e-3, "prior_weight_decay": 0.01}
REMEDIES = {
    CHANGED: {},
    "pictures as they are": {"augment": "off"},
    "dropout": {"prior_dropout": 0.33},
    "weight decay": {"prior_weight_decay": 0.1},
    SERIES: {},
    "half the channels": {"prior_channels": 32},
    SMOOTHING: {},
    AVERAGING: {},
}
SMOOTHED = 0.1  # share of the target that goes to all codes alike
DECAY = 0.99  # of the running mean
SHOWN = ("remedy", "seeds", "bits_per_code", "bits_per_code_train", "anatomy_pass", "precision")


def smoothed_losses(model: PixelCNN, batch: list[Tensor]) -> dict[str, Tensor]:
    """`prior_losses` with a smoothed target while training; what is validated on is exact."""
    codes, height = batch
    logits = model(codes, height_features(height))
    share = SMOOTHED if model.training else 0.0
    return {"loss": F.cross_entropy(logits, codes, label_smoothing=share)}


def averaging(losses, mean: AveragedModel, model: PixelCNN, batch: list[Tensor]):
    """`losses`; before each step of training the weights go into their running mean."""
    if model.training:
        mean.update_parameters(model)
    return losses(model, batch)


def trained(name: str, remedy: str) -> PixelCNN:
    """The prior of a run with one remedy, in eval mode."""
    run = Run(name)
    if remedy == SERIES:
        return run.load_prior()
    settings = change(run.settings("quick"), **COMMON | REMEDIES[remedy])
    slices, codes = run.load_slices(settings), run.load_codes()
    lesson = prior_lesson(settings, slices, codes, run.load_vqvae())
    prior = new_prior(settings, tuple(codes.shape[1:]))
    losses = smoothed_losses if remedy == SMOOTHING else lesson.losses
    folder = run.path("remedies") / remedy.replace(" ", "_")
    used = prior
    if remedy == AVERAGING:
        shutil.rmtree(folder, ignore_errors=True)  # half of a mean is not kept
        mean = AveragedModel(prior, multi_avg_fn=get_ema_multi_avg_fn(DECAY))
        used = mean.module
        losses = functools.partial(averaging, losses, mean)
    folder.mkdir(parents=True, exist_ok=True)
    fit(
        prior,
        losses,
        lesson.train,
        settings.prior_training,
        folder / "prior.safetensors",
        run.prior_made_from(settings, prior.grid, slices) | {"remedy": remedy},
        validate=lesson.validate,
        change=lesson.change,
    )
    return used.eval()


def scores(run: Run, remedy: str, judge: few_patients.Judge, training) -> dict:
    """What a prior pays and draws; `training` is the future that brings it."""
    prior, codes = training.result(), run.load_codes()
    slices = run.load_slices(run.settings("quick"))
    train, test = (slices.subset(split).rows for split in ("train", "test"))
    return {
        "remedy": remedy,
        "bits_per_code": few_patients.bits(prior, codes, test),
        "bits_per_code_train": few_patients.bits(prior, codes, train),
        **judge.of_samples(run.load_vqvae(), prior),
    }


def main() -> None:
    """Train what is not trained yet, seed by seed, and write what came of it so far."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time")
    jobs = parser.parse_args().jobs
    trainings = few_patients.of_phantom((PATIENTS,), "auto")
    few_patients.train(trainings, jobs)
    judge, rows = few_patients.Judge(), []
    os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // jobs))  # of each training
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        paths = {
            (name, remedy): Run(name).path(f"remedy_{remedy.replace(' ', '_')}.json")
            for name in trainings
            for remedy in REMEDIES
        }
        todo = {one: pool.submit(trained, *one) for one, path in paths.items() if not path.exists()}
        for name in trainings:
            for remedy in REMEDIES:
                of = Run(name), remedy, judge, todo.get((name, remedy))
                rows.append(report.once(paths[name, remedy], scores, *of))
            write(report.medians(rows, "remedy"))  # of whole seeds: each has a VQ-VAE of its own


def write(medians: list[dict]) -> None:
    """A table here, and the results file."""
    report.table([{name: row[name] for name in SHOWN} for row in medians])
    bits = {row["remedy"]: row["bits_per_code"] for row in medians}
    headline = {f"{remedy.replace(' ', '_')}_bits": paid for remedy, paid in bits.items()}
    report.write("remedies", headline, remedies=medians)


if __name__ == "__main__":
    main()
