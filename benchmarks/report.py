"""Timing in turns, the machine in words, and one results file a benchmark."""

import os
import platform
import subprocess
import time
from collections.abc import Callable, Hashable
from importlib import metadata
from pathlib import Path

import pandas as pd
import torch

from vqgen_utils.machine import REPOSITORY, load_json
from vqgen_utils.training import checkpoint

RESULTS = REPOSITORY / "benchmarks" / "results"
PACKAGES = ("torch", "numpy", "nibabel", "vector-quantize-pytorch", "monai")


def in_turns(
    functions: dict[Hashable, Callable[[], object]], rounds: int = 5, device: str = "cpu"
) -> dict[Hashable, float]:
    """Seconds of one call of each function: the best of `rounds`, all functions in every round.

    The first round warms up and does not count. The best, not the mean: whatever else the machine
    does can only add to a time.
    """
    seconds = {name: float("inf") for name in functions}
    for round_number in range(rounds + 1):
        for name, function in functions.items():
            _synchronise(device)
            start = time.perf_counter()
            function()
            _synchronise(device)
            if round_number:
                seconds[name] = min(seconds[name], time.perf_counter() - start)
    return seconds


def _synchronise(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def machine() -> dict:
    """Processor, cores, memory, accelerator, and versions of what matters here."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue  # a peer that only one benchmark needs
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "packages": versions,
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def commit() -> str:
    """The commit the numbers belong to; "+ changes" when files differ from it."""
    git = ["git", "-C", str(REPOSITORY)]
    try:
        name = subprocess.run(
            [*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--", "*.py"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown: not a git checkout"
    return f"{name} + changes" if changed else name


def table(rows: list[dict]) -> None:
    """Print rows of a table, numbers to three digits."""
    frame = pd.DataFrame(rows)
    print(frame.to_string(index=False, float_format=lambda value: f"{value:.3g}"), flush=True)


def once(path: Path, measure: Callable[..., dict], *of) -> dict:
    """What `measure(*of)` finds, kept as JSON at `path`; where that is already, it is read."""
    if not path.exists():
        checkpoint.save_json(path, measure(*of))
    return load_json(path)


def medians(rows: list[dict], by: str) -> list[dict]:
    """The median over seeds of every score, with the lowest and the highest, a row a `by`."""
    if not rows:
        return []
    frame = pd.DataFrame(rows).drop(columns="run", errors="ignore")
    groups = frame.groupby(by, sort=False)
    columns = {"": groups.median(), "_low": groups.min(), "_high": groups.max()}
    joined = pd.concat([part.add_suffix(suffix) for suffix, part in columns.items()], axis=1)
    joined["seeds"] = groups.size()
    return joined.reset_index().to_dict("records")


def write(name: str, headline: dict[str, float], **details) -> Path:
    """Write `benchmarks/results/NAME.json`: headline numbers, details, machine, commit."""
    path = RESULTS / f"{name}.json"
    content = {"headline": headline, **details, "machine": machine(), "commit": commit()}
    checkpoint.save_json(path, content)
    print(
        f"\n{path.relative_to(REPOSITORY)}:",
        *(f"{k} = {v:.4g}" for k, v in headline.items()),
        sep="\n  ",
    )
    return path
