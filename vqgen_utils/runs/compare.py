"""Other runs to draw beside this one: those that lie in `runs/`, and the published sweeps."""

import math
import sys
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from vqgen_utils.config import VQVAEConfig
from vqgen_utils.errors import InputError
from vqgen_utils.evaluation import bootstrap
from vqgen_utils.machine.files import load_json
from vqgen_utils.machine.places import REPOSITORY, home
from vqgen_utils.training.checkpoint import load_settings

COLUMNS = ("run", "stride", "num_embeddings", "plain_bits", "prior_bits", "ssim")
RESULTS = REPOSITORY / "benchmarks" / "results"


def finished_runs(content: str, among_them: str = "") -> pd.DataFrame:
    """Every run with a trained prior on the data of this `content` (see `Slices`).

    Args:
        content: of the slices.
        among_them: the name of a run that must be there.

    Returns:
        A row a run, by name: stride; num_embeddings; bits a pixel with codes written plainly, and
        as the prior codes them; SSIM on held-out patients.

    Raises:
        InputError: when the run `among_them` has no scores, as after `vqgen train`.
    """
    rows = []
    for path in sorted((home() / "runs").glob("*/metrics.json")):
        try:
            scores, made_from = _scores(path), load_settings(path.parent / "vqvae.safetensors")
            model = VQVAEConfig(**made_from["model"])
        except (InputError, ValidationError):
            continue  # unfinished, damaged or of another version: not a result
        if made_from["data"] == content and {"vqvae", "prior"} <= scores.keys():
            stride, k = model.stride, model.num_embeddings
            plain, coded = math.log2(k) / stride**2, scores["prior"]["bits_per_pixel"]
            rows.append((path.parent.name, stride, k, plain, coded, scores["vqvae"]["ssim"]))
    if among_them and among_them not in (row[0] for row in rows):
        raise InputError(
            f"run '{among_them}' has no scores of its VQ-VAE and its prior in metrics.json: run "
            "notebooks 02 and 04 of it, which load what is trained and score it."
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def published_codes(content: str) -> pd.DataFrame:
    """`finished_runs` of the published sweep over codebooks and grids; empty for other data."""
    sweeps = published("sweeps")
    rows = sweeps["codes"] if sweeps.get("data") == content else []
    return pd.DataFrame(rows, columns=list(COLUMNS))


def published_patients(augmented: bool = True) -> pd.DataFrame:
    """The published trainings on few and many patients of the phantom; or no row.

    Args:
        augmented: those whose pictures were changed a little before they were learned from.

    Returns:
        A row a number of patients: patients, seeds, and for each score the median over seeds, the
        lowest as SCORE_low and the highest as SCORE_high; see `benchmarks/few_patients.py`.
    """
    name = "patients" if augmented else "patients_without"
    return pd.DataFrame(published("few_patients").get(name, []))


def of_one_rate(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Of tables of `published_patients`, the rows whose priors learned at one rate.

    It is the rate with most rows in every table; where none is in all of them, a table is empty.
    """
    if not all(len(table) for table in tables.values()):
        return tables
    rows = [table["prior_learning_rate"].value_counts() for table in tables.values()]
    rate = pd.concat(rows, axis=1).fillna(0).min(axis=1).idxmax()
    return {name: table[table["prior_learning_rate"] == rate] for name, table in tables.items()}


def published(name: str) -> dict:
    """What the benchmark of this name left; nothing where it was never run."""
    path = RESULTS / f"{name}.json"
    return load_json(path) if path.exists() else {}


# column of the comparison -> where metrics.json has it
SCORES = {
    "ssim": ("vqvae", "ssim"),
    "ssim_body": ("vqvae", "ssim_body"),
    "codes_used": ("vqvae", "codes_used"),
    "perplexity": ("vqvae", "perplexity"),
    "bits_per_code": ("prior", "bits_per_code"),
    "bits_per_pixel": ("prior", "bits_per_pixel"),
}


def side_by_side(names: Iterable[str] = ()) -> pd.DataFrame:
    """Finished runs side by side: the settings in which they differ, then their scores.

    Args:
        names: of the runs, or beginnings of names (a sweep's); none: all runs there are.

    Raises:
        InputError: when there is no such run with scores.
    """
    folder, names = home() / "runs", list(names)
    rows = {}
    for path in sorted(folder.glob("*/metrics.json")):
        run = path.parent.name
        if not names or any(run == name or run.startswith(f"{name}-") for name in names):
            try:
                rows[run] = _row(path)
            except InputError as error:
                print(f"note: run '{run}' is left out: {error}", file=sys.stderr)
    if not rows:
        wanted = f" called {' or '.join(names)}" if names else ""
        raise InputError(f"{folder} holds no run{wanted} with scores: `vqgen run` makes one.")
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("run")
    settings = [name for name in table if name not in (*SCORES, "seconds")]
    same = [name for name in settings if table[name].map(repr).nunique() == 1]
    return table.drop(columns=same)


# score -> the file in a run's folder that has it for each held-out slice
PER_SLICE = {
    **dict.fromkeys(("ssim", "ssim_body", "psnr"), "scores_vqvae.csv"),
    "bits_per_code": "scores_prior.csv",
}


def pooled_folds(runs: Iterable[str]) -> pd.DataFrame:
    """Each score over the held-out slices of all folds together, with its interval over patients.

    Args:
        runs: names, as in the index of `side_by_side`; those that are no folds are left out.

    Returns:
        A row a run without its fold and score: folds ("5 of 5"), patients, mean, low, high (NaN:
        see `bootstrap.interval`). No row where there are no folds.

    Raises:
        InputError: when a patient is tested in two folds, for then the data changed meanwhile.
    """
    parts: dict[tuple[str, int], list[Path]] = {}
    for run in runs:
        config = home() / "runs" / run / "config.json"
        data = load_json(config).get("data", {}) if config.exists() else {}
        stem = run.removesuffix(f"-fold-{data.get('fold')}")
        if data.get("folds") and stem != run:
            parts.setdefault((stem, data["folds"]), []).append(config.parent)
    rows = {}
    for (stem, folds), folders in parts.items():
        for score, file in PER_SLICE.items():
            files = [folder / file for folder in folders if (folder / file).exists()]
            if files:
                pooled = _pooled(stem, files, score)
                rows[stem, score] = {"folds": f"{len(files)} of {folds}", **pooled}
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.rename_axis(["run", "score"]) if rows else table


def _pooled(stem: str, files: list[Path], score: str) -> dict[str, float]:
    """Patients, mean and interval of one score over the slices in `files`, one a fold."""
    tables = [pd.read_csv(file, dtype={"patient": str}) for file in files]
    tested = pd.concat([table["patient"].drop_duplicates() for table in tables])
    if tested.duplicated().any():
        twice = ", ".join(tested[tested.duplicated()].unique()[:5])
        raise InputError(
            f"the folds of run '{stem}' test some patients twice ({twice}), so they were made with "
            "other data or another data_seed: run them again."
        )
    slices = pd.concat(tables)
    low, high = bootstrap.interval(slices[score], slices["patient"])
    return {"patients": len(tested), "mean": slices[score].mean(), "low": low, "high": high}


def _row(path: Path) -> dict:
    """Settings (flat: section.field) and scores of one run; None where it has no score yet."""
    metrics, config = _scores(path), path.with_name("config.json")
    row = {}
    for section, fields in (load_json(config) if config.exists() else {}).items():
        if isinstance(fields, dict):
            row |= {f"{section}.{field}": value for field, value in fields.items()}
        else:
            row[section] = fields
    row |= {name: metrics.get(section, {}).get(key) for name, (section, key) in SCORES.items()}
    return row | {"seconds": (metrics.get("series", {}).get("seconds") or {}).get("total")}


def _scores(path: Path) -> dict[str, dict]:
    """The sections of a metrics.json.

    Raises:
        InputError: when it is damaged.
    """
    metrics = load_json(path)
    if not all(isinstance(section, dict) for section in metrics.values()):
        raise InputError(f"{path} does not hold what vqgen writes there: run the notebooks again.")
    return metrics
