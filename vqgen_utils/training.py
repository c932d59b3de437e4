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
from accelerate.utils import DataLoaderConfiguration
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from vqgen_utils import checkpoint
from vqgen_utils.config import TrainingConfig
from vqgen_utils.machine import training_settings
from vqgen_utils.progress import progress_bar

Losses = Callable[[nn.Module, list[Tensor]], dict[str, Tensor]]

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
    report: Callable[[pd.DataFrame], None] | None = None,
) -> Fit:
    """Train `model` and leave its weights at `path`.

    Args:
        model: trained in place.
        losses: `losses(model, batch)` -> named scalar terms, among them `loss`, their sum.
        train: what to learn from; shuffled anew each epoch.
        config: batch size, epochs or steps, learning rate, seed.
        path: of the weights (.safetensors). Beside it go the learning curves (history_NAME.csv)
            and, while training lasts, its state (NAME.training.pt).
        settings: plain values that describe model and data. Weights already at `path` with the
            same settings are taken as they are; with other settings they are replaced.
        validate: what the val_ columns are measured on, once an epoch.
        report: called with the history so far, at every new row.

    Returns:
        The learning curves and the training time.
    """
    settings = json.loads(json.dumps({**settings, "training": dataclasses.asdict(config)}))
    history_path = path.with_name(f"history_{path.stem}.csv")
    state_path = path.with_name(f"{path.stem}.training.pt")
    if path.exists() and history_path.exists():
        stored = checkpoint.load_settings(path)
        if {key: stored.get(key) for key in settings} == settings:
            checkpoint.load_weights(path, model)
            history = pd.read_csv(history_path)
            if report:
                report(history)
            print(f"{path.name} was trained with these settings already: loaded.")
            return Fit(history, stored["train_seconds"])

    accelerator = Accelerator(
        mixed_precision="bf16" if torch.cuda.is_available() else "no",
        dataloader_config=DataLoaderConfiguration(split_batches=True),
    )
    optimizer = torch.optim.AdamW(
        model.parameters(), config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    model = model.to(accelerator.device, memory_format=torch.channels_last)
    wrapped, optimizer = accelerator.prepare(model, optimizer)
    if config.compiled and accelerator.device.type == "cuda":
        wrapped = torch.compile(wrapped)
    per_epoch = math.ceil(len(train) / config.batch_size)
    total = config.epochs * per_epoch or config.steps

    with (
        training_settings(accelerator.device) as choose_threads,
        _random_state_of_its_own(config.seed),
    ):
        step, rows, seconds_before = _resume(state_path, settings, model, optimizer)
        started = time.perf_counter()
        shown = accelerator.is_main_process
        bar = progress_bar(total, f"training {path.stem}", "step", initial=step, shown=shown)
        recent = []
        wrapped.train()
        while step < total:
            epoch, done = divmod(step, per_epoch)
            for batch in _batches(accelerator, train, config, epoch, skip=done):
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate(step, total, config.learning_rate)
                terms = losses(wrapped, batch)
                optimizer.zero_grad()
                accelerator.backward(terms["loss"])
                accelerator.clip_grad_norm_(wrapped.parameters(), CLIP_NORM)
                optimizer.step()
                step += 1
                choose_threads()
                bar.update()
                recent.append({name: term.detach() for name, term in terms.items()})
                epoch_ends = step % per_epoch == 0 or step == total
                if step % LOG_EVERY == 0 or epoch_ends:
                    row = {
                        "step": step,
                        "epoch": step / per_epoch,
                        "seconds": seconds_before + time.perf_counter() - started,
                        "learning_rate": optimizer.param_groups[0]["lr"],
                        **_means(recent),
                    }
                    if validate is not None and epoch_ends:
                        scores = evaluate(model, losses, validate, config.batch_size)
                        row |= {f"val_{name}": value for name, value in scores.items()}
                    rows.append(row)
                    recent.clear()
                    bar.set_postfix(loss=f"{row['loss']:.3f}", refresh=False)
                    if report:
                        report(pd.DataFrame(rows))
                if step % SAVE_EVERY == 0 and accelerator.is_main_process:
                    seconds = seconds_before + time.perf_counter() - started
                    _save(state_path, settings, model, optimizer, step, rows, seconds)
                if step == total:
                    break
        bar.close()
        seconds = seconds_before + time.perf_counter() - started

    history = pd.DataFrame(rows)
    if accelerator.is_main_process:
        checkpoint.write_atomic(history_path, history.to_csv(index=False).encode())
        checkpoint.save_weights(path, model, {**settings, "train_seconds": seconds})
        state_path.unlink(missing_ok=True)
    model.eval()
    return Fit(history, seconds)


@torch.no_grad()
def evaluate(
    model: nn.Module, losses: Losses, dataset: Dataset, batch_size: int
) -> dict[str, float]:
    """Mean of each loss term over a dataset, in eval mode."""
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    sums: dict[str, float] = {}
    for batch in DataLoader(dataset, batch_size, generator=torch.Generator()):
        batch = [tensor.to(device) for tensor in batch]
        for name, term in losses(model, batch).items():
            sums[name] = sums.get(name, 0.0) + float(term) * len(batch[0])
    model.train(was_training)
    return {name: value / len(dataset) for name, value in sums.items()}


def _batches(
    accelerator: Accelerator, train: Dataset, config: TrainingConfig, epoch: int, skip: int
) -> Iterator[list[Tensor]]:
    """The batches of one epoch from the `skip`-th on. Seed and epoch alone decide the order."""
    generator = torch.Generator().manual_seed(config.seed * 1_000_003 + epoch)
    order = torch.randperm(len(train), generator=generator).tolist()
    # a loader with its own generator draws nothing from the global one, which dropout uses
    loader = DataLoader(
        train, config.batch_size, sampler=order[skip * config.batch_size :], generator=generator
    )
    return iter(accelerator.prepare_data_loader(loader))


def _means(recent: list[dict[str, Tensor]]) -> dict[str, float]:
    """Mean of each term over the last steps."""
    return {
        name: float(torch.stack([terms[name] for terms in recent]).mean()) for name in recent[0]
    }


@contextlib.contextmanager
def _random_state_of_its_own(seed: int) -> Iterator[None]:
    """Seed what is drawn inside (dropout); the caller's random state is as before afterwards."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def _save(path, settings, model, optimizer, step, rows, seconds) -> None:
    state = {
        "settings": settings,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "random": torch.get_rng_state(),
        "step": step,
        "rows": rows,
        "seconds": seconds,
    }
    checkpoint.save_state(path, state)


def _resume(path, settings, model, optimizer) -> tuple[int, list[dict], float]:
    """Load a training state made with the same settings: its step, history and seconds; else 0."""
    if not path.exists():
        return 0, [], 0.0
    state = checkpoint.load_state(path)
    if state["settings"] != settings:
        print(f"{path.name} was made with other settings: training starts anew.")
        return 0, [], 0.0
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["random"])
    print(f"{path.name} found: training goes on from step {state['step']}.")
    return state["step"], state["rows"], state["seconds"]
