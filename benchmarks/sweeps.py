"""What do the bits of a code buy?

    python -m benchmarks.sweeps

Three grids by three codebooks on the default data, by the real series and papermill at profile
`quick`. The same as

    vqgen run --run-name codes --to 04 --sweep stride=2,4,8 --sweep num_embeddings=32,128,512

They take about 30 minutes on two cores, and go on where they were stopped. Their runs stay in
`runs/`, their scores go to `benchmarks/results/sweeps.json`; notebook 06 draws them. What more
patients buy is in `benchmarks/few_patients.py`.
"""

from benchmarks import report
from vqgen_utils.machine import run_folder
from vqgen_utils.runs import compare
from vqgen_utils.series import combinations, run_series, run_sweep
from vqgen_utils.training import checkpoint

CODES = {"stride": ["2", "4", "8"], "num_embeddings": ["32", "128", "512"]}


def sweep_codes() -> tuple[str, list[dict]]:
    """The content of the data they share, and a row a run as `compare.finished_runs` has it."""
    run_sweep(
        "codes",
        CODES,
        lambda name, settings: run_series(run_name=name, settings=settings, stop=4),
    )
    names = list(combinations("codes", CODES))
    content = checkpoint.load_settings(run_folder(names[0]) / "vqvae.safetensors")["data"]
    runs = compare.finished_runs(content)
    return content, runs[runs["run"].isin(names)].to_dict("records")


def headline(codes: list[dict]) -> dict[str, float]:
    """The ends of the sweep."""
    worst, best = min(codes, key=lambda row: row["ssim"]), max(codes, key=lambda row: row["ssim"])
    return {
        "codes_ssim_lowest": worst["ssim"],
        "codes_bits_per_pixel_lowest": worst["prior_bits"],
        "codes_ssim_highest": best["ssim"],
        "codes_bits_per_pixel_highest": best["prior_bits"],
    }


def main() -> None:
    """Run the sweep as far as it is not done, and write what came of it."""
    content, codes = sweep_codes()
    report.table(codes)
    report.write("sweeps", headline(codes), data=content, codes=codes)


if __name__ == "__main__":
    main()
