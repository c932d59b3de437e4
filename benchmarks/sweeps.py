"""What do the bits of a code buy, and what do more patients buy?

    python -m benchmarks.sweeps

Two sweeps of the real series, by papermill, at profile `quick`:

    codes       three grids by three codebooks, on the default data. The same as
                vqgen run --run-name codes --to 04 --sweep stride=2,4,8 --sweep num_embeddings=...
    patients    on the first 15, 30, ... 240 training patients of one phantom. The patients held out
                are the same twelve for all, and every training takes the same number of steps, so
                with few patients each slice is seen more often.

Samples of the second sweep are judged by one domain network and against one set of real slices,
those of the run with most patients.

They take about 40 minutes on two cores, and go on where they were stopped. Their runs stay in
`runs/`, their scores go to `benchmarks/results/sweeps.json`: notebook 06 draws the first sweep,
notebook 07 the second.
"""

import re
import shutil
from pathlib import Path

import torch

from benchmarks import report
from vqgen_utils.config import get_profile
from vqgen_utils.data.phantom import write_phantom
from vqgen_utils.evaluation import anatomy, domain, fidelity, memorisation, metrics
from vqgen_utils.machine import home, load_json, run_folder, whole_folder
from vqgen_utils.models import VQVAE, height_features, sample
from vqgen_utils.runs import Run, compare
from vqgen_utils.series import combinations, run_series, run_sweep
from vqgen_utils.training import checkpoint

CODES = {"stride": ["2", "4", "8"], "num_embeddings": ["32", "128", "512"]}
PATIENTS = (15, 30, 60, 120, 240)
ROUNDS = 5  # of samples at the held-out heights


def sweep_codes() -> tuple[str, list[dict]]:
    """The content of the data they share, and a row a run as `other_runs.finished_runs` has it."""
    run_sweep(
        "codes",
        CODES,
        lambda name, settings: run_series(run_name=name, settings=settings, stop=4),
    )
    names = list(combinations("codes", CODES))
    content = checkpoint.load_settings(run_folder(names[0]) / "vqvae.safetensors")["data"]
    runs = compare.finished_runs(content)
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
        with whole_folder(folder) as making:
            shutil.copytree(
                largest, making, ignore=lambda where, names: beyond(where, names, patients)
            )
    return folder


def beyond(folder: str, names: list[str], patients: int) -> list[str]:
    """The training slices of patients with a higher number."""
    if not folder.endswith("_train"):
        return []
    return [name for name in names if int(re.match(r"\w+?_(\d+)_", name)[1]) > patients]


def sweep_patients() -> list[dict]:
    """A row a run: patients, slices, scores of the models, and of samples judged alike."""
    names = [f"patients-{patients}" for patients in PATIENTS]
    for name, patients in zip(names, PATIENTS, strict=True):
        stop = None if name == names[-1] else 4  # the last trains the network that judges them all
        folder = study_of(patients)
        run_series(run_name=name, data_source="hipmri", data_dir=folder, stop=stop)
    judge = Judge(Run(names[-1]))
    rows = []
    for name, patients in zip(names, PATIENTS, strict=True):
        scores = load_json(run_folder(name) / "metrics.json")
        rows.append(
            {
                "patients": patients,
                "slices": scores["data"]["slices_train"],
                **{key: scores["vqvae"][key] for key in ("ssim", "ssim_body")},
                **{key: scores["prior"][key] for key in ("bits_per_code", "bits_per_code_order0")},
                "bits_per_code_train": bits_on_known_patients(Run(name)),
                **judge.scores(Run(name)),
            }
        )
    return rows


def bits_on_known_patients(run: Run) -> float:
    """Bits a code on some of the slices that the prior has learned from, spread evenly."""
    slices = run.load_slices(run.settings("quick"))
    train, test = (slices.subset(split).rows for split in ("train", "test"))
    some = train.iloc[:: max(1, len(train) // len(test))]
    heights = torch.tensor(some["height"].to_numpy(), dtype=torch.float32)
    codes = run.load_codes()[some.index]
    return metrics.bits_by_position(run.load_prior(), codes, height_features(heights)).mean().item()


class Judge:
    """One network and one set of real slices for all, since a ruler that grows measures itself.

    Args:
        run: the one with most patients; its domain network reads, its training slices are real.
    """

    def __init__(self, run: Run):
        settings = run.settings("quick")
        self.reader = domain.DomainNetwork(settings.evaluation.domain_width)
        checkpoint.load_weights(run.path("domain.safetensors"), self.reader)
        slices = run.load_slices(settings)
        train = slices.subset("train").rows
        images = torch.from_numpy(slices.images[train.index])  # (N, H, W)
        self.reference = domain.look_at(self.reader, images)
        self.real = anatomy.measure_all(self.reference.tissues, train["height"].to_numpy())
        self.heights = slices.subset("test").rows["height"].to_numpy()

    def scores(self, run: Run) -> dict[str, float]:
        """Of samples of a run, drawn with the same seeds at the held-out heights."""
        vqvae, prior = run.load_vqvae(), run.load_prior()
        told = height_features(torch.tensor(self.heights, dtype=torch.float32))
        n = len(told)
        drawn = [sample(prior, told, range(r * n, (r + 1) * n)) for r in range(ROUNDS)]
        images = [decoded(vqvae, codes) for codes in drawn]  # ROUNDS of (n, H, W)
        found = domain.read_rounds(self.reader, *images)
        features = [reading.features for reading in found.readings]
        reference, *features = fidelity.standardise(self.reference.features, *features)
        kept = anatomy.judge_rounds({"samples": found}, self.heights, self.real)["samples"]["all"]
        return {
            **fidelity.compare_sets(reference, features),
            "anatomy_pass": float(kept.mean()),
            "memorised": memorised(run, found.all_slices),
        }


def decoded(vqvae: VQVAE, codes: torch.Tensor) -> torch.Tensor:
    """Codes (N, h, w) as slices (N, H, W), a few at a time."""
    return vqvae.decode(codes)[:, 0]


def memorised(run: Run, samples: torch.Tensor) -> float:
    """Share of samples (N, H, W) that look like copies, pixel by pixel, as notebook 07 asks it."""
    slices, codes = run.load_slices(run.settings("quick")), run.load_codes()
    train, test = (codes[slices.subset(split).rows.index] for split in ("train", "test"))
    vqvae = run.load_vqvae()
    known = decoded(vqvae, train)
    groups = {"held out": decoded(vqvae, test), "generated": samples}
    away = {name: memorisation.nearest(some, known)[0].numpy() for name, some in groups.items()}
    return memorisation.Nearness(away, floor="held out").share("generated")


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
            for name in ("ssim", "bits_per_code", "anatomy_pass", "memorised")
        },
    }


def main() -> None:
    """Run both sweeps as far as they are not done, and write what came of them."""
    content, codes = sweep_codes()
    patients = sweep_patients()
    report.table(codes)
    report.table(patients)
    report.write("sweeps", headline(codes, patients), data=content, codes=codes, patients=patients)


if __name__ == "__main__":
    main()
