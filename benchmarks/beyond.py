"""The generators of notebook 14, part by part and all together, with three seeds.

    python -m benchmarks.beyond [--jobs 2]

Each seed trains a VQ-VAE and a prior as the series does (profile `quick`, default data); then comes
what notebooks 11, 12 and 13 train on top of them: a second level of codes with its prior, a prior
that looks at the mirrored side, decoders that learn from critics. All samples are judged as in
notebook 07, by a network that no generator has learned from.

The first row is the recipe that this series started from, with a tenth of its learning rate and
five times the seconds: at its own rate it collapses to one code. `benchmarks.original` measured its
reconstructions; its samples are not slices (figure `original.png`) and were not judged.

The temperature of the whole is chosen beforehand: some are compared on *validation* patients. And
to see which part loses what, the whole is judged once more with the first codes of the held-out
slices in place of drawn ones.

An hour on two cores; started again, it goes on where it was stopped. Runs stay in
`runs/beyond-...`, scores go to `benchmarks/results/beyond.json`, which notebook 14 shows.
"""

import argparse

import pandas as pd
from torch import Tensor

from benchmarks import few_patients, report, sampling
from vqgen_utils.config import Profile, get_profile
from vqgen_utils.data import load_slices
from vqgen_utils.evaluation import targets
from vqgen_utils.runs import Run
from vqgen_utils.runs.beyond import Judge, attention, critic, levels, together

SEEDS = (0, 1, 2)
WAY = "mirror"  # of those of notebook 12, the one that pays least on validation slices
ROUNDS = 5  # of samples at the held-out places
FIRST_SEED = 200_000  # of these samples
WHOLE = (WAY, "two levels", "critic of two levels", together.COOLER)
TEMPERATURES = (1.0, 0.9, 0.85, 0.8)
CHOSEN_BY = ("anatomy_pass_samples", "precision", "recall", "frechet_samples")
SHOWN = ("ssim", "bits_per_pixel", "anatomy_pass_samples", "auc_half", "texture_power", "precision")


def train_parts(run: Run, settings: Profile) -> None:
    """What notebooks 11, 12 and 13 add to a run; what is trained already is loaded."""
    slices = run.load_slices(settings)
    attention.farther(run, settings, WAY)
    model, _ = levels.residual(run, settings, slices)
    levels.bottom_stage(run, settings, slices, model, "residual")
    critic.sharpened(run, settings)
    critic.sharpened(run, settings, two_levels=True)


def scores(run: Run) -> dict:
    """A row a generator: its measures."""
    settings = run.settings("quick")
    train_parts(run, settings)
    judge, rows = Judge(run, settings), []
    for name, generator in together.generators(run, settings, judge).items():
        means = measured(generator, judge)
        rows.append({"generator": name, "bits_per_pixel": generator.bits_per_pixel, **means})
    return {"generators": rows}


def measured(
    generator: together.Generator, judge: Judge, first_codes: Tensor | None = None
) -> pd.Series:
    """The mean of every measure of a generator; `first_codes` as for `together.rounds_of`."""
    drawn = together.rounds_of(generator, judge, ROUNDS, FIRST_SEED, first_codes)
    return judge.scores(generator.x_hat, drawn)["mean"]


def by_temperature(run: Run) -> dict:
    """A row a temperature: the measures of the whole on validation patients."""
    settings, rows = run.settings("quick"), []
    judge = Judge(run, settings, split="validate")
    for temperature in TEMPERATURES:
        whole = together.put_together(run, settings, judge, *WHOLE, cooler=temperature)
        rows.append({"temperature": temperature, **measured(whole, judge)[list(CHOSEN_BY)]})
    return {"temperatures": rows}


def with_true_codes(run: Run) -> dict:
    """The measures of the whole with the held-out slices' own first codes."""
    settings = run.settings("quick")
    judge = Judge(run, settings)
    whole = together.put_together(run, settings, judge, *WHOLE)
    means = measured(whole, judge, run.load_codes()[judge.rows.index])
    return {"true_codes": [{"generator": "true first codes", **means}]}


PARTS = {"generators": scores, "temperatures": by_temperature, "true_codes": with_true_codes}


def main() -> None:
    """Train what is not trained yet, seed by seed, and write what came of it so far."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time")
    given = parser.parse_args()
    few_patients.train({f"beyond-{seed}": [] for seed in SEEDS}, given.jobs)
    content = load_slices(get_profile("quick").data).content
    ssim = targets.ssim_of_the_original(content, "original_more_time")
    started = {"generator": "the original's recipe", "ssim": ssim}
    speed, wanted = sampling.attention_headline(), [target.score for target in together.TARGETS]
    rows: dict[str, list[dict]] = {part: [] for part in PARTS}
    for seed in SEEDS:
        run = Run(f"beyond-{seed}")
        for part, measure in PARTS.items():
            rows[part] += report.once(run.path(f"{part}.json"), measure, run)[part]
        generators = report.medians(rows["generators"], "generator")
        best = generators[-1]
        report.table([{name: row[name] for name in ("generator", *SHOWN)} for row in generators])
        report.write(
            "beyond",
            {name: best[name] for name in wanted} | speed,
            data=content,
            generators=[started, *generators],
            temperatures=report.medians(rows["temperatures"], "temperature"),
            true_codes=report.medians(rows["true_codes"], "generator"),
        )


if __name__ == "__main__":
    main()
