"""Runs the notebooks in order with papermill, and keeps each executed notebook with its run.

Whatever is wrong with a request is found before the first notebook starts: papermill itself only
warns of a parameter that a notebook does not have, and finds a bad value when training begins.
"""

import json
import logging
import os
import re
import shlex
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from vqgen_utils.config import PARAMETERS, REPOSITORY, get_profile, home, run_folder
from vqgen_utils.errors import InputError
from vqgen_utils.settings import notebook_parameters, parse_settings, resolve_data

NOTEBOOKS = REPOSITORY / "notebooks"
DEFAULT_PROFILE = "quick"
DEFAULT_RUN_NAME = "tutorial"
RESULTS = ("notebooks", "metrics.json", "samples.png")  # what to look at first in a run's folder


class Stopped(Exception):
    """A notebook did not finish. The message says which, why, and how to go on."""

    def __init__(self, message: str, exit_code: int = 1):
        super().__init__(message)
        self.exit_code = exit_code


def find_notebooks(folder: Path, start: int | None = None, only: int | None = None) -> list[Path]:
    """The notebooks `NN_name.ipynb` of a folder, by number: all, those from `start`, or one."""
    found = [path for path in sorted(folder.glob("*.ipynb")) if re.match(r"\d+_", path.name)]
    number = {path: int(path.name.partition("_")[0]) for path in found}
    if not found:
        raise InputError(f"folder '{folder}' holds no notebooks named like 01_name.ipynb.")
    if start is not None and only is not None:
        raise InputError("--from and --only exclude each other: give one of them.")
    for option, wanted in (("--from", start), ("--only", only)):
        if wanted is not None and wanted not in number.values():
            there = ", ".join(f"{n:02d}" for n in sorted(number.values()))
            raise InputError(f"{option} {wanted:02d}: no such notebook; choose one of {there}.")
    first, last = (only, only) if only is not None else (start or 0, max(number.values()))
    return sorted((path for path in found if first <= number[path] <= last), key=number.get)


def run_series(
    *,
    profile: str = DEFAULT_PROFILE,
    run_name: str = DEFAULT_RUN_NAME,
    data_source: str | None = None,
    data_dir: Path | None = None,
    settings: Iterable[str] = (),
    start: int | None = None,
    only: int | None = None,
    folder: Path = NOTEBOOKS,
) -> None:
    """Run the notebooks of `folder` in order; report on standard output.

    Raises:
        InputError: before anything runs, if the request makes no sense.
        Stopped: a notebook failed, its kernel died, or the user pressed Ctrl-C.
    """
    run = run_folder(run_name)
    notebooks = find_notebooks(folder, start, only)
    kinds = {notebook: notebook_parameters(notebook) for notebook in notebooks}
    all_kinds = {name: kind for each in kinds.values() for name, kind in each.items()}
    data = resolve_data(data_source, data_dir)
    changes = parse_settings(settings, all_kinds, "the notebooks to run")
    get_profile(profile, **data, **{name: changes[name] for name in changes if name in PARAMETERS})
    parameters = {"profile": profile, "run_name": run_name, **data, **changes}
    options = _options(profile, run_name, data, settings)
    if "VQGEN_HOME" in os.environ:
        os.environ["VQGEN_HOME"] = str(home().resolve())  # a kernel works in another folder
    (run / "notebooks").mkdir(parents=True, exist_ok=True)
    print(f"run '{run_name}', profile {profile}", flush=True)
    total = 0.0
    for notebook in notebooks:
        known = {name: parameters[name] for name in parameters if name in kinds[notebook]}
        select = "--from" if only is None else "--only"
        again = shlex.join([*options, select, notebook.name.partition("_")[0]])
        seconds = _run_notebook(notebook, run / "notebooks" / notebook.name, known, again)
        _record(run / "metrics.json", notebook.stem, seconds, profile)
        total += seconds
    results = [name for name in RESULTS if (run / name).exists()]
    print(f"finished in {duration(total)}\nresults: {run} ({', '.join(results)})")


def _options(profile: str, run_name: str, data: dict, settings: Iterable[str]) -> list[str]:
    """The command that repeats this request, without `--from` and `--only`."""
    words = ["vqgen", "run"]
    if profile != DEFAULT_PROFILE:
        words += ["--profile", profile]
    if run_name != DEFAULT_RUN_NAME:
        words += ["--run-name", run_name]
    for name, value in data.items():
        words += [f"--{name.replace('_', '-')}", value]
    for setting in settings:
        words += ["--set", setting]
    return words


def _run_notebook(notebook: Path, output: Path, parameters: dict, again: str) -> float:
    """Run one notebook with its line of progress; the seconds it took.

    `again` is the command that goes on from this notebook. However it ends, papermill has saved
    what was done so far to `output`.
    """
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    line = ProgressLine(notebook)
    begin = time.perf_counter()
    try:
        _execute(notebook, output, parameters, line)
    except KeyboardInterrupt:
        line.end("STOPPED", time.perf_counter() - begin)
        raise Stopped(f"stopped; partial notebook: {output}; go on: {again}", 130) from None
    except PapermillExecutionError as error:
        sentence = (error.evalue.splitlines() or [""])[0]
        reason = sentence if error.ename == "InputError" else f"{error.ename}: {sentence}"
    except DeadKernelError:
        reason = "the kernel died; when memory runs out, the system ends it like this"
    except (RuntimeError, OSError) as error:  # it did not start, or its notebook cannot be saved
        reason = str(error)
    else:
        seconds = time.perf_counter() - begin
        line.end("ok", seconds)
        return seconds
    line.end("FAILED", time.perf_counter() - begin)
    raise Stopped(
        f"{notebook.name}, cell [{line.cell}]: {reason}\n"
        f"  partial notebook  {output}\n"
        f"  to go on          {again}"
    )


def _execute(notebook: Path, output: Path, parameters: dict, line: "ProgressLine") -> None:
    """papermill, with this very Python as the kernel and without its log."""
    import papermill
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpecManager

    class SamePython(AsyncKernelManager):
        # Without folders to search, "python3" is the interpreter we run in; otherwise a kernelspec
        # of that name in the user's folders could point to another one, without this package.
        def _kernel_spec_manager_default(self):
            return KernelSpecManager(kernel_dirs=[])

    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    papermill.execute_notebook(
        *(str(path).replace("{", "{{").replace("}", "}}") for path in (notebook, output)),
        parameters,
        kernel_name="python3",
        language="python",
        cwd=notebook.parent,
        progress_bar=False,
        kernel_manager_class=SamePython,
        extra_arguments=["--log-level=CRITICAL"],  # of the kernel: its log is not for this output
        on_cell_execute=line.next_cell,
    )


class ProgressLine:
    """One line for a notebook: how it ended, and on a terminal which cell is running."""

    def __init__(self, notebook: Path):
        number, _, name = notebook.stem.partition("_")
        self.title = f"{number} {name:<24}"
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        code = [cell for cell in cells if cell["cell_type"] == "code" and "".join(cell["source"])]
        self.cells = len(code) + 1  # papermill adds a cell with the parameters
        self.cell = 0  # the running one, as numbered in the notebook's margin
        self.live = sys.stdout.isatty()
        print(self.title, end="", flush=True)

    def next_cell(self, cell: dict, cell_index: int) -> None:
        """Called by nbclient before it executes a cell."""
        self.cell += 1
        if self.live:
            print(
                f"\r\x1b[K{self.title} running, cell {self.cell} of {self.cells}",
                end="",
                flush=True,
            )

    def end(self, how: str, seconds: float) -> None:
        start = f"\r\x1b[K{self.title}" if self.live else ""
        print(f"{start} {how:<7} {duration(seconds):>12}", flush=True)


def duration(seconds: float) -> str:
    """`8 s`, `1 min 52 s` or `3 h 05 min`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_of_hour = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes_of_hour:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _record(path: Path, name: str, seconds: float, profile: str) -> None:
    """Put a notebook's seconds into metrics.json; everything else there stays."""
    import torch

    from vqgen_utils.checkpoint import load_json, save_json

    metrics = load_json(path) if path.exists() else {}
    before = metrics.get("series", {})
    times = before.get("seconds", {}) if before.get("profile") == profile else {}
    times = {key: value for key, value in times.items() if key != "total"}
    times = dict(sorted({**times, name: round(seconds, 1)}.items()))
    metrics["series"] = {
        "seconds": {**times, "total": round(sum(times.values()), 1)},
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "torch": torch.__version__,
        "profile": profile,
    }
    save_json(path, metrics)
