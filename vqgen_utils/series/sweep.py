"""Several runs of the series that differ in a few settings, and what came of them side by side."""

import itertools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from vqgen_utils.config import home
from vqgen_utils.errors import InputError
from vqgen_utils.machine.files import load_json

if TYPE_CHECKING:
    import pandas as pd

# column of the comparison -> where metrics.json has it
SCORES = {
    "ssim": ("vqvae", "ssim"),
    "ssim_body": ("vqvae", "ssim_body"),
    "codes_used": ("vqvae", "codes_used"),
    "perplexity": ("vqvae", "perplexity"),
    "bits_per_code": ("prior", "bits_per_code"),
    "bits_per_pixel": ("prior", "bits_per_pixel"),
}


def parse_sweep(sweeps: Iterable[str]) -> dict[str, list[str]]:
    """`num_embeddings=32,128` as {"num_embeddings": ["32", "128"]}.

    Raises:
        InputError: for text of another form, or a setting given twice.
    """
    values = {}
    for sweep in sweeps:
        name, equals, listed = sweep.partition("=")
        parts = [part.strip() for part in listed.split(",")]
        if not equals or not name or not all(parts):
            raise InputError(f"--sweep {sweep}: write it as NAME=VALUE,VALUE,...")
        if name in values:
            raise InputError(f"--sweep {name} is given twice: list all its values at once.")
        if len(set(parts)) < len(parts):
            raise InputError(f"--sweep {sweep}: a value is listed twice.")
        values[name] = parts
    return values


def grid(run_name: str, sweep: dict[str, list[str]]) -> dict[str, list[str]]:
    """Every combination: name of the run -> its settings as `--set` takes them."""
    runs = {}
    for combination in itertools.product(*sweep.values()):
        pairs = list(zip(sweep, combination, strict=True))
        name = "-".join([run_name, *(f"{setting}-{value}" for setting, value in pairs)])
        runs[name] = [f"{setting}={value}" for setting, value in pairs]
    return runs


def run_sweep(
    run_name: str, sweep: dict[str, list[str]], run_one: Callable[[str, list[str]], None]
) -> None:
    """Run every combination with `run_one(name, settings)`; what is finished there is not redone.

    Started again after an interruption it goes on where it stopped, since each run does.
    """
    runs = grid(run_name, sweep)
    for number, (name, settings) in enumerate(runs.items(), 1):
        print(f"sweep {number} of {len(runs)}: {' '.join(settings)}", flush=True)
        run_one(name, settings)


def compare(names: Iterable[str] = ()) -> "pd.DataFrame":
    """Finished runs side by side: the settings in which they differ, then their scores.

    Args:
        names: of the runs, or beginnings of names (a sweep's); none: all runs there are.

    Raises:
        InputError: when there is no such run with scores.
    """
    import pandas as pd  # here, since `vqgen --help` answers at once

    folder, names = home() / "runs", list(names)
    rows = {}
    for path in sorted(folder.glob("*/metrics.json")):
        run = path.parent.name
        if not names or any(run == name or run.startswith(f"{name}-") for name in names):
            rows[run] = _row(path)
    if not rows:
        wanted = f" called {' or '.join(names)}" if names else ""
        raise InputError(f"{folder} holds no run{wanted} with scores: `vqgen run` makes one.")
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("run")
    settings = [name for name in table if name not in (*SCORES, "seconds")]
    same = [name for name in settings if table[name].map(repr).nunique() == 1]
    return table.drop(columns=same)


def _row(path: Path) -> dict:
    """Settings (flat: section.field) and scores of one run; None where it has no score yet."""
    metrics, config = load_json(path), path.with_name("config.json")
    row = {}
    for section, fields in (load_json(config) if config.exists() else {}).items():
        if isinstance(fields, dict):
            row |= {f"{section}.{field}": value for field, value in fields.items()}
        else:
            row[section] = fields
    row |= {name: metrics.get(section, {}).get(key) for name, (section, key) in SCORES.items()}
    return row | {"seconds": metrics.get("series", {}).get("seconds", {}).get("total")}
