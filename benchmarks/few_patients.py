"""What can be learned from few patients, and what do more of them buy?

    python -m benchmarks.few_patients [--data-dir FOLDER] [--patients 8 30 ...] [--jobs 2]

Trainings of profile `quick`, each with three seeds, judged on patients that none of them has seen:

    phantom     the first 8, 15, 30, ... 240 training patients of one study, with pictures changed a
                little before they are learned from (`augment`, as the series does it) and, up to
                60 patients, without. The patients held out are the same twelve for all.
    spine       with --data-dir, FOLDER/spider_spine: sagittal slices of 32 people, split as the
                series splits them (SPIDER, van der Graaf et al. 2024, CC BY 4.0)
    prostate    with --data-dir, FOLDER/prostate3t: five men, each held out once (TCIA
                Prostate-3T, CC BY 3.0)

Samples of the phantom are judged by one domain network and against one set of real slices, those of
all 240 patients, since a ruler that grows measures itself. Bits are paid on twelve patients that
none has seen, and once more on the twelve that notebook 04 tests on, which those of up to 120 have
not seen. Pictures of people are never written.

Two jobs at a time take about five hours on two cores; started again, it goes on where it was
stopped, and `--patients` trains those numbers of the phantom's patients alone. Runs stay in
`runs/few-...`, scores go to `benchmarks/results/few_patients.json`, where a row that no runs are
there to measure again, or fewer seeds than it has, stays as it is.
"""

import argparse
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks import report
from vqgen_utils.config import get_profile
from vqgen_utils.data import load_slices
from vqgen_utils.data.phantom import write_phantom
from vqgen_utils.evaluation import anatomy, code_lengths, domain, fidelity, memorisation, metrics
from vqgen_utils.machine import home, whole_folder
from vqgen_utils.models import VQVAE, PixelCNN, height_features, sample
from vqgen_utils.runs import Run, compare
from vqgen_utils.series import side_by_side
from vqgen_utils.training import fit, resuming

MOST = 240  # patients of the study that the others are cut from, and that samples are judged by
# numbers of patients, and whether their pictures are changed: those of the headline come first
PARTS = (((15, 120), "auto"), ((8, 30, 60, 240), "auto"), ((8, 15, 30, 60), "off"))
SEEDS = (0, 1, 2)
FOLDS = 5  # the prostate's men
ROUNDS = 3  # of samples at the held-out places
JUDGED_BY = {"vqvae": "reconstruction", "prior": "loss"}  # on validation patients; see `Lesson`
SHOWN = (
    *("patients", "seeds", "ssim", "bits_per_code", "bits_per_code_train", "memorised"),
    *("frechet", "precision", "recall", "anatomy_pass"),
)

Trainings = dict[str, list[str]]  # run -> its words, as `vqgen train vqvae` takes them


# ---- What is trained -----------------------------------------------------------------------------


def study_of(patients: int) -> Path:
    """The phantom with so many training patients: the first of the largest study's."""
    largest = home() / "data" / f"patients_{MOST}"
    if not largest.exists():
        data = get_profile("quick").data
        write_phantom(
            largest,
            patients_train=MOST,
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


def of_phantom(patients: Sequence[int], augment: str) -> Trainings:
    """A training for each number of patients of the phantom, and each seed."""
    return {
        f"few-{number}-{augment}-{seed}": [
            *("--data-source", "hipmri", "--data-dir", str(study_of(number))),
            *("--set", f"augment={augment}"),
        ]
        for number in patients
        for seed in SEEDS
    }


def of_spine(folder: Path) -> Trainings:
    return {f"few-spine-{seed}": ["--data-dir", str(folder)] for seed in SEEDS}


def of_prostate(folder: Path) -> Trainings:
    """Each man is held out once, and another chooses the weights."""
    words = ["--data-dir", str(folder), "--set", f"folds={FOLDS}"]
    return {
        f"few-prostate-{fold}-{seed}": [*words, "--set", f"fold={fold}"]
        for seed in SEEDS
        for fold in range(FOLDS)
    }


def train(trainings: Trainings, jobs: int) -> None:
    """Train the VQ-VAE of each run, then each prior; what is trained is left as it is."""
    for model, prefix in (("vqvae", ""), ("prior", "prior_")):
        commands = {}
        for name, words in trainings.items():
            seed = name.rpartition("-")[2]
            data = words if model == "vqvae" else []
            own = ["--run-name", name, "--set", f"{prefix}seed={seed}"]
            commands[name] = ["train", model, *data, *own]
        by_seed = sorted(commands, key=lambda name: name.rpartition("-")[2])
        todo = {name: commands[name] for name in by_seed if not made(name, model)}
        if todo:
            side_by_side.run_side_by_side(todo, jobs)


def made(name: str, model: str) -> bool:
    """Whether a model of a run is trained."""
    return (home() / "runs" / name / f"{model}.safetensors").exists()


# ---- How it is judged ----------------------------------------------------------------------------


def scores(run: Run) -> dict[str, float]:
    """What can be said of any run: reconstructions, bits a code, copies among its samples."""
    settings = run.settings("quick")
    slices, codes = run.load_slices(settings), run.load_codes()
    vqvae, prior = run.load_vqvae(), run.load_prior()
    train, test = (slices.subset(split).rows for split in ("train", "test"))
    some = train.iloc[:: max(1, len(train) // len(test))]
    real = slices.images[test.index].astype(np.float32)  # (n, H, W)
    ssim, ssim_body = metrics.ssim(real, decoded(vqvae, codes[test.index]).numpy())
    k = vqvae.num_embeddings
    drawn = sample(prior, told(run.places()), range(100))
    return {
        "patients": train["patient"].nunique(),
        "slices": len(train),
        "prior_learning_rate": settings.prior_training.learning_rate,
        "ssim": float(np.nanmean(ssim)),
        "ssim_body": float(np.nanmean(ssim_body)),
        "bits_per_code": bits(prior, codes, test),
        "bits_per_code_train": bits(prior, codes, some),
        "bits_per_code_order0": metrics.entropy_bits(metrics.code_counts(codes[test.index], k)),
        "bits_per_code_neighbours": code_lengths.neighbour_bits(
            codes[train.index], codes[test.index], k
        ),
        "memorised": memorised(vqvae, codes[train.index], codes[test.index], drawn),
        **{
            f"{model}_{name}": value
            for model in ("vqvae", "prior")
            for name, value in lasted(run, model).items()
        },
    }


def bits(prior, codes: torch.Tensor, rows: pd.DataFrame) -> float:
    """Bits a code on the slices of these rows."""
    condition = told(rows["height"])
    return metrics.bits_by_position(prior, codes[rows.index], condition).mean().item()


def told(places) -> torch.Tensor:
    """What the prior is told of n places along the scan: (n, 16)."""
    return height_features(torch.tensor(np.asarray(places), dtype=torch.float32))


def decoded(vqvae: VQVAE, codes: torch.Tensor) -> torch.Tensor:
    """Codes (N, h, w) as slices (N, H, W), a few at a time."""
    return vqvae.decode(codes)[:, 0]


def lasted(run: Run, model: str) -> dict[str, float]:
    """Steps that a training took, the step whose weights are used, and validation at the end."""
    history = pd.read_csv(run.path(f"history_{model}.csv"))
    best = resuming.best_step(history.to_dict("records"), JUDGED_BY[model])
    looks = history.set_index("step")[f"val_{JUDGED_BY[model]}"].dropna()
    return {
        "steps": int(history["step"].iloc[-1]),
        "best_step": best,
        "val_best": float(looks[best]),
        "val_last": float(looks.iloc[-1]),
    }


def memorised(
    vqvae: VQVAE, train: torch.Tensor, test: torch.Tensor, drawn: torch.Tensor
) -> float | None:
    """Share of samples that look like copies, pixel by pixel, as notebook 07 asks it.

    None where the look for copies does not find those of a small prior that has memorised slices.
    """
    learned = train[torch.linspace(0, len(train) - 1, min(32, len(train))).long()]
    memoriser, names = memorisation.memorise(learned, vqvae.num_embeddings)
    groups = {
        "held out": test,
        "generated": drawn,
        "copies": sample(memoriser, names, range(len(learned))),
    }
    known = decoded(vqvae, train)
    away = {
        name: memorisation.nearest(decoded(vqvae, codes), known)[0].numpy()
        for name, codes in groups.items()
    }
    near = memorisation.Nearness(away, floor="held out")
    return None if near.why_not("copies") else near.share("generated")


class Judge:
    """One network and one set of real slices for all samples of the phantom."""

    def __init__(self):
        settings = get_profile("quick", data_source="hipmri", data_dir=str(study_of(MOST)))
        slices = load_slices(settings.data)
        width = settings.evaluation.domain_width
        torch.manual_seed(settings.domain_training.seed)
        self.reader = domain.DomainNetwork(width)
        folder = home() / "runs" / "few-judge"
        folder.mkdir(parents=True, exist_ok=True)
        fit(
            self.reader,
            domain.domain_losses,
            domain.LabelledSlices(slices, "train"),
            settings.domain_training,
            folder / "domain.safetensors",
            {"width": width, "data": slices.content},
            validate=domain.LabelledSlices(slices, "validate"),
        )
        train = slices.subset("train").rows
        images = torch.from_numpy(slices.images[train.index])  # (N, H, W)
        self.reference = domain.look_at(self.reader, images)
        self.real = anatomy.measure_all(self.reference.tissues, train["height"].to_numpy())
        self.heights = slices.subset("test").rows["height"].to_numpy()
        # the notebooks' own phantom: the same first 120 patients, and other twelve to be tested on
        self.course = load_slices(get_profile("quick").data)

    def scores(self, run: Run) -> dict[str, float]:
        """Of samples of a run, and what its prior pays for the patients of notebook 04."""
        found = self.of_samples(run.load_vqvae(), run.load_prior())
        return {**found, "bits_per_code_course": self.course_bits(run)}

    def of_samples(self, vqvae: VQVAE, prior: PixelCNN) -> dict[str, float]:
        """Of samples that are drawn with the same seeds at the held-out places."""
        n = len(self.heights)
        drawn = [
            sample(prior, told(self.heights), range(r * n, (r + 1) * n)) for r in range(ROUNDS)
        ]
        images = [decoded(vqvae, codes) for codes in drawn]  # ROUNDS of (n, H, W)
        found = domain.read_rounds(self.reader, *images)
        features = [reading.features for reading in found.readings]
        reference, *features = fidelity.standardise(self.reference.features, *features)
        kept = anatomy.judge_rounds({"samples": found}, self.heights, self.real)["samples"]["all"]
        return {
            **fidelity.compare_sets(reference, features),
            "anatomy_pass": float(kept.mean()),
        }

    def course_bits(self, run: Run) -> float | None:
        """Bits a code on the patients that notebook 04 tests on; None if they were learned from."""
        test = self.course.subset("test").rows
        learned = run.load_slices(run.settings("quick")).subset("train").rows["patient"]
        if set(learned) & set(test["patient"]):
            return None
        codes = run.load_vqvae().encode(self.course.tensor)  # (N, h, w)
        return bits(run.load_prior(), codes, test)


# ---- What comes of it ----------------------------------------------------------------------------


def table(names: list[str], measure) -> list[dict]:
    """A row a run that is trained: its scores, kept beside its weights."""
    runs = {name: Run(name) for name in names if made(name, "prior")}
    return [
        {"run": name, **report.once(run.path("few_patients.json"), measure, run)}
        for name, run in runs.items()
    ]


def with_known(measured: list[dict], known: list[dict]) -> list[dict]:
    """A row a number of patients: the one with more seeds; if they are even, the measured one."""
    rows = {row["patients"]: row for row in known}
    for row in measured:
        before = rows.get(row["patients"], row)
        rows[row["patients"]] = row if row["seeds"] >= before["seeds"] else before
    return [rows[patients] for patients in sorted(rows)]


def of_commit(rows: list[dict], commit: str) -> list[dict]:
    """Rows that name the commit they belong to; those that do already are left as they are."""
    return [{"commit": commit, **row} for row in rows]


def headline(phantom: list[dict], spine: list[dict], prostate: list[dict]) -> dict[str, float]:
    """The medians that this benchmark promises; those of scans that are not there are left out."""
    by_patients = {row["patients"]: row for row in phantom}
    names = {}
    if 15 in by_patients:
        names["phantom15_bits"] = by_patients[15]["bits_per_code"]
    if 120 in by_patients:
        # tested as notebook 04 tests, so that its number can be compared with this one
        names["phantom120_bits"] = by_patients[120]["bits_per_code_course"]
        names["phantom120_bits_others"] = by_patients[120]["bits_per_code"]
        names["phantom120_rules"] = by_patients[120]["anatomy_pass"]
        names["phantom120_precision"] = by_patients[120]["precision"]
    if spine:
        runs = pd.DataFrame(spine)
        names["spine_bits"] = runs["bits_per_code"].median()
        names["spine_ratio"] = (runs["bits_per_code"] / runs["bits_per_code_order0"]).median()
        names["spine_copies"] = runs["memorised"].astype(float).median()
        names["spine_ssim"] = runs["ssim"].median()
    if prostate:
        runs = pd.DataFrame(prostate)
        runs["seed"] = runs["run"].str.rpartition("-")[2]
        seeds = runs.groupby("seed")[["bits_per_code", "bits_per_code_neighbours"]].mean()
        names["prostate_bits"] = seeds["bits_per_code"].median()
        names["prostate_neighbours"] = seeds["bits_per_code_neighbours"].median()
        ratio = seeds["bits_per_code"] / seeds["bits_per_code_neighbours"]
        names["prostate_vs_order1"] = ratio.median()
    return names


def main() -> None:
    """Train what is not trained yet, part by part, and write what came of it so far."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, help="holds spider_spine/ and prostate3t/")
    numbers = sorted({number for patients, _ in PARTS for number in patients})
    parser.add_argument(
        "--patients", type=int, nargs="+", choices=numbers, default=numbers, help="of the phantom"
    )
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time")
    given = parser.parse_args()
    real = given.data_dir
    spines = of_spine(real / "spider_spine") if real else {}
    prostates = of_prostate(real / "prostate3t") if real else {}
    headlined, others, plain = (
        of_phantom([number for number in patients if number in given.patients], augment)
        for patients, augment in PARTS
    )
    judge = None
    for part in (headlined | spines, prostates, others, plain):
        if part:
            train(part, given.jobs)
            judge = judge or Judge()
            write(judge, list(headlined | others | plain), list(spines), list(prostates))


def write(judge: Judge, phantoms: list[str], spines: list[str], prostates: list[str]) -> None:
    """Scores of the runs that are trained, in a table here and in the results file."""
    file, here = compare.published("few_patients"), report.commit()
    known = {
        name: of_commit(file.get(name, []), file.get("commit", ""))
        for name in ("patients", "patients_without", "spine", "prostate")
    }
    of_all = table(phantoms, lambda run: scores(run) | judge.scores(run))
    measured = {
        augment: report.medians([row for row in of_all if f"-{augment}-" in row["run"]], "patients")
        for augment in ("auto", "off")
    }
    auto = with_known(of_commit(measured["auto"], here), known["patients"])
    off = with_known(of_commit(measured["off"], here), known["patients_without"])
    spine, prostate = (
        max(of_commit(table(names, scores), here), known[name], key=len)  # the first if even
        for name, names in (("spine", spines), ("prostate", prostates))
    )
    report.table([{name: row[name] for name in SHOWN} for row in auto])
    report.write(
        "few_patients",
        headline(auto, spine, prostate),
        patients=auto,
        patients_without=off,
        spine=spine,
        prostate=prostate,
    )


if __name__ == "__main__":
    main()
