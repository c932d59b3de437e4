"""The series itself: run by papermill on `smoke`, checked by nbval, in step with its text."""

import json
import shutil
import sys

import jupytext
import nbformat
import notebook_anatomy as anatomy
import papermill
import pytest
from bs4 import BeautifulSoup
from commands import call, vqgen
from nbconvert import HTMLExporter

from benchmarks import readme
from vqgen_utils.config import get_profile
from vqgen_utils.evaluation import targets
from vqgen_utils.machine import REPOSITORY, load_json
from vqgen_utils.series import notebook_parameters

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("[0-9]*.ipynb"))
NAMES = [path.stem for path in NOTEBOOKS]


def test_the_series_leaves_what_it_promises(finished):
    folder = finished / "runs" / "smoke"
    for name in (
        *("evaluation.json", "model_card.md"),
        *("config.json", "metrics.json", "vqvae.safetensors", "codes.npz", "prior.safetensors"),
        *("history_vqvae.csv", "history_prior.csv", "samples.png", "reconstructions.png"),
        *(f"notebooks/{name}.ipynb" for name in NAMES),
    ):
        assert (folder / name).stat().st_size > 0, name
    assert not list(folder.glob("*.training.pt"))


def test_the_metrics_hold_to_the_contract(finished):
    metrics = json.loads((finished / "runs" / "smoke" / "metrics.json").read_text())
    settings = get_profile("smoke")

    data = metrics["data"]
    assert data["source"] == "phantom"
    assert data["patients_disjoint"] is True and data["layout"] == "hipmri-2d"
    assert min(data["slices_train"], data["slices_validate"], data["slices_test"]) > 0
    assert data["dropped"] and all(set(entry) == {"file", "reason"} for entry in data["dropped"])

    vqvae = metrics["vqvae"]
    assert 0 < vqvae["ssim_body"] < vqvae["ssim"] < 1
    assert vqvae["psnr"] > 10
    assert 1 <= vqvae["perplexity"] <= vqvae["codes_used"] <= vqvae["num_embeddings"]
    size = settings.data.image_height, settings.data.image_width
    assert vqvae["grid"] == [n // settings.vqvae.stride for n in size]

    prior = metrics["prior"]
    assert 0 < prior["bits_per_code"] < 7
    assert prior["bits_per_pixel"] == pytest.approx(prior["bits_per_code"] / 16)
    assert prior["bits_per_code_order0"] <= 7

    generation = metrics["generation"]
    assert generation["logits_max_abs_diff"] <= 1e-4
    assert generation["seconds_naive_estimate"] > 0 and generation["images"] > 0

    few = metrics["few_patients"]
    assert 1 <= few["patients"] <= settings.data.patients_train and few["passes"] > 1
    assert few["bits_augmented_low"] < few["bits_augmented"] < few["bits_augmented_high"]
    assert 0 < few["codes_changed"] < 1 and "not_measured" not in few

    series = metrics["series"]
    assert set(series["seconds"]) == {*NAMES, "total"}
    assert series["profile"] == "smoke" and series["torch"] and series["device"]


def test_three_notebooks_leave_one_evaluation(finished):
    folder = finished / "runs" / "smoke"
    evaluation = load_json(folder / "evaluation.json")
    for part in (
        {"headline", "data", "targets"},
        {"reconstruction", "reconstruction_intervals", "bits_per_code", "bits_per_code_train"},
        {"samples", "sets", "anatomy", "memorised", "memorised_control", "most_is_lost_by"},
        {"outliers"},
    ):
        assert part <= evaluation.keys()
    headline = evaluation["headline"]
    assert headline.keys() == set(targets.HEADLINE)
    unmeasured = {key for key, value in headline.items() if value is None}
    reasons = evaluation["not_measured"]
    assert unmeasured == reasons.keys()
    of_other_data = {"ssim_original", "ssim_original_more_time"}
    after_forty_steps = {"anatomy_pass_samples", "anatomy_pass_real", "frechet_reconstructions"}
    with_two_patients = {"auc_full", "auc_half", "auc_quarter"}
    assert of_other_data <= unmeasured <= of_other_data | after_forty_steps | with_two_patients
    for keys, why in (
        (after_forty_steps, "the domain network cannot"),
        (with_two_patients, "the judge"),
    ):
        assert all(why in reasons[key] for key in keys & unmeasured)
    card = (folder / "model_card.md").read_text("utf-8")
    assert f"{headline['ssim']:.3g}" in card and all(reason in card for reason in reasons.values())


def test_no_executed_notebook_holds_an_error(finished):
    for name in NAMES:
        path = finished / "runs" / "smoke" / "notebooks" / f"{name}.ipynb"
        for cell in nbformat.read(path, as_version=4).cells:
            assert all(output.output_type != "error" for output in cell.get("outputs", []))


def test_nbval_passes_on_the_committed_notebooks(finished, tmp_path):
    """With `smoke` put in; the outputs tagged nbval-check-output must be those committed."""
    for path in NOTEBOOKS:
        papermill.execute_notebook(
            path,
            tmp_path / path.name,
            {"profile": "smoke", "run_name": "nbval"},
            prepare_only=True,
            progress_bar=False,
        )
    nbval = ("--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=300")
    pytest_command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    done = call(finished, tmp_path, *pytest_command, *nbval, str(tmp_path))
    assert done.returncode == 0, done.stdout[-3000:]
    # nbval has run the whole series once more: every score must return, to the last digit
    first, again = (
        load_json(finished / "runs" / name / "metrics.json") for name in ("smoke", "nbval")
    )
    assert first.keys() - again.keys() == {"series"}
    for section, values in again.items():
        for key, value in values.items():
            assert "seconds" in key or first[section][key] == value, (section, key)
    first, again = (
        load_json(finished / "runs" / name / "evaluation.json") for name in ("smoke", "nbval")
    )
    assert first == again


def test_plain_papermill_works_from_any_folder(finished, tmp_path):
    notebook = next(path for path in NOTEBOOKS if path.stem.startswith("02"))
    command = (sys.executable, "-m", "papermill", str(notebook), "out.ipynb")
    parameters = {"profile": "smoke", "run_name": "plain", "epochs": "1"}
    words = [word for name, value in parameters.items() for word in ("-p", name, value)]
    done = call(finished, tmp_path, *command, *words)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (finished / "runs" / "plain" / "codes.npz").exists()


@pytest.mark.parametrize("number", ["03", "04", "05"])
def test_a_notebook_without_its_predecessor_says_which_to_run(number, finished):
    done = vqgen(
        finished, "run", "--profile", "smoke", "--run-name", f"none{number}", "--only", number
    )
    assert done.returncode != 0
    assert "02_vqvae_training" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_without_the_evaluation_of_samples_there_is_no_card(finished):
    """The rest of notebook 08 runs all the same, and says which notebook the card needs."""
    run = finished / "runs" / "no_card"
    shutil.copytree(finished / "runs" / "smoke", run)
    for name in ("evaluation.json", "model_card.md"):
        (run / name).unlink()
    done = vqgen(finished, "run", "--profile", "smoke", "--run-name", "no_card", "--only", "08")
    assert done.returncode == 0, done.stdout + done.stderr
    executed = nbformat.read(run / "notebooks" / "08_outliers.ipynb", as_version=4)
    printed = "".join(anatomy.printed(cell) for cell in anatomy.code_cells(executed))
    assert "no new card: run notebook 06 and 07 first" in printed
    assert not (run / "model_card.md").exists()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_text_and_notebook_are_in_step(path):
    text = jupytext.read(path.parent / "py" / f"{path.stem}.py")
    notebook = nbformat.read(path, as_version=4)
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == [
        (cell.cell_type, cell.source) for cell in text.cells
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
@pytest.mark.parametrize("check", anatomy.CHECKS, ids=lambda check: check.__name__)
def test_a_committed_notebook_has_the_anatomy(path, check):
    assert list(check(nbformat.read(path, as_version=4))) == []


@pytest.mark.parametrize("name", NAMES[5:8])
def test_each_notebook_that_evaluates_has_a_widget(name):
    cells = jupytext.read(REPOSITORY / "notebooks" / "py" / f"{name}.py").cells
    assert any("widget" in anatomy.tags(cell) for cell in cells)


@pytest.mark.parametrize("template", ["lab", "classic"])
@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_a_web_page_of_a_notebook_keeps_the_text_of_every_figure(path, template):
    notebook = nbformat.read(path, as_version=4)
    page, _ = HTMLExporter(template_name=template).from_notebook_node(notebook)
    shown = [image.get("alt") for image in BeautifulSoup(page, "html.parser").find_all("img")]
    assert shown == [alt for cell in notebook.cells for alt in anatomy.figures(cell)] != []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_a_committed_notebook_is_small_and_shows_something(path):
    assert path.stat().st_size < 1_500_000
    assert sum(len(anatomy.figures(cell)) for cell in nbformat.read(path, as_version=4).cells) > 0


def test_the_time_to_run_is_that_of_the_committed_run():
    files = readme.notebook_files()
    assert {path for path in files if path.suffix == ".ipynb"} == set(NOTEBOOKS)
    for path, seconds in files.items():
        text = path.read_text("utf-8")
        assert readme.with_time_to_run(text, seconds) == text, path.name


@pytest.mark.parametrize(
    "seconds, words",
    [
        (1, "about 5 seconds"),
        (8.7, "about 10 seconds"),
        (49, "about 50 seconds"),
        (53.6, "about 1 minute"),
        (89, "about 1 minute"),
        (141, "about 2 minutes"),
    ],
)
def test_the_time_to_run_is_said_in_words(seconds, words):
    text = "20 minutes. **Time to run:** ? on 2 CPU cores (profile quick).\n"
    once = readme.with_time_to_run(text, seconds)
    assert once == f"20 minutes. **Time to run:** {words} on 2 CPU cores (profile quick).\n"
    assert readme.with_time_to_run(once, seconds) == once


@pytest.mark.parametrize("text", ["# 01 · No time\n", "**Time to run:** ? on 3 CPU cores.\n"])
def test_a_notebook_without_its_time_to_run_is_refused(text):
    with pytest.raises(ValueError, match="Time to run"):
        readme.with_time_to_run(text, 9)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_every_notebook_has_parameters_that_papermill_understands(path):
    parameters = notebook_parameters(path)
    assert {"profile", "run_name"} <= parameters.keys()
    recognised = {parameter.name for parameter in papermill_parameters(path)}
    assert recognised == parameters.keys()


def papermill_parameters(path):
    """What `papermill --help-notebook` shows."""
    from papermill.inspection import _infer_parameters
    from papermill.iorw import load_notebook_node

    return _infer_parameters(load_notebook_node(str(path)))
