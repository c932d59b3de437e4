"""One training loop, for the VQ-VAE, the prior and whatever else learns here.

It runs on whatever there is (CPU, a GPU, several processes) through Accelerate, and it can be
stopped anywhere: started again with the same settings, it goes on from its last saved step and ends
with the same weights as a run that was never stopped (to the last bit with OMP_NUM_THREADS set,
for sums depend on the number of threads; else up to rounding).
"""

import contextlib
import dataclasses
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs
from torch import Tensor, nn
from torch.utils.data import Dataset

from vqgen_utils.config import TrainingConfig
from vqgen_utils.errors import InputError
from vqgen_utils.machine import processes
from vqgen_utils.machine.lock import exclusive
from vqgen_utils.machine.progress import progress_bar
from vqgen_utils.machine.speed import best_device, in_eval_mode, training_settings
from vqgen_utils.training.resuming import TrainingFiles, TrainingProgress, best_step

Losses = Callable[[nn.Module, list[Tensor]], dict[str, Tensor]]
Report = Callable[[list[dict[str, float]]], None]
Change = Callable[[Tensor, Sequence[int], float], Tensor]

WARM_UP = 0.05  # share of the steps in which the learning rate climbs to its peak
CLIP_NORM = 1.0  # longest gradient let through; rare bad batches do no harm
LOG_EVERY = 10  # steps between two rows of the history
SAVE_EVERY = 100  # steps between two saved training states
ENOUGH = 500  # slices from which on training takes all the time that the profile has
LOOKS = 20  # at the validation slices, spread evenly over the longest training there can be


@dataclass
class Fit:
    """What a training run leaves besides the weights."""

    history: pd.DataFrame  # step, epoch, seconds, learning_rate, each loss term, val_... at a look
    seconds: float  # of training in all
    best_step: int  # whose weights are used: the best on validation, or the last without it

    def __str__(self) -> str:
        """How long it took, what it saw, and whose weights are used."""
        last = self.history.iloc[-1]
        why = "the last" if "val_loss" not in self.history else "the best on slices held out of it"
        return (
            f"{last['step']:,.0f} steps in {self.seconds:.0f} s, {last['epoch']:.1f} passes over "
            f"the training slices; the weights are those of step {self.best_step:,}, {why}"
        )


def learning_rate(step: int, total: int, peak: float) -> float:
    """Linear warm-up to `peak`, then half a cosine down to a hundredth of it."""
    warm_up = max(1, round(WARM_UP * total))
    if step < warm_up:
        return peak * (step + 1) / warm_up
    return peak * (0.01 + 0.99 * half_cosine((step - warm_up) / max(1, total - warm_up)))


def half_cosine(progress: float) -> float:
    """From 1 at the start of a training to 0 at its end, slowly at both."""
    return 0.5 * (1 + math.cos(math.pi * progress))


def fit(
    model: nn.Module,
    losses: Losses,
    train: Dataset,
    config: TrainingConfig,
    path: Path,
    settings: dict,
    validate: Dataset | None = None,
    change: Change | None = None,
    report: Report | None = None,
    judged_by: str = "loss",
) -> Fit:
    """Train `model` and leave its best weights in it and at `path`.

    The best are those that do best on what is held out. When a share `patience` of the steps has
    brought none that are better, training stops (Prechelt 1998, "Early Stopping - But When?").

    Several processes (`torchrun`, `accelerate launch`) share each batch; the model that they train
    together is the one that a single process would train, up to rounding.

    Args:
        model: trained in place.
        losses: `losses(model, batch)` -> named scalar terms, means over the batch, among them
            `loss`, their sum.
        train: what to learn from, `train[list]` a batch; shuffled anew each epoch.
        config: batch size over all processes, epochs or steps, learning rate, seed.
        path: of the weights (.safetensors); `resuming` says what else is left beside it.
        settings: plain values that describe model and data. Weights already at `path` with the
            same settings are taken as they are; with other settings they are replaced.
        validate: what the val_ columns are measured on, and what decides which weights are the
            best; without it those of the last step are.
        change: `change(pictures, seeds, strength)` -> what is learned from in place of the first
            tensor of a batch: pictures (`augmentation`), or their codes. Its strength falls from 1
            to 0 as the learning rate does, so that what is learned last are the pictures as they
            are. What is validated on is left alone.
        report: called with the rows of the history so far, at every new row.
        judged_by: the loss term on what is held out that says which weights are the best.

    Returns:
        The learning curves, the training time and the step of the best weights.

    Raises:
        InputError: when another process works in the folder of `path`, or cannot write there, or
            the processes cannot share a batch evenly.
    """
    if config.batch_size % processes.number():
        raise InputError(
            f"batch_size is {config.batch_size} for {processes.number()} processes: give a "
            "multiple, so that each gets its share of every batch."
        )
    settings = json.loads(json.dumps({**settings, "training": dataclasses.asdict(config)}))
    files = TrainingFiles(path, settings)
    accelerator = Accelerator(
        cpu=best_device().type == "cpu",
        mixed_precision="bf16" if torch.cuda.is_available() else "no",
        # the prior's last vertical stack leads nowhere: its weights never get a gradient
        kwargs_handlers=[DistributedDataParallelKwargs(static_graph=True)],
    )
    # loaded or trained: convolutions round a little differently in another layout
    model.to(accelerator.device, memory_format=torch.channels_last)
    report = report if report and processes.is_first() else _silent
    with exclusive(path.parent) if processes.is_first() else contextlib.nullcontext():
        progress = files.load_weights(model)
        there = int(progress is not None)
        processes.agree(there, f"{path.name} (1: trained, 0: not)", accelerator.device)
        if progress:
            report(progress.rows)
        else:
            progress = _train(
                accelerator,
                model,
                losses,
                train,
                config,
                files,
                validate,
                change,
                report,
                judged_by,
            )
    best = best_step(progress.rows, judged_by)
    return Fit(pd.DataFrame(progress.rows), progress.seconds, best)


def _train(
    accelerator: Accelerator,
    model: nn.Module,
    losses: Losses,
    train: Dataset,
    config: TrainingConfig,
    files: TrainingFiles,
    validate: Dataset | None,
    change: Change | None,
    report: Report,
    judged_by: str,
) -> TrainingProgress:
    """The loop. Arguments as for `fit`."""
    device, first = accelerator.device, processes.is_first()
    optimizer = torch.optim.AdamW(
        model.parameters(), config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    wrapped, optimizer = accelerator.prepare(model, optimizer)
    if config.compiled and device.type == "cuda":
        wrapped = torch.compile(wrapped)

    progress = _go_on(files, model, optimizer, device)
    schedule = Schedule(len(train), config)
    clock = time.perf_counter() - progress.seconds
    recent: list[dict[str, Tensor]] = []
    wrapped.train()
    with (
        training_settings(device) as choose_threads,
        _random_state_of_its_own(device),
        progress_bar(
            schedule.steps, f"training {files.path.stem}", "step", progress.step, shown=first
        ) as bar,
    ):
        for batch in batches(train, config, device, start=progress.step, stop=schedule.steps):
            if schedule.is_over(progress.rows, judged_by):
                break
            rate = learning_rate(progress.step, schedule.steps, config.learning_rate)
            optimizer.param_groups[0]["lr"] = rate
            _seed(device, config, progress.step)
            if change is not None:
                seeds = _seeds_of_slices(config, progress.step)
                batch[0] = change(batch[0], seeds, half_cosine(progress.step / schedule.steps))
            terms = losses(wrapped, batch)
            optimizer.zero_grad()
            accelerator.backward(terms["loss"])
            accelerator.clip_grad_norm_(wrapped.parameters(), CLIP_NORM)
            optimizer.step()
            recent.append({name: term.detach() for name, term in terms.items()})

            progress.step += 1
            progress.seconds = time.perf_counter() - clock
            choose_threads()
            bar.update()
            if progress.step % LOG_EVERY == 0 or schedule.looks_at(progress.step):
                row = _row(progress, schedule, rate, recent)
                recent.clear()
                if validate is not None and schedule.looks_at(progress.step):
                    scores = evaluate(model, losses, validate, config.batch_size)
                    row |= {f"val_{name}": value for name, value in scores.items()}
                progress.rows.append(row)
                bar.set_postfix(loss=f"{row['loss']:.3f}", refresh=False)
                report(progress.rows)
                progress.remember(model, judged_by)
            if progress.step % SAVE_EVERY == 0 and first:
                files.save_state(model, optimizer, progress)
    if progress.best is not None:
        model.load_state_dict(progress.best)
    if first:
        files.save_weights(model, progress)
    model.eval()
    return progress


def _go_on(
    files: TrainingFiles, model: nn.Module, optimizer: torch.optim.Optimizer, device: torch.device
) -> TrainingProgress:
    """From the last saved step, or from the start, whose weights are saved: memory will change."""
    progress = files.load_state(model, optimizer)
    processes.agree(progress.step, "the step to go on from", device)
    if processes.is_first() and progress.step == 0:
        files.set_aside()
        files.save_state(model, optimizer, progress)
    return progress


@torch.no_grad()
def evaluate(
    model: nn.Module, losses: Losses, dataset: Dataset, batch_size: int
) -> dict[str, float]:
    """Mean of each loss term over a dataset, in eval mode.

    Several processes take turns with the batches, and all get the answer.
    """
    device = next(model.parameters()).device
    parts = [items.tolist() for items in torch.arange(len(dataset)).split(batch_size)]
    mine = parts[processes.rank() :: processes.number()]
    sums: dict[str, float] = {}
    with in_eval_mode(model):
        # a process with nothing to do looks at a batch all the same, to know the terms by name
        for items in mine or parts[:1]:
            batch = [tensor.to(device) for tensor in dataset[items]]
            for name, term in losses(model, batch).items():
                sums[name] = sums.get(name, 0.0) + (float(term) * len(items) if mine else 0.0)
    totals = processes.add_up(torch.tensor(list(sums.values()), dtype=torch.double, device=device))
    return dict(zip(sums, (totals / len(dataset)).tolist(), strict=True))


class Schedule:
    """How long training may last, when validation is looked at, and when it is over.

    Args:
        slices: to learn from.
        config: its batch size, length and patience.
    """

    def __init__(self, slices: int, config: TrainingConfig):
        self.slices, self.config = slices, config
        in_epochs = math.ceil(config.epochs * slices / config.batch_size)
        self.steps = in_epochs or config.steps or self._by_the_data()
        every = math.ceil(self.steps / LOOKS)
        # whole rows of the history, so that no row is the mean of fewer steps than the others
        self._every = every if every < LOG_EVERY else math.ceil(every / LOG_EVERY) * LOG_EVERY

    def _by_the_data(self) -> int:
        """Steps grow with the root of the slices, up to what the profile's time allows."""
        return max(1, round(self.config.longest * min(1, math.sqrt(self.slices / ENOUGH))))

    def passes_at(self, step: int) -> float:
        """How many times the first `step` batches show every slice."""
        return step * self.config.batch_size / self.slices

    def looks_at(self, step: int) -> bool:
        """Whether the validation slices are looked at after batch `step`."""
        return step == self.steps or step % self._every == 0

    def is_over(self, rows: list[dict[str, float]], judged_by: str) -> bool:
        """Whether so many steps brought no better weights that more will hardly do."""
        if not rows:
            return False
        waited = rows[-1]["step"] - best_step(rows, judged_by)
        return waited >= self.config.patience * self.steps


def batches(
    train: Dataset, config: TrainingConfig, device: torch.device, start: int, stop: int
) -> Iterator[list[Tensor]]:
    """This process's equal share of the batches `start` to `stop` of an endless shuffled stream.

    Each slice comes once an epoch, in an order that seed and epoch alone decide; a batch that an
    epoch does not fill goes on with the next one.
    """
    count, size = len(train), config.batch_size
    share = processes.share_of(size)
    epoch, begun = divmod(start * size, count)
    order = _order(count, config.seed, epoch)[begun:]
    for _ in range(start, stop):
        while len(order) < size:
            epoch += 1
            order = torch.cat([order, _order(count, config.seed, epoch)])
        items, order = order[:size], order[size:]
        yield [tensor.to(device) for tensor in train[items[share.start : share.stop].tolist()]]


def _order(count: int, seed: int, epoch: int) -> Tensor:
    """The order (count,) in which an epoch visits the slices."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return torch.randperm(count, generator=generator)


def _row(
    progress: TrainingProgress, schedule: Schedule, rate: float, recent: list[dict[str, Tensor]]
) -> dict[str, float]:
    """A row of the history: the means of the last steps' terms, over all processes."""
    means = torch.stack([torch.stack([t[name] for t in recent]).mean() for name in recent[0]])
    means = processes.add_up(means) / processes.number()
    return {
        "step": progress.step,
        "epoch": schedule.passes_at(progress.step),
        "seconds": progress.seconds,
        "learning_rate": rate,
        **dict(zip(recent[0], means.tolist(), strict=True)),
    }


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


def _seeds_of_slices(config: TrainingConfig, step: int) -> list[int]:
    """A seed for each slice of this process's share of a batch; it is the same however many share.

    The stream of slices is endless, and so are their seeds.
    """
    first = config.seed * 1_000_003 + step * config.batch_size
    return [first + item for item in processes.share_of(config.batch_size)]


@contextlib.contextmanager
def _random_state_of_its_own(device: torch.device) -> Iterator[None]:
    """Whatever is seeded and drawn inside, the caller's random state is as before afterwards."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        yield


def _silent(rows: list[dict[str, float]]) -> None:
    pass
