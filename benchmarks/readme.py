"""Puts the numbers of `benchmarks/results/` into the pages, and a time to run into each notebook.

    python -m benchmarks.readme

Nothing there is typed by hand: a test holds these texts to what this script makes of the results.
"""

import re
from collections.abc import Callable
from pathlib import Path

from benchmarks.report import RESULTS
from benchmarks.series import STAGES
from vqgen_utils.machine import REPOSITORY, load_json

PAGES = (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md")))
NOTEBOOKS = REPOSITORY / "notebooks"
TABLE = re.compile(r"<!-- (\w+): from benchmarks -->.*?<!-- \1: end -->", re.DOTALL)
TIME_TO_RUN = re.compile(r"\*\*Time to run:\*\* [^*\n]*? on 2 CPU cores \(profile quick\)\.")


def table(rows: list[tuple[str, ...]], header: tuple[str, ...]) -> str:
    """A Markdown table."""
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def times(ratio: float) -> str:
    """A ratio with two or three digits: 4.2×, 38×, 1,250×."""
    if ratio < 10:
        return f"{ratio:.1f}×"
    return f"{float(f'{ratio:.3g}'):,.0f}×"


def tutorial() -> str:
    """The scores of the committed notebooks."""
    run = load_json(RESULTS / "tutorial.json")
    data, vqvae, prior, drawn = run["data"], run["vqvae"], run["prior"], run["generation"]
    seconds = run["series"]["seconds"]
    longest = max(value for name, value in seconds.items() if name != "total")
    share = prior["bits_per_code"] / prior["bits_per_code_order0"]
    rows = [
        ("slices: training, held out", f"{data['slices_train']:,}, {data['slices_test']}"),
        ("SSIM of reconstructions (Gaussian window, `data_range` 1)", f"{vqvae['ssim']:.3f}"),
        ("SSIM over the body alone", f"{vqvae['ssim_body']:.3f}"),
        ("PSNR", f"{vqvae['psnr']:.1f} dB"),
        (
            f"codes in use of {vqvae['num_embeddings']}, perplexity",
            f"{vqvae['codes_used']}, {vqvae['perplexity']:.0f}",
        ),
        ("prior, bits a code", f"{prior['bits_per_code']:.2f}"),
        (
            "order-0 entropy of the same codes",
            f"{prior['bits_per_code_order0']:.2f} bits, so the prior pays {share:.2f} of it",
        ),
        ("prior, bits a pixel", f"{prior['bits_per_pixel']:.3f}"),
        (
            f"drawing {drawn['images']} slices",
            f"{drawn['seconds']:.1f} s; by a full forward pass a position "
            f"{drawn['seconds_naive_estimate']:.0f} s, estimated from a few positions",
        ),
        (
            "largest difference of the two ways' logits",
            f"{drawn['logits_max_abs_diff']:.0e}",
        ),
        (
            "all notebooks",
            f"{seconds['total'] / 60:.1f} minutes (longest: {longest / 60:.1f})",
        ),
    ]
    return table(rows, ("what", "value"))


def evaluation() -> str:
    """What was asked of the series, and what notebooks 06 to 08 measured."""
    found = load_json(RESULTS / "evaluation.json")["targets"]
    rows = [
        (
            name,
            row["asked"],
            f"{row['got']:.3f}" if row["got"] is not None else "not measured",
            row["met"],
        )
        for name, row in found.items()
    ]
    return table(rows, ("what", "asked", "got", "met"))


def original() -> str:
    """The recipe this project started from, beside ours."""
    names = {
        "original_as_published": "the original's, images clipped at 255",
        "original": "the original's, nothing clipped",
        "original_more_time": "the same at a tenth of its rate, five times the seconds",
        "ours": "ours",
    }
    rows = [
        (
            names[row["recipe"]],
            f"{row['seconds']:.0f}",
            f"{row['ssim_own_formula']:.3f}",
            f"{row['ssim']:.3f}",
            f"{row['ssim_body']:.3f}",
            str(row["codes_used"]),
        )
        for row in load_json(RESULTS / "original.json")["table"]
    ]
    header = ("recipe", "seconds", "SSIM by the original's formula", "SSIM", "SSIM, body", "codes")
    return table(rows, header)


def codes() -> str:
    """Grids and codebooks: what their bits buy."""
    runs = load_json(RESULTS / "sweeps.json")["codes"]
    rows = [
        (
            str(row["stride"]),
            str(row["num_embeddings"]),
            f"{row['plain_bits']:.3f}",
            f"{row['prior_bits']:.3f}",
            f"{row['ssim']:.3f}",
        )
        for row in sorted(runs, key=lambda run: (run["stride"], run["num_embeddings"]))
    ]
    header = ("stride", "codes", "bits a pixel, plain", "bits a pixel, with the prior", "SSIM")
    return table(rows, header)


def patients() -> str:
    """What more patients buy: medians over seeds."""
    rows = [
        (
            str(row["patients"]),
            str(row["seeds"]),
            f"{row['prior_learning_rate']:g}",
            f"{row['ssim']:.3f}",
            spread(row, "bits_per_code", ".2f"),
            f"{row['bits_per_code_train']:.2f}",
            *of_samples(row),
            "not measured" if row["memorised"] is None else f"{row['memorised']:.0%}",
        )
        for row in load_json(RESULTS / "few_patients.json")["patients"]
    ]
    header = (
        *("training patients", "seeds", "prior's rate", "SSIM", "bits a code, held out"),
        "learned from",
        *("samples that keep every rule", "precision", "recall", "Fréchet", "look memorised"),
    )
    return table(rows, header)


def spread(row: dict, score: str, form: str) -> str:
    """A median over seeds, with the lowest and the highest if there are: `2.11 (2.08-2.15)`."""
    low, high = row[f"{score}_low"], row[f"{score}_high"]
    if row["seeds"] == 1:
        return f"{row[score]:{form}}"
    return f"{row[score]:{form}} ({low:{form}}-{high:{form}})"


def of_samples(row: dict) -> tuple[str, ...]:
    """How samples were judged by `benchmarks.few_patients`: rules, precision, recall, Fréchet."""
    forms = {"anatomy_pass": ".0%", "precision": ".2f", "recall": ".2f", "frechet": ".2f"}
    return tuple(spread(row, score, form) for score, form in forms.items())


def few() -> str:
    """What the benchmark of few patients promises."""
    names = {
        "phantom15_bits": "phantom, 15 patients: bits a code on held-out patients",
        "phantom120_bits": "phantom, 120 patients: the same, on the twelve of notebook 04",
        "phantom120_bits_others": "the same, on the twelve that all others are tested on",
        "phantom120_rules": "their samples that keep every rule",
        "phantom120_precision": "their precision",
        "spine_bits": "spines of 26 people: bits a code on held-out people",
        "spine_ratio": "the same as a share of the order-0 entropy",
        "spine_copies": "samples that look memorised",
        "spine_ssim": "SSIM of reconstructions of held-out people",
        "prostate_vs_order1": "prostates, each of 5 men held out: bits, over a neighbour table's",
    }
    found = load_json(RESULTS / "few_patients.json")
    seeds = {f"phantom{row['patients']}": row["seeds"] for row in found["patients"]}
    for name in ("spine", "prostate"):
        seeds[name] = len({row["run"].rpartition("-")[2] for row in found[name]})
    rows = [
        (text, str(seeds[name.partition("_")[0]]), f"{found['headline'][name]:.3f}")
        for name, text in names.items()
        if name in found["headline"]
    ]
    return table(rows, ("what", "seeds", "median"))


def remedies() -> str:
    """What else a prior of few patients was given, beside changed pictures."""
    rows = [
        (
            row["remedy"],
            str(row["seeds"]),
            spread(row, "bits_per_code", ".2f"),
            spread(row, "bits_per_code_train", ".2f"),
            *of_samples(row),
        )
        for row in load_json(RESULTS / "remedies.json")["remedies"]
    ]
    header = (
        *("prior", "seeds", "bits a code, held out", "learned from"),
        *("samples that keep every rule", "precision", "recall", "Fréchet"),
    )
    return table(rows, header)


def beyond() -> str:
    """The generators of notebook 14, its whole at other temperatures, and with true codes."""
    measures = {
        "ssim": "SSIM",
        "bits_per_pixel": "bits a pixel",
        "anatomy_pass_samples": "keep every rule",
        "precision": "precision",
        "recall": "recall",
        "frechet_samples": "Fréchet",
        "auc_half": "AUC, half",
        "auc_quarter": "AUC, quarter",
        "texture_power": "power, finest octave",
        "memorised_share": "copies",
    }

    def cell(row: dict, score: str) -> str:
        if row.get(score) is None:
            return "not measured"
        return spread(row, score, ".3f") if "seeds" in row else f"{row[score]:.3f}"

    found = load_json(RESULTS / "beyond.json")
    rows = [
        (row["generator"], *(cell(row, score) for score in measures)) for row in found["generators"]
    ]
    temperatures = found["temperatures"]
    chosen_by = {score: name for score, name in measures.items() if score in temperatures[0]}
    cooled = [
        (f"{row['temperature']}", *(cell(row, score) for score in chosen_by))
        for row in temperatures
    ]
    ours = {"drawn": found["generators"][-1], "true": found["true_codes"][0]}
    blamed = [(name, *(cell(row, score) for score in measures)) for name, row in ours.items()]
    return "\n\n".join(
        (
            table(rows, ("generator", *measures.values())),
            "All together on *validation* patients, by which the temperature was chosen:",
            table(cooled, ("temperature", *chosen_by.values())),
            "Which part is to blame? All together, and with the true first codes of the held-out "
            "slices in place of drawn ones (a diagnosis: nobody new is drawn):",
            table(blamed, ("first codes", *measures.values())),
        )
    )


def series() -> str:
    """Where the minutes of the series go."""
    rows = [
        (row["notebook"].replace("_", " "), *(f"{row[name]:.0f}" for name in (*STAGES, "seconds")))
        for row in load_json(RESULTS / "series.json")["table"]
    ]
    return table(rows, ("seconds", *STAGES, "all"))


def sampling() -> str:
    """Sampling: ours against the loops in use and the hardware's limit."""
    result = load_json(RESULTS / "sampling.json")
    rows = [
        (
            str(row["batch"]),
            f"{row['ours_seconds']:.2f} s",
            times(row["vs_full_grid"]),
            times(row["vs_rows"]),
            times(row["over_limit"]),
        )
        for row in result["table"]
    ]
    header = ("batch", "ours", "vs full-grid loop", "vs rows-so-far loop", "over the matmul limit")
    return table(rows, header)


def codebook() -> str:
    """One step of the codebook: ours against two packages."""
    headline = load_json(RESULTS / "quantizer.json")["headline"]
    rows = [
        (
            str(k),
            times(headline[f"quantizer_vs_lucidrains_k{k}"]),
            times(headline[f"quantizer_vs_monai_k{k}"]),
        )
        for k in (128, 512, 8192)
    ]
    return table(rows, ("codes", "vs vector-quantize-pytorch", "vs MONAI"))


def loading() -> str:
    """Reading 12,600 slices, and 100,000."""
    headline = load_json(RESULTS / "loading.json")["headline"]
    growth = load_json(RESULTS / "growth.json")["headline"]
    rows = [
        (
            "one epoch, against reading each file with nibabel",
            times(headline["loading_epoch_ratio"]),
        ),
        ("opening the packed slices", f"{headline['loading_open_ms']:.0f} ms"),
        ("`vqgen data check`, every file read", f"{headline['loading_check_seconds']:.0f} s"),
        ("packing, once", f"{headline['loading_pack_slices_per_second']:,.0f} slices a second"),
        (
            "memory that 12,600 slices take beyond 1,000",
            f"{headline['loading_rss_growth_mb']:.0f} MB",
        ),
        (
            f"all memory that {growth['growth_slices']:,} take beyond 1,000: packing, reading",
            f"{growth['growth_pack_mb']:.0f} MB, {growth['growth_read_mb']:.0f} MB",
        ),
    ]
    return table(rows, ("what", "value"))


def training() -> str:
    """The VQ-VAE against the original's recipe."""
    result = load_json(RESULTS / "training.json")
    headline = result["headline"]
    seconds = result["settings"]["seconds"]
    names = {
        "original": "the original's, as described (rate 1e-2)",
        "original_tenth_rate": "the original's at rate 1e-3",
        "original_layers_our_codebook": "the original's layers at rate 1e-3, our codebook",
        "ours": "ours",
    }
    rows = [
        (
            text,
            f"{headline[f'training_ssim_{name}']:.3f}",
            seconds_to_target(result["seconds_to_target"][name]),
        )
        for name, text in names.items()
    ]
    return table(rows, ("recipe", f"SSIM after {seconds:.0f} s", "seconds to SSIM 0.85, by seed"))


def seconds_to_target(seeds: list[dict]) -> str:
    """`7, 8, never in 45`."""
    return ", ".join(
        f"{seed['seconds']:.0f}" if seed["reached"] else f"never in {seed['seconds']:.0f}"
        for seed in seeds
    )


SECTIONS: dict[str, Callable[[], str]] = {
    function.__name__: function
    for function in (
        *(tutorial, evaluation, original, codes, patients, few, remedies, beyond),
        *(series, sampling, codebook, loading, training),
    )
}


def render(text: str) -> str:
    """`text` with what stands between the markers of each table made anew."""

    def anew(found: re.Match) -> str:
        name = found[1]
        if name not in SECTIONS:
            raise ValueError(f"there is no table '{name}'; there are {', '.join(SECTIONS)}")
        return f"<!-- {name}: from benchmarks -->\n{SECTIONS[name]()}\n<!-- {name}: end -->"

    return TABLE.sub(anew, text)


def about(seconds: float) -> str:
    """A time as one says it: about 10 seconds, about 1 minute."""
    if seconds < 50:
        return f"about {max(5, 5 * round(seconds / 5))} seconds"
    minutes = max(1, round(seconds / 60))
    return f"about {minutes} minute{'s' if minutes > 1 else ''}"


def notebook_files() -> dict[Path, float]:
    """Each notebook and its text -> seconds it took when the committed outputs were made."""
    series = load_json(RESULTS / "tutorial.json")["series"]
    if series["profile"] != "quick" or series["device"] != "cpu":
        raise ValueError("tutorial.json is not of profile quick on a CPU, as the notebooks say")
    seconds = {name: value for name, value in series["seconds"].items() if name != "total"}
    return {
        path: value
        for name, value in seconds.items()
        for path in (NOTEBOOKS / f"{name}.ipynb", NOTEBOOKS / "py" / f"{name}.py")
    }


def with_time_to_run(text: str, seconds: float) -> str:
    """A notebook, as stored or as its text, with the time to run in its first cell made anew."""
    sentence = f"**Time to run:** {about(seconds)} on 2 CPU cores (profile quick)."
    if len(TIME_TO_RUN.findall(text)) != 1:
        raise ValueError(f"a notebook has one sentence like '{sentence}', on one line")
    return TIME_TO_RUN.sub(sentence, text)


def rewrite(path: Path, text: str) -> None:
    """Write a file if that changes it: jupytext goes by the times of the files."""
    if text != path.read_text("utf-8"):
        path.write_text(text, "utf-8")


def main() -> None:
    """Rewrite the pages, the notebooks and their texts."""
    for path in PAGES:
        rewrite(path, render(path.read_text("utf-8")))
    for path, seconds in notebook_files().items():
        rewrite(path, with_time_to_run(path.read_text("utf-8"), seconds))


if __name__ == "__main__":
    main()
