"""The files of a training run: what it goes on from after a stop, and what it leaves at its end.

    NAME.training.pt           while it lasts, its state: the last saved step, and all before
    NAME.training.other.pt     a state of other settings, set aside; gone when training ends
    NAME.safetensors           the weights, with settings and learning curves in the header
    NAME.best.safetensors      those of an earlier epoch, if that was better on the validation set
    history_NAME.csv           the learning curves again, for people

Of all functions here, `path` is that of the weights.
"""

import contextlib
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from vqgen_utils.machine import processes
from vqgen_utils.machine.files import write_atomic
from vqgen_utils.made_from import differences
from vqgen_utils.training import checkpoint

Rows = list[dict[str, float]]  # of the learning curves


def save_state(
    path: Path,
    settings: dict,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    step: int,
    rows: Rows,
    seconds: float,
) -> None:
    """Save what the training needs to go on from `step`."""
    state = {
        "settings": settings,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "step": step,
        "rows": rows,
        "seconds": seconds,
    }
    checkpoint.save_state(_state(path), state)


def load_state(
    path: Path, settings: dict, model: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[int, Rows, float]:
    """Go on from the state of a training with the same settings: its step, curves and seconds.

    Zeros where there is none.
    """
    for file in (_state(path), _other(path)):
        if not file.exists():
            continue
        try:
            state = checkpoint.load_state(file)
        except checkpoint.OtherFormat as error:
            processes.say(str(error))
            continue
        differing = differences(state["settings"], settings)
        if differing:
            processes.say(f"{file.name} was made with other settings ({differing}): not used.")
            continue
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        if state["step"]:
            processes.say(f"{file.name} found: training goes on from step {state['step']}.")
        return state["step"], state["rows"], state["seconds"]
    return 0, [], 0.0


def set_aside(path: Path, settings: dict) -> None:
    """Make way for a new training, but keep a state of other settings that got somewhere."""
    with contextlib.suppress(FileNotFoundError, checkpoint.OtherFormat):
        state = checkpoint.load_state(_state(path))
        if state["step"] and differences(state["settings"], settings):
            _state(path).replace(_other(path))
    _best(path).unlink(missing_ok=True)


def save_best(path: Path, settings: dict, model: nn.Module, rows: Rows, seconds: float) -> None:
    """Save the weights if the last row has the lowest validation loss so far."""
    if _is_best(rows):
        _save_weights(_best(path), settings, model, rows, seconds)


def save_weights(path: Path, settings: dict, model: nn.Module, rows: Rows, seconds: float) -> None:
    """Save the weights at the end of training, and tidy up."""
    _save_weights(path, settings, model, rows, seconds)
    _tidy_up(path, rows)
    if _best(path).exists():
        scored = [row for row in rows if "val_loss" in row]
        best = min(scored, key=lambda row: row["val_loss"])
        print(
            f"the validation loss was lowest at step {best['step']} of {rows[-1]['step']}: those "
            f"weights are kept in {_best(path).name}."
        )


def load_weights(path: Path, settings: dict, model: nn.Module) -> tuple[Rows, float] | None:
    """Load what a training with the same settings left: its curves and seconds. None: nothing."""
    if not path.exists():
        return None
    try:
        stored = checkpoint.load_settings(path)
    except checkpoint.OtherFormat as error:
        processes.say(str(error))
        return None
    differing = differences(stored, settings)
    if differing:
        processes.say(f"{path.name} was trained with other settings ({differing}): training anew.")
        return None
    checkpoint.load_weights(path, model)
    if processes.is_first():  # a process may have been killed just before it did this
        _tidy_up(path, stored["history"])
    processes.say(f"{path.name} was trained with these settings already: loaded.")
    return stored["history"], stored["train_seconds"]


def _save_weights(path: Path, settings: dict, model: nn.Module, rows: Rows, seconds: float) -> None:
    header = {**settings, "train_seconds": seconds, "history": rows}
    checkpoint.save_weights(path, model, header)


def _write_history(path: Path, rows: Rows) -> None:
    file = path.with_name(f"history_{path.stem}.csv")
    content = pd.DataFrame(rows).to_csv(index=False).encode()
    if not file.exists() or file.read_bytes() != content:
        write_atomic(file, content)


def _tidy_up(path: Path, rows: Rows) -> None:
    """Once the last weights are there: curves for people, and nothing that is not needed again."""
    _write_history(path, rows)
    needless = [_state(path), _other(path), *([_best(path)] if _is_best(rows) else [])]
    for file in needless:
        file.unlink(missing_ok=True)


def _is_best(rows: Rows) -> bool:
    scores = [row["val_loss"] for row in rows if "val_loss" in row]
    return "val_loss" in rows[-1] and rows[-1]["val_loss"] <= min(scores)


def _state(path: Path) -> Path:
    return path.with_name(f"{path.stem}.training.pt")


def _other(path: Path) -> Path:
    return path.with_name(f"{path.stem}.training.other.pt")


def _best(path: Path) -> Path:
    return path.with_name(f"{path.stem}.best.safetensors")
