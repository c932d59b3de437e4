"""The benchmarks compare what they say, and the pages say what they measured."""

import json

import nbformat
import pandas as pd
import pytest
import torch

from benchmarks import few_patients, gpu, readme, report, sampling, series
from vqgen_utils.config import PROFILES, PriorConfig
from vqgen_utils.errors import InputError
from vqgen_utils.models import height_features
from vqgen_utils.runs import Run

TINY = PriorConfig(prior_channels=8, prior_layers=2, prior_kernel_size=3, prior_hidden_dim=8)
RESULTS = (
    *("tutorial", "series", "sampling", "quantizer", "loading", "training"),
    *("original", "sweeps", "few_patients", "growth", "remedies", "beyond"),
)


@pytest.mark.parametrize("page", readme.PAGES, ids=lambda page: page.stem)
def test_a_page_is_what_the_results_say(page):
    text = page.read_text("utf-8")
    assert readme.render(text) == text


def test_each_table_stands_once():
    text = "".join(page.read_text("utf-8") for page in readme.PAGES)
    assert sorted(match[1] for match in readme.TABLE.finditer(text)) == sorted(readme.SECTIONS)


def test_a_table_that_nobody_measures_is_refused():
    with pytest.raises(ValueError, match="there is no table 'weather'"):
        readme.render("<!-- weather: from benchmarks -->\n<!-- weather: end -->")


@pytest.mark.parametrize("name", RESULTS[1:])
def test_each_result_has_a_flat_headline_a_machine_and_a_commit(name):
    result = json.loads((report.RESULTS / f"{name}.json").read_text())
    assert all(isinstance(value, (int, float)) for value in result["headline"].values())
    assert result["machine"]["packages"]["torch"]
    assert result["commit"]


def test_rows_so_far_gives_the_logits_of_the_full_grid():
    model = sampling.make_prior((6, 4), TINY)
    codes = torch.randint(0, sampling.CODES, (2, 6, 4), generator=torch.Generator().manual_seed(0))
    condition = height_features(torch.tensor([0.2, 0.8]))
    full = model(codes, condition)
    for i in range(6):
        row = sampling.rows_so_far_step(model, codes, condition, i)
        assert torch.allclose(row, full[:, :, i], atol=1e-5)


def test_the_three_ways_to_sample_are_timed_and_ours_is_exact():
    model = sampling.make_prior((6, 4), TINY)
    seconds = sampling.seconds_a_sample(model, batch=2, rounds=1)
    assert set(seconds) == {"ours", "full_grid", "rows_so_far"}
    assert all(value > 0 for value in seconds.values())
    assert sampling.largest_difference(model, 2) <= 1e-4


def test_a_prior_with_attention_is_timed_too_and_its_sampler_is_exact():
    model = sampling.make_prior((6, 4), TINY, attends=True)
    assert sampling.times_the_full_grid(model, batch=2, rounds=1) > 0
    assert sampling.largest_difference(model, 2) <= 1e-4
    plain = sampling.make_prior((6, 4), TINY)
    codes, condition = torch.zeros(1, 6, 4, dtype=torch.long), height_features(torch.zeros(1))
    assert not torch.allclose(model(codes, condition), plain(codes, condition))


def test_the_growth_is_the_slope_on_log_scales():
    growth = [{"positions": n, "ours": 3.0 * n, "full_grid": 0.5 * n**2} for n in (64, 256, 1024)]
    assert sampling.slope(growth, "ours") == pytest.approx(1)
    assert sampling.slope(growth, "full_grid") == pytest.approx(2)


def test_the_best_round_counts_and_the_first_does_not(monkeypatch):
    durations = iter([100.0, 3.0, 2.0, 5.0])
    clock = [0.0]
    monkeypatch.setattr(report.time, "perf_counter", lambda: clock[0])

    def call():
        clock[0] += next(durations)

    assert report.in_turns({"call": call}, rounds=3) == {"call": 2.0}


def test_seconds_of_a_notebook_are_told_apart_by_what_its_cells_do(tmp_path):
    notebook = nbformat.v4.new_notebook()
    for source, duration in (
        ("import torch", 4.0),
        ("result = fit(model)", 90.0),
        ("1 + 1", 0.5),
        ("2", 0.5),
    ):
        cell = nbformat.v4.new_code_cell(source)
        cell.metadata["papermill"] = {"duration": duration}
        notebook.cells.append(cell)
    nbformat.write(notebook, tmp_path / "a.ipynb")
    assert series.seconds_by_stage(tmp_path / "a.ipynb", total=98) == {
        "imports": 4,
        "training": 90,
        "other cells": 1,
        "kernel": 3,
    }


def test_a_notebook_without_timings_is_refused(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])
    nbformat.write(notebook, tmp_path / "a.ipynb")
    with pytest.raises(InputError, match="holds no timings"):
        series.seconds_by_stage(tmp_path / "a.ipynb", total=1)


def test_without_a_gpu_the_gpu_benchmark_says_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="no GPU"):
        gpu.main()


def test_what_the_gpu_benchmark_measures_runs_on_any_device(monkeypatch):
    monkeypatch.setattr(gpu, "STEPS", 1)
    rates = gpu.images_per_second(PROFILES["smoke"], torch.device("cpu"), compiled=False)
    assert rates["vqvae"] > 0 and rates["prior"] > 0
    (row,) = gpu.sampling_rates(sampling.make_prior((6, 4), TINY), (2,))
    assert row["samples_per_second"] > 0


@pytest.mark.parametrize("ratio, text", [(3.04, "3.0×"), (38.2, "38×"), (1234, "1,230×")])
def test_ratios_are_written_with_two_or_three_digits(ratio, text):
    assert readme.times(ratio) == text


def test_fewer_patients_are_the_first_of_the_largest_study_and_the_held_out_stay(monkeypatch):
    monkeypatch.setattr(few_patients, "MOST", 3)
    monkeypatch.setitem(PROFILES, "quick", PROFILES["smoke"])
    few, many = few_patients.study_of(1), few_patients.study_of(3)
    files = {folder: {str(p.relative_to(folder)) for p in folder.rglob("*.nii.gz")}
             for folder in (few, many)}  # fmt: skip
    assert files[few] < files[many]
    gone = files[many] - files[few]
    assert {name.split("/")[0] for name in gone} == {"keras_slices_train", "keras_slices_seg_train"}
    assert {int(name.split("_week")[0].rpartition("_")[2]) for name in gone} == {2, 3}


def test_the_step_of_a_vqvae_is_the_one_whose_weights_are_used(home):
    run = Run("few")
    run.folder.mkdir(parents=True)
    looks = {"step": [10, 20], "val_loss": [1.0, 1.2], "val_reconstruction": [0.9, 0.8]}
    for model in ("vqvae", "prior"):
        pd.DataFrame(looks).to_csv(run.path(f"history_{model}.csv"), index=False)
    assert few_patients.lasted(run, "vqvae")["best_step"] == 20
    assert few_patients.lasted(run, "vqvae")["val_best"] == 0.8
    assert few_patients.lasted(run, "prior")["best_step"] == 10
