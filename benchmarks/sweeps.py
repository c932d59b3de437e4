"""What do the bits of a code buy, and what do more patients buy?

    python -m benchmarks.sweeps

Two sweeps of the real series, by papermill, at profile `quick`:

    codes       three grids by three codebooks, on the default data. The same as
                vqgen run --run-name codes --to 04 --sweep stride=2,4,8 --sweep num_embeddings=...
    patients    all notebooks, on the first 15, 30, ... 240 training patients of one phantom. The
                patients held out are the same twelve for all, and every training takes the same
                number of steps.

They take about an hour on two cores, most of it for the nine times four notebooks of the first, and
go on where they were stopped. Their runs stay in `runs/`, their scores go to
`benchmarks/results/sweeps.json`, which notebook 06 draws.
"""

import re
import shutil
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks import report
from vqgen_utils import plots, series
from vqgen_utils.checkpoint import load_settings
from vqgen_utils.config import get_profile, home, run_folder
from vqgen_utils.evaluation import other_runs
from vqgen_utils.files import load_json, write_atomic
from vqgen_utils.phantom import write_phantom
from vqgen_utils.sweep import grid, run_sweep

CODES = {"stride": ["2", "4", "8"], "num_embeddings": ["32", "128", "512"]}
PATIENTS = (15, 30, 60, 120, 240)


def sweep_codes() -> tuple[str, list[dict]]:
    """The content of the data they share, and a row a run as `other_runs.finished_runs` has it."""
    run_sweep(
        "codes",
        CODES,
        lambda name, settings: series.run_series(run_name=name, settings=settings, stop=4),
    )
    names = list(grid("codes", CODES))
    content = load_settings(run_folder(names[0]) / "vqvae.safetensors")["data"]
    runs = other_runs.finished_runs(content)
    return content, runs[runs["run"].isin(names)].to_dict("records")


def study_of(patients: int) -> Path:
    """The phantom with so many training patients: the first of the largest study's."""
    largest = home() / "data" / f"patients_{max(PATIENTS)}"
    if not largest.exists():
        data = get_profile("quick").data
        write_phantom(
            largest,
            patients_train=max(PATIENTS),
            patients_validate=data.patients_validate,
            patients_test=data.patients_test,
            weeks=data.weeks,
            slice_step=data.slice_step,
            seed=data.data_seed,
            odd_shape=False,
        )
    folder = largest.with_name(f"patients_{patients}")
    if not folder.exists():
        partial = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(
            largest, partial, ignore=lambda where, names: beyond(where, names, patients)
        )
        partial.rename(folder)
    return folder


def beyond(folder: str, names: list[str], patients: int) -> list[str]:
    """The training slices of patients with a higher number."""
    if not folder.endswith("_train"):
        return []
    return [name for name in names if int(re.match(r"\w+?_(\d+)_", name)[1]) > patients]


def sweep_patients() -> list[dict]:
    """A row a run: patients, slices, the scores of the models and the headline of notebook 06."""
    rows = []
    for patients in PATIENTS:
        name, folder = f"patients-{patients}", study_of(patients)
        series.run_series(run_name=name, data_source="hipmri", data_dir=folder)
        scores, judged = (
            load_json(run_folder(name) / file) for file in ("metrics.json", "evaluation.json")
        )
        rows.append(
            {
                "patients": patients,
                "slices": scores["data"]["slices_train"],
                "ssim_body": scores["vqvae"]["ssim_body"],
                "bits_per_code": scores["prior"]["bits_per_code"],
                "bits_per_code_train": judged["bits_per_code_train"],
                "bits_per_code_order0": scores["prior"]["bits_per_code_order0"],
                **judged["headline"],
            }
        )
    return rows


def headline(codes: list[dict], patients: list[dict]) -> dict[str, float]:
    """The ends of both sweeps."""
    fewest, most = patients[0], patients[-1]
    worst, best = min(codes, key=lambda row: row["ssim"]), max(codes, key=lambda row: row["ssim"])
    return {
        "codes_ssim_lowest": worst["ssim"],
        "codes_bits_per_pixel_lowest": worst["prior_bits"],
        "codes_ssim_highest": best["ssim"],
        "codes_bits_per_pixel_highest": best["prior_bits"],
        **{
            f"patients_{name}_{row['patients']}": row[name]
            for row in (fewest, most)
            for name in ("ssim", "bits_per_code", "anatomy_pass_samples")
        },
    }


def figure() -> Figure:
    """What more patients buy, as notebook 06 draws it."""
    return plots.by_patients(other_runs.published_patients())


def main() -> None:
    """Run both sweeps as far as they are not done, and write what came of them."""
    content, codes = sweep_codes()
    patients = sweep_patients()
    report.table(codes)
    report.table(patients)
    report.write("sweeps", headline(codes, patients), data=content, codes=codes, patients=patients)
    write_atomic(report.RESULTS / "patients.png", plots.to_png(figure(), dpi=120))


if __name__ == "__main__":
    main()
