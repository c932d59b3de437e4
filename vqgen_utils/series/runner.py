"""Runs the notebooks in order with papermill, and keeps each executed notebook with its run.

Whatever is wrong with a request is found before the first notebook starts: papermill itself only
warns of a parameter that a notebook does not have, and finds a bad value when training begins.

The same command given again goes on where the last one was stopped: notebooks that are done, and
would run with the same, are left as they are.
"""

import os
import re
import shlex
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TextIO

from vqgen_utils.config import PARAMETERS, get_profile, must_be_learnable
from vqgen_utils.errors import InputError
from vqgen_utils.machine.files import load_json, save_json
from vqgen_utils.machine.lock import exclusive
from vqgen_utils.machine.places import REPOSITORY, home, run_folder
from vqgen_utils.made_from import MAKER
from vqgen_utils.series import record
from vqgen_utils.series.notebook import ProgressLine, duration, execute
from vqgen_utils.series.request import (
    notebook_parameters,
    parse_settings,
    resolve_data,
    resolve_start,
)

NOTEBOOKS = REPOSITORY / "notebooks"
DEFAULT_PROFILE = "quick"
DEFAULT_RUN_NAME = "tutorial"
RESULTS = ("notebooks", "metrics.json", "samples.png")  # what to look at first in a run's folder


class Stopped(Exception):
    """A notebook did not finish. The message says which, why, and how to go on."""

    def __init__(self, message: str, exit_code: int = 1):
        super().__init__(message)
        self.exit_code = exit_code


def find_notebooks(
    folder: Path, start: int | None = None, stop: int | None = None, only: int | None = None
) -> list[Path]:
    """The notebooks `NN_name.ipynb` of a folder, by number: `start` to `stop`, or one alone."""
    found = [path for path in sorted(folder.glob("*.ipynb")) if re.match(r"\d+_", path.name)]
    number = {path: _number(path) for path in found}
    if not found:
        raise InputError(f"folder '{folder}' holds no notebooks named like 01_name.ipynb.")
    if only is not None and (start is not None or stop is not None):
        raise InputError("--only excludes --from and --to: give it alone, or leave it out.")
    for option, wanted in (("--from", start), ("--to", stop), ("--only", only)):
        if wanted is not None and wanted not in number.values():
            there = ", ".join(f"{n:02d}" for n in sorted(number.values()))
            raise InputError(f"{option} {wanted:02d}: no such notebook; choose one of {there}.")
    first = only if only is not None else start or 0
    last = next((n for n in (only, stop) if n is not None), max(number.values()))
    if first > last:
        raise InputError(f"--from {first:02d} --to {last:02d}: there is nothing in between.")
    return sorted((path for path in found if first <= number[path] <= last), key=number.get)


def run_series(
    *,
    profile: str = DEFAULT_PROFILE,
    run_name: str = DEFAULT_RUN_NAME,
    data_source: str | None = None,
    data_dir: str | None = None,
    settings: Iterable[str] = (),
    from_run: str = "",
    start: int | None = None,
    stop: int | None = None,
    only: int | None = None,
    folder: Path = NOTEBOOKS,
    progress: Callable[[str, int, int], None] | None = None,
    only_check: bool = False,
) -> None:
    """Run the notebooks of `folder` in order; report on standard output.

    With `start` or `only` the notebooks they name run in any case; otherwise those from the first
    one on that is not done. `stop` is the number of the last. `progress` is told how far the scans
    have been read: they are packed before the first notebook starts. With `only_check` the request
    is looked at, and nothing runs.

    Raises:
        InputError: before anything runs, if the request makes no sense or another process works on
            this run.
        Stopped: a notebook failed, its kernel died, or the user pressed Ctrl-C.
    """
    run = run_folder(run_name)
    notebooks = find_notebooks(folder, start, stop, only)
    kinds = {notebook: notebook_parameters(notebook) for notebook in notebooks}
    all_kinds = {name: kind for each in kinds.values() for name, kind in each.items()}
    data = resolve_data(data_source, data_dir)
    changes = parse_settings(settings, all_kinds, "the notebooks to run")
    ours = {name: changes[name] for name in changes if name in PARAMETERS}
    asked_for = get_profile(profile, **data, **ours)
    if "stride" in all_kinds:  # a VQ-VAE is to be trained
        must_be_learnable(asked_for)
    data |= resolve_start(from_run, run_name, all_kinds)
    parameters = {"profile": profile, "run_name": run_name, **data, **changes}
    known = {
        notebook: {name: parameters[name] for name in parameters if name in kinds[notebook]}
        for notebook in notebooks
    }
    if only_check:
        return
    options = command(profile, run_name, data, settings, stop)
    if "VQGEN_HOME" in os.environ:
        os.environ["VQGEN_HOME"] = str(home().resolve())  # a kernel works in another folder
    begin = time.perf_counter()
    _look_at_scans(run_name, kinds, profile, {**data, **changes}, progress)
    looked = time.perf_counter() - begin
    (run / "notebooks").mkdir(parents=True, exist_ok=True)
    with exclusive(run) as lock:
        print(f"run '{run_name}', profile {profile}", flush=True)
        asked = start is not None or only is not None
        done = [] if asked else _done(run, known)
        for notebook in done:
            print(f"{ProgressLine.title(notebook)} ok (done before)", flush=True)
        todo = notebooks[len(done) :]
        if todo:
            later = find_notebooks(folder, start=_number(todo[0]))
            record.forget(run, later)  # they stand on what is about to change
        total = looked
        for notebook in todo:
            select = "--from" if only is None else "--only"
            again = shlex.join([*options, select, f"{_number(notebook):02d}"])
            output = run / "notebooks" / notebook.name
            made_from = record.ingredients(notebook, known[notebook])
            seconds = _run_notebook(notebook, output, known[notebook], again, lock)
            _record(run / "metrics.json", notebook.stem, seconds, profile)
            record.add(run, notebook, made_from)
            total += seconds
    if todo:
        print(f"finished in {duration(total)}")
    else:
        print(f"nothing to do; to run them again: {shlex.join([*options, '--from', '01'])}")
    results = [name for name in RESULTS if (run / name).exists()]
    print(f"results: {run} ({', '.join(results)})")


def _look_at_scans(
    run_name: str,
    kinds: dict[Path, dict],
    profile: str,
    changes: dict,
    progress: Callable[[str, int, int], None] | None,
) -> None:
    """Pack the scans as the notebooks of `kinds` will open them.

    Raises:
        InputError: when they are no good for what is to run: there is nothing to learn from, or,
            where a model is to be trained on them, nothing to score it on.
    """
    trains = any(notebook.stem == MAKER["vqvae.safetensors"] for notebook in kinds)
    reads = any("data_dir" in parameters for parameters in kinds.values())
    if not trains and not (reads and "data_dir" in changes):
        return
    from vqgen_utils.data.slices import load_slices
    from vqgen_utils.runs.run import Run

    chosen = {name: changes[name] for name in changes if PARAMETERS.get(name, ("",))[0] == "data"}
    anew = any("data_seed" in parameters for parameters in kinds.values())  # not as they were left
    settings = Run(run_name).settled(profile, *(["data"] if anew else []), **chosen)
    try:
        slices = load_slices(settings.data, progress=progress)
    except KeyboardInterrupt:
        raise Stopped("stopped while the scans were read; nothing has run.", 130) from None
    if trains:
        slices.must_hold_out()


def _number(notebook: Path) -> int:
    """The 2 of 02_name.ipynb."""
    return int(notebook.name.partition("_")[0])


def _done(run: Path, known: dict[Path, dict]) -> list[Path]:
    """The first notebooks, as many as are done with the parameters they have here."""
    done = []
    for notebook, parameters in known.items():
        reason = record.reason_to_run(run, notebook, parameters)
        if reason is not None:
            if reason:
                print(f"again from {_number(notebook):02d}: {reason}")
            break
        done.append(notebook)
    return done


def command(
    profile: str, run_name: str, data: dict, settings: Iterable[str], stop: int | None
) -> list[str]:
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
    if stop is not None:
        words += ["--to", f"{stop:02d}"]
    return words


def _run_notebook(
    notebook: Path, output: Path, parameters: dict, again: str, lock: TextIO | None
) -> float:
    """Run one notebook with its line of progress; the seconds it took.

    `again` is the command that goes on from this notebook, `lock` the run's. However it ends,
    papermill has saved what was done so far to `output`.
    """
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    line = ProgressLine(notebook)
    begin = time.perf_counter()
    try:
        execute(notebook, output, parameters, line, lock)
    except KeyboardInterrupt:
        line.end("STOPPED", time.perf_counter() - begin)
        raise Stopped(f"stopped; partial notebook: {output}; go on: {again}", 130) from None
    except PapermillExecutionError as error:
        sentence = (error.evalue.splitlines() or [""])[0]
        reason = sentence if error.ename == "InputError" else f"{error.ename}: {sentence}"
    except DeadKernelError:
        reason = "the kernel died; when memory runs out, the system ends it like this"
    except (RuntimeError, OSError, InputError) as error:  # it does not start or cannot be saved
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


def _record(path: Path, name: str, seconds: float, profile: str) -> None:
    """Put a notebook's seconds into metrics.json; everything else there stays."""
    import torch

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


def run_sweep(runs: dict[str, list[str]], run_one: Callable[[str, list[str]], None]) -> None:
    """Run every combination with `run_one(name, settings)`; what is finished there is not redone.

    Started again after an interruption it goes on where it stopped, since each run does.
    """
    for number, (name, settings) in enumerate(runs.items(), 1):
        print(f"sweep {number} of {len(runs)}: {' '.join(settings)}", flush=True)
        run_one(name, settings)
