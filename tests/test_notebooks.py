"""The series itself: run by papermill on `smoke`, checked by nbval, in step with its text."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import papermill
import pytest

from vqgen_utils.config import REPOSITORY, get_profile
from vqgen_utils.settings import notebook_parameters

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("[0-9]*.ipynb"))
NAMES = [path.stem for path in NOTEBOOKS]


def call(home: Path, folder: Path, *command: str) -> subprocess.CompletedProcess:
    """Run a command in `folder`, with `data/` and `runs/` in `home`."""
    environment = {**os.environ, "VQGEN_HOME": str(home)}
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)


def vqgen(home: Path, *arguments: str) -> subprocess.CompletedProcess:
    """The installed command, as a user calls it."""
    return call(home, home, str(Path(sys.executable).parent / "vqgen"), *arguments)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A home in which the whole series has run on `smoke`."""
    home = tmp_path_factory.mktemp("series")
    done = vqgen(home, "run", "--profile", "smoke", "--run-name", "smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    return home


def test_the_series_leaves_what_it_promises(finished):
    folder = finished / "runs" / "smoke"
    for name in (
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
    assert data["patients_disjoint"] is True
    assert min(data["slices_train"], data["slices_validate"], data["slices_test"]) > 0
    assert data["dropped"] and all(set(entry) == {"file", "reason"} for entry in data["dropped"])

    vqvae = metrics["vqvae"]
    assert 0 < vqvae["ssim_body"] < vqvae["ssim"] < 1
    assert vqvae["psnr"] > 10
    assert 1 <= vqvae["perplexity"] <= vqvae["codes_used"] <= vqvae["num_embeddings"]
    assert vqvae["grid"] == [settings.data.image_height // 4, settings.data.image_width // 4]

    prior = metrics["prior"]
    assert 0 < prior["bits_per_code"] < 7
    assert prior["bits_per_pixel"] == pytest.approx(prior["bits_per_code"] / 16)
    assert prior["bits_per_code_order0"] <= 7

    generation = metrics["generation"]
    assert generation["logits_max_abs_diff"] <= 1e-4
    assert generation["seconds_naive_estimate"] > 0 and generation["images"] > 0

    series = metrics["series"]
    assert set(series["seconds"]) == {*NAMES, "total"}
    assert series["profile"] == "smoke" and series["torch"] and series["device"]


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


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_text_and_notebook_are_in_step(path):
    text = jupytext.read(path.parent / "py" / f"{path.stem}.py")
    notebook = nbformat.read(path, as_version=4)
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == [
        (cell.cell_type, cell.source) for cell in text.cells
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_a_committed_notebook_is_executed_small_and_without_errors(path):
    assert path.stat().st_size < 1_500_000
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)
    outputs = [output for cell in cells for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert all(output.output_type != "error" for output in outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_every_notebook_has_typed_parameters_that_mean_something(path):
    parameters = notebook_parameters(path)
    assert {"profile", "run_name"} <= parameters.keys()
    recognised = {parameter.name for parameter in papermill_parameters(path)}
    assert recognised == parameters.keys()


def papermill_parameters(path):
    """What `papermill --help-notebook` shows."""
    from papermill.inspection import _infer_parameters
    from papermill.iorw import load_notebook_node

    return _infer_parameters(load_notebook_node(str(path)))
