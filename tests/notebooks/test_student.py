"""What `make student` hands out: no solutions, no outputs, and all of it runs."""

import shutil

import nbformat
import pytest
from commands import BIN, call
from notebook_anatomy import code_cells, printed, prose, tags

from vqgen_utils.machine import REPOSITORY
from vqgen_utils.series import run_series

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("[0-9]*.ipynb"))


@pytest.fixture(scope="module")
def handed_out(tmp_path_factory):
    """The folder of notebooks, made by the command of the Makefile."""
    folder = tmp_path_factory.mktemp("student")
    command = (str(BIN / "jupyter"), "nbconvert", "--config", "notebooks/student.json")
    notebooks = [str(path.relative_to(REPOSITORY)) for path in NOTEBOOKS]
    done = call(folder, REPOSITORY, *command, "--output-dir", str(folder), *notebooks)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_makefile_uses_the_tested_settings():
    makefile = (REPOSITORY / "Makefile").read_text()
    assert "nbconvert --config notebooks/student.json" in makefile


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_only_solutions_outputs_and_pairing_are_gone(path, handed_out):
    whole = nbformat.read(path, as_version=4)
    student = nbformat.read(handed_out / path.name, as_version=4)
    assert "jupytext" not in student.metadata and "widgets" not in student.metadata
    assert all(not cell.outputs and cell.execution_count is None for cell in code_cells(student))
    kept = [cell for cell in whole.cells if "solution" not in tags(cell)]
    assert [(cell.source, tags(cell)) for cell in student.cells] == [
        (cell.source, tags(cell)) for cell in kept
    ]
    assert len(kept) < len(whole.cells)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_prompts_exercises_and_checks_stay(path, handed_out):
    student = nbformat.read(handed_out / path.name, as_version=4)
    assert sum(text.count("**Predict:**") for text in prose(student)) >= 3
    found = [[tag for tag in tags(cell) if tag in ("exercise", "check")] for cell in student.cells]
    pairs = [tag for each in found for tag in each]
    assert pairs == ["exercise", "check"] * (len(pairs) // 2) and len(pairs) >= 6


def test_the_hand_out_runs_from_top_to_bottom(handed_out, finished, home):
    """With the models that `finished` trained; every check says what is still to do."""
    shutil.copytree(finished, home, dirs_exist_ok=True)
    run_series(profile="smoke", run_name="smoke", folder=handed_out)
    for path in NOTEBOOKS:
        executed = home / "runs" / "smoke" / "notebooks" / path.name
        for cell in code_cells(nbformat.read(executed, as_version=4)):
            assert "check" not in tags(cell) or printed(cell).startswith("✗ Not yet:"), cell.source
