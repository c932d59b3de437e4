"""One training loop, for the VQ-VAE and for the prior.

It runs on whatever there is (CPU, a GPU, several processes) through Accelerate, and it can be
stopped anywhere: started again with the same settings, it goes on from its last saved step and ends
with the same weights as a run that was never stopped.
"""

import contextlib
import dataclasses
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from vqgen_utils.config import TrainingConfig
from vqgen_utils.machine import processes
from vqgen_utils.machine.lock import exclusive
from vqgen_utils.machine.progress import progress_bar
from vqgen_utils.machine.speed import best_device, training_settings
from vqgen_utils.training import resuming

Losses = Callable[[nn.Module, list[Tensor]], dict[str, Tensor]]
Report = Callable[[pd.DataFrame], None]

WARM_UP = 0.05  # share of the steps in which the learning rate climbs to its peak
CLIP_NORM = 1.0  # longest gradient let through; rare bad batches do no harm
LOG_EVERY = 10  # steps between two rows of the history
SAVE_EVERY = 100  # steps between two saved training states


@dataclass
class Fit:
    """What a training run leaves: its learning curves and the seconds it took in all."""

    history: pd.DataFrame  # step, epoch, seconds, learning_rate, each loss term, val_... per epoch
    seconds: float


def learning_rate(step: int, total: int, peak: float) -> float:
    """Linear warm-up to `peak`, then half a cosine down to a hundredth of it."""
    warm_up = max(1, round(WARM_UP * total))
    if step < warm_up:
        return peak * (step + 1) / warm_up
    progress = (step - warm_up) / max(1, total - warm_up)
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


def fit(
    model: nn.Module,
    losses: Losses,
    train: Dataset,
    config: TrainingConfig,
    path: Path,
    settings: dict,
    validate: Dataset | None = None,
    report: Report | None = None,
) -> Fit:
    """Train `model` and leave its weights at `path`.

    Several processes (`torchrun`, `accelerate launch`) share each batch; the model that they train
    together is the one that a single process would train, up to rounding.

    Args:
        model: trained in place.
        losses: `losses(model, batch)` -> named scalar terms, means over the batch, among them
            `loss`, their sum.
        train: what to learn from; shuffled anew each epoch.
        config: batch size over all processes, epochs or steps, learning rate, seed.
        path: of the weights (.safetensors); `resuming` says what else is left beside it.
        settings: plain values that describe model and data. Weights already at `path` with the
            same settings are taken as they are; with other settings they are replaced.
        validate: what the val_ columns are measured on, once an epoch.
        report: called with the history so far, at every new row.

    Returns:
        The learning curves and the training time.

    Raises:
        InputError: when another process works in the folder of `path`, or cannot write there.
    """
    settings = json.loads(json.dumps({**settings, "training": dataclasses.asdict(config)}))
    accelerator = Accelerator(
        cpu=best_device().type == "cpu",
        mixed_precision="bf16" if torch.cuda.is_available() else "no",
        # the prior's last vertical stack leads nowhere: its weights never get a gradient
        kwargs_handlers=[DistributedDataParallelKwargs(static_graph=True)],
    )
    report = report if report and processes.is_first() else _silent
    with exclusive(path.parent) if processes.is_first() else contextlib.nullcontext():
        found = resuming.load_weights(path, settings, model)
        there = int(found is not None)
        processes.agree(there, f"{path.name} (1: trained, 0: not)", accelerator.device)
        if found:
            done = Fit(pd.DataFrame(found[0]), found[1])
            report(done.history)
            return done
        return _train(accelerator, model, losses, train, config, path, settings, validate, report)


def _train(
    accelerator: Accelerator,
    model: nn.Module,
    losses: Losses,
    train: Dataset,
    config: TrainingConfig,
    path: Path,
    settings: dict,
    validate: Dataset | None,
    report: Report,
) -> Fit:
    """The loop. Arguments as for `fit`."""
    device, first = accelerator.device, processes.is_first()
    optimizer = torch.optim.AdamW(
        model.parameters(), config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    model = model.to(device, memory_format=torch.channels_last)
    wrapped, optimizer = accelerator.prepare(model, optimizer)
    if config.compiled and device.type == "cuda":
        wrapped = torch.compile(wrapped)
    per_epoch = math.ceil(len(train) / config.batch_size)
    total = config.epochs * per_epoch or config.steps

    step, rows, seconds_before = resuming.load_state(path, settings, model, optimizer)
    processes.agree(step, "the step to go on from", device)
    if first and step == 0:  # the weights to begin with: the model in memory will change
        resuming.set_aside(path, settings)
        resuming.save_state(path, settings, model, optimizer, step, rows, 0.0)

    with (
        training_settings(device) as choose_threads,
        _random_state_of_its_own(device),
        progress_bar(total, f"training {path.stem}", "step", initial=step, shown=first) as bar,
    ):
        started = time.perf_counter()
        recent = []
        wrapped.train()
        while step < total:
            epoch, done = divmod(step, per_epoch)
            for batch in batches(accelerator, train, config, epoch, skip=done):
                _seed(device, config, step)
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate(step, total, config.learning_rate)
                weight = _weight(len(train) - done * config.batch_size, config)
                with processes.counting(weight > 0):
                    terms = losses(wrapped, batch)
                optimizer.zero_grad()
                accelerator.backward(terms["loss"] * weight)
                accelerator.clip_grad_norm_(wrapped.parameters(), CLIP_NORM)
                optimizer.step()
                step, done = step + 1, done + 1
                choose_threads()
                bar.update()
                recent.append({name: term.detach() * weight for name, term in terms.items()})
                epoch_ends = step % per_epoch == 0 or step == total
                seconds = seconds_before + time.perf_counter() - started
                if step % LOG_EVERY == 0 or epoch_ends:
                    row = {
                        "step": step,
                        "epoch": step / per_epoch,
                        "seconds": seconds,
                        "learning_rate": optimizer.param_groups[0]["lr"],
                        **_means(recent),
                    }
                    if validate is not None and epoch_ends:
                        scores = evaluate(model, losses, validate, config.batch_size)
                        row |= {f"val_{name}": value for name, value in scores.items()}
                    rows.append(row)
                    recent.clear()
                    bar.set_postfix(loss=f"{row['loss']:.3f}", refresh=False)
                    report(pd.DataFrame(rows))
                    if first:
                        resuming.save_best(path, settings, model, rows, seconds)
                if step % SAVE_EVERY == 0 and first:
                    resuming.save_state(path, settings, model, optimizer, step, rows, seconds)
                if step == total:
                    break
        seconds = seconds_before + time.perf_counter() - started

    if first:
        resuming.save_weights(path, settings, model, rows, seconds)
    model.eval()
    return Fit(pd.DataFrame(rows), seconds)


@torch.no_grad()
def evaluate(
    model: nn.Module, losses: Losses, dataset: Dataset, batch_size: int
) -> dict[str, float]:
    """Mean of each loss term over a dataset, in eval mode.

    Several processes take turns with the batches, and all get the answer.
    """
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    batches = [items.tolist() for items in torch.arange(len(dataset)).split(batch_size)]
    mine = batches[processes.rank() :: processes.number()]
    sums: dict[str, float] = {}
    # a process with nothing to do looks at a batch all the same, to know the terms by name
    loader = DataLoader(dataset, batch_sampler=mine or batches[:1], generator=torch.Generator())
    for batch in loader:
        batch = [tensor.to(device) for tensor in batch]
        for name, term in losses(model, batch).items():
            sums[name] = sums.get(name, 0.0) + (float(term) * len(batch[0]) if mine else 0.0)
    model.train(was_training)
    totals = processes.add_up(torch.tensor(list(sums.values()), dtype=torch.double, device=device))
    return dict(zip(sums, (totals / len(dataset)).tolist(), strict=True))


def batches(
    accelerator: Accelerator, train: Dataset, config: TrainingConfig, epoch: int, skip: int
) -> Iterator[list[Tensor]]:
    """This process's share of each batch of one epoch, from the `skip`-th batch on.

    Seed and epoch alone decide the order. The shares of all processes, one after the other, are the
    batch. Where a batch has fewer slices than there are processes, some look at its first, in vain.
    """
    generator = torch.Generator().manual_seed(config.seed * 1_000_003 + epoch)
    order = torch.randperm(len(train), generator=generator)
    shares = []
    for batch in order.split(config.batch_size)[skip:]:
        share = processes.share_of(len(batch))
        shares.append((batch[share.start : share.stop] if share else batch[:1]).tolist())
    # with a generator of its own it draws nothing from the global one, which dropout uses
    for batch in DataLoader(train, batch_sampler=shares, generator=generator):
        yield [tensor.to(accelerator.device) for tensor in batch]


def _weight(left: int, config: TrainingConfig) -> float:
    """What the mean over this process's share of a batch counts in that over all shares.

    Gradients are averaged over processes as if shares were equal. `left` slices are left of the
    epoch. For one process: 1.
    """
    batch = min(config.batch_size, left)
    return len(processes.share_of(batch)) * processes.number() / batch


def _means(recent: list[dict[str, Tensor]]) -> dict[str, float]:
    """Mean of each term over the last steps and all processes."""
    means = torch.stack([torch.stack([t[name] for t in recent]).mean() for name in recent[0]])
    means = processes.add_up(means) / processes.number()
    return dict(zip(recent[0], means.tolist(), strict=True))


def _seed(device: torch.device, config: TrainingConfig, step: int) -> None:
    """Seed what is drawn in a step (dropout), so that a resumed run draws the same again.

    `torch.manual_seed` would visit every kind of device there could be, which takes a millisecond.
    """
    number, rank = processes.number(), processes.rank()
    seed = (config.seed * 1_000_003 + step) * number + rank
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


@contextlib.contextmanager
def _random_state_of_its_own(device: torch.device) -> Iterator[None]:
    """Whatever is seeded and drawn inside, the caller's random state is as before afterwards."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        yield


def _silent(history: pd.DataFrame) -> None:
    pass
