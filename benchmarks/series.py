"""Where do the minutes of the series go? From the executed notebooks' own timings.

    vqgen run --run-name published && python -m benchmarks.series published

papermill writes into each executed notebook how long every cell took. A cell that calls `fit` is
training, one that imports torch is imports; what a notebook took beyond its cells is starting and
ending its kernel.
"""

import sys
from pathlib import Path

import nbformat

from benchmarks import report
from vqgen_utils.errors import InputError
from vqgen_utils.machine import load_json, run_folder

STAGES = ("training", "imports", "other cells", "kernel")


def stage(source: str) -> str:
    """What a cell is for, by its text."""
    if "= fit(" in source:
        return "training"
    return "imports" if "import torch" in source else "other cells"


def seconds_by_stage(notebook: Path, total: float) -> dict[str, float]:
    """Seconds of one executed notebook, by stage.

    Raises:
        InputError: when the notebook was not run by papermill.
    """
    seconds = dict.fromkeys(STAGES, 0.0)
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.cell_type == "code":
            duration = cell.metadata.get("papermill", {}).get("duration")
            if duration is None:
                raise InputError(f"{notebook} holds no timings: run it with `vqgen run` first.")
            seconds[stage(cell.source)] += duration
    seconds["kernel"] = total - sum(seconds.values())
    return seconds


def main(run_name: str = "published") -> None:
    """Print the table of a run and write `benchmarks/results/series.json`."""
    folder = run_folder(run_name)
    totals = load_json(folder / "metrics.json")["series"]["seconds"]
    rows = [
        {"notebook": name, **seconds_by_stage(folder / "notebooks" / f"{name}.ipynb", total)}
        for name, total in totals.items()
        if name != "total"
    ]
    rows.append({"notebook": "all", **{name: sum(row[name] for row in rows) for name in STAGES}})
    for row in rows:
        row["seconds"] = sum(row[name] for name in STAGES)
    report.table(rows)
    report.write(
        "series",
        {
            "series_minutes": totals["total"] / 60,
            "series_longest_notebook_minutes": max(row["seconds"] for row in rows[:-1]) / 60,
            "series_training_share": rows[-1]["training"] / rows[-1]["seconds"],
        },
        table=rows,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
