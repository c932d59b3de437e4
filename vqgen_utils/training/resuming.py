"""The files of a training run: what it goes on from after a stop, and what it leaves at its end.

NAME.training.pt           while it lasts, its state: the last saved step, and all before
NAME.training.other.pt     a state of other settings, set aside; gone when training ends
NAME.safetensors           the weights, with settings and learning curves in the header
history_NAME.csv           the learning curves again, for people
"""

import contextlib
import math
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from torch import Tensor, nn
from torch.optim import Optimizer

from vqgen_utils.machine import processes
from vqgen_utils.machine.files import write_atomic
from vqgen_utils.made_from import differences
from vqgen_utils.training import checkpoint


@dataclass
class TrainingProgress:
    """How far a training has come."""

    step: int = 0  # batches learned from
    rows: list[dict[str, float]] = field(default_factory=list)  # of the learning curves
    seconds: float = 0.0  # of training, before and after any stop
    best: dict[str, Tensor] | None = None  # the weights that did best on validation so far

    def remember(self, model: nn.Module, judged_by: str) -> None:
        """Keep a copy of the weights if the last row did best on validation so far."""
        row = self.rows[-1]
        if f"val_{judged_by}" in row and row["step"] == best_step(self.rows, judged_by):
            self.best = {name: value.clone() for name, value in model.state_dict().items()}


def best_step(rows: list[dict[str, float]], judged_by: str) -> int:
    """The step with the lowest validation term, or the last one where nothing was validated."""
    term = f"val_{judged_by}"
    scored = [row for row in rows if math.isfinite(row.get(term, math.nan))]
    # of equal ones the later: it has learned from more
    best = min(reversed(scored), key=lambda row: row[term], default=rows[-1])
    return int(best["step"])


class TrainingFiles:
    """The files of one training, found by its weights' path and told apart by its settings.

    Args:
        path: of the weights, NAME.safetensors.
        settings: plain values that describe model, data and training.
    """

    def __init__(self, path: Path, settings: dict):
        self.path, self.settings = path, settings
        self.state = path.with_name(f"{path.stem}.training.pt")
        self.other = path.with_name(f"{path.stem}.training.other.pt")
        self.curves = path.with_name(f"history_{path.stem}.csv")

    def save_state(
        self, model: nn.Module, optimizer: Optimizer, progress: TrainingProgress
    ) -> None:
        """Save what the training needs to go on from here."""
        state = {
            "settings": self.settings,
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "step": progress.step,
            "rows": progress.rows,
            "seconds": progress.seconds,
            "best": progress.best,
        }
        checkpoint.save_state(self.state, state)

    def load_state(self, model: nn.Module, optimizer: Optimizer) -> TrainingProgress:
        """Go on from the state of a training with the same settings, or from the start."""
        for file in (self.state, self.other):
            if not file.exists():
                continue
            try:
                state = checkpoint.load_state(file)
            except checkpoint.OtherFormat as error:
                processes.say(str(error))
                continue
            differing = differences(state["settings"], self.settings)
            if differing:
                processes.say(f"{file.name} was made with other settings ({differing}): not used.")
                continue
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
            if state["step"]:
                processes.say(f"{file.name} found: training goes on from step {state['step']}.")
            return TrainingProgress(state["step"], state["rows"], state["seconds"], state["best"])
        return TrainingProgress()

    def set_aside(self) -> None:
        """Make way for a new training, but keep a state of other settings that got somewhere."""
        with contextlib.suppress(FileNotFoundError, checkpoint.OtherFormat):
            state = checkpoint.load_state(self.state)
            if state["step"] and differences(state["settings"], self.settings):
                self.state.replace(self.other)

    def save_weights(self, model: nn.Module, progress: TrainingProgress) -> None:
        """Save the weights at the end of training, and tidy up."""
        header = {**self.settings, "train_seconds": progress.seconds, "history": progress.rows}
        checkpoint.save_weights(self.path, model, header)
        self._tidy_up(progress)

    def load_weights(self, model: nn.Module) -> TrainingProgress | None:
        """Load what a training with the same settings left. None: there is nothing."""
        if not self.path.exists():
            return None
        try:
            stored = checkpoint.load_settings(self.path)
        except checkpoint.OtherFormat as error:
            processes.say(str(error))
            return None
        name, differing = self.path.name, differences(stored, self.settings)
        if differing:
            processes.say(f"{name} was trained with other settings ({differing}): training anew.")
            return None
        checkpoint.load_weights(self.path, model)
        rows = stored["history"]
        progress = TrainingProgress(int(rows[-1]["step"]), rows, stored["train_seconds"])
        if processes.is_first():  # a process may have been killed just before it did this
            self._tidy_up(progress)
        processes.say(f"{name} was trained with these settings already: loaded.")
        return progress

    def _tidy_up(self, progress: TrainingProgress) -> None:
        """Once the last weights are there: curves for people, and nothing not needed again."""
        content = pd.DataFrame(progress.rows).to_csv(index=False).encode()
        if not self.curves.exists() or self.curves.read_bytes() != content:
            write_atomic(self.curves, content)
        for file in (self.state, self.other):
            file.unlink(missing_ok=True)
