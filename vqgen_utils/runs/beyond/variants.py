"""What each variant of the notebooks beyond the course scored, in runs/NAME/variants.json."""

import numpy as np
import pandas as pd

from vqgen_utils.evaluation.targets import plain
from vqgen_utils.machine.files import load_json, save_json
from vqgen_utils.runs.run import Run


def keep(
    run: Run,
    notebook: str,
    scores: dict[str, pd.DataFrame],
    more: dict[str, dict[str, float]] | None = None,
) -> None:
    """Put the variants of a notebook beside those of the others, in place of its earlier ones.

    What was measured before the run's VQ-VAE was last trained goes.

    Args:
        run: they were measured on.
        notebook: its file's name, without its ending.
        scores: variant -> `Judge.scores`.
        more: variant -> further numbers, such as bits_per_pixel and seconds.
    """
    rows = []
    for name, table in scores.items():
        row = {"notebook": notebook, "variant": name, **(more or {}).get(name, {})}
        for measure, (mean, low, high) in table.iterrows():
            row |= {measure: mean, f"{measure}_low": low, f"{measure}_high": high}
        rows.append(row)
    others = [row for row in _kept(run) if row["notebook"] != notebook]
    rows = sorted(others + rows, key=lambda row: row["notebook"])
    save_json(run.path("variants.json"), plain({"vqvae": _vqvae(run), "variants": rows}))


def read(run: Run) -> pd.DataFrame:
    """Every variant that was kept: a row each, by notebook; no row where there is none.

    Returns:
        notebook, variant, each measure as MEASURE, MEASURE_low and MEASURE_high, and further
        numbers by name; NaN: not measured.
    """
    rows = _kept(run)
    return pd.DataFrame(rows).astype({n: float for n in _numbers(rows)}) if rows else pd.DataFrame()


def table(scores: dict[str, pd.DataFrame], measures: list[str]) -> pd.DataFrame:
    """Some measures of variants for reading: "0.934 (0.928 to 0.940)", "none" if not measured.

    Args:
        scores: variant -> `Judge.scores`.
        measures: the columns, in this order.
    """
    return pd.DataFrame(
        {name: {one: _words(*some.loc[one]) for one in measures} for name, some in scores.items()}
    ).T


def _words(mean: float, low: float, high: float) -> str:
    if np.isnan(mean):
        return "none"
    return f"{mean:.3f}" if np.isnan(low) else f"{mean:.3f} ({low:.3f} to {high:.3f})"


def _kept(run: Run) -> list[dict]:
    path = run.path("variants.json")
    known = load_json(path) if path.exists() else {}
    return known.get("variants", []) if known.get("vqvae") == _vqvae(run) else []


def _numbers(rows: list[dict]) -> set[str]:
    return {name for row in rows for name in row} - {"notebook", "variant"}


def _vqvae(run: Run) -> str:
    return run.fingerprint("vqvae.safetensors")
