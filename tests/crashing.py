"""Commands that are killed: `vqgen` in processes that are forked with everything imported.

A fresh `vqgen train` takes seconds to import PyTorch and a fraction of one to train a tiny model.
Here one server process imports, and each run is a fork of it, so that dozens can be killed.
"""

import errno
import itertools
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    ["pytest", "papermill", "torch._dynamo", "vqgen_utils.runs.train", "vqgen_utils.cli"]
)

DATA = {
    **{"image_height": 32, "image_width": 16, "slice_step": 15, "weeks": 1},
    **{"patients_train": 2, "patients_validate": 1, "patients_test": 1},
}
VQVAE = {
    **{"num_embeddings": 16, "embedding_dim": 4, "hidden_dim": 8, "residual_layers": 1},
    **{"residual_hidden_dim": 4, "epochs": 0, "steps": 24, "batch_size": 4},
}
PRIOR = {
    **{"prior_channels": 8, "prior_layers": 2, "prior_hidden_dim": 8, "prior_dropout": 0.3},
    **{"prior_epochs": 0, "prior_steps": 24, "prior_batch_size": 4},
}


def train(model: str, settings: dict, run_name: str = "r") -> list[str]:
    """The words of one `vqgen train` command."""
    words = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    return ["train", model, "--profile", "smoke", "--run-name", run_name, *words]


BOTH = [train("vqvae", DATA | VQVAE), train("prior", PRIOR)]


class Child:
    """Commands, one after the other, in a process of their own.

    Args:
        home: that `data/` and `runs/` lie in.
        commands: words after `vqgen`.
        dies_at: it kills itself just before it brings a file to the disk for the n-th time.
        full_at: the disk is full from the n-th time on.
        notebooks: the folder of those that `vqgen run` runs.
    """

    def __init__(
        self,
        home: Path,
        commands: list[list[str]],
        dies_at: int | None = None,
        full_at: int | None = None,
        notebooks: Path | None = None,
    ):
        self.log = home / f"log{len(list(home.glob('log*')))}"
        arguments = (home, commands, self.log, dies_at, full_at, notebooks)
        self.process = CONTEXT.Process(target=_run, args=arguments)
        self.process.start()

    def kill_after(self, seconds: float) -> bool:
        """SIGKILL it then; whether it had not ended by itself."""
        self.process.join(seconds)
        self.process.kill()
        self.process.join()
        return self.process.exitcode == -signal.SIGKILL

    def wait(self) -> tuple[int, str]:
        """Its exit code and what it wrote."""
        self.process.join()
        return self.process.exitcode, self.log.read_text()


def _run(home: Path, commands, log: Path, dies_at, full_at, notebooks) -> None:
    """In the child."""
    import torch

    from vqgen_utils import cli
    from vqgen_utils.series import runner
    from vqgen_utils.training import fit

    runner.NOTEBOOKS = notebooks or runner.NOTEBOOKS

    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run with `&`
    torch.set_num_threads(1)
    sys.modules[fit.__module__].SAVE_EVERY = 10
    os.environ |= {"VQGEN_HOME": str(home), "OMP_NUM_THREADS": "1"}  # kernels inherit them
    with open(log, "wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    moments = _spoil_the_disk(dies_at, full_at)
    for words in commands:
        try:
            cli.main(words)
        except SystemExit as stop:
            if stop.code:
                raise
    print(f"{next(moments) - 1} moments")


def _spoil_the_disk(dies_at: int | None, full_at: int | None) -> Iterator[int]:
    """Have the calls by which a file reaches the disk and its name go wrong; counts them."""
    moments = itertools.count(1)

    def spoilt(function):
        def call(*arguments):
            moment = next(moments)
            if moment == dies_at:
                os.kill(os.getpid(), signal.SIGKILL)
            if full_at and moment >= full_at:
                raise OSError(errno.ENOSPC, "No space left on device")
            return function(*arguments)

        return call

    for name in ("fsync", "replace", "rename"):
        setattr(os, name, spoilt(getattr(os, name)))
    return moments
