"""The notebooks of solutions: in step with their text, silent, complete, and every one right."""

import shutil

import jupytext
import nbformat
import pytest
from notebook_anatomy import code_cells, tags
from notebook_cells import run

from vqgen_utils.machine import REPOSITORY

SOLUTIONS = sorted((REPOSITORY / "notebooks" / "solutions").glob("[0-9]*.ipynb"))
each = pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)


def test_every_notebook_has_its_solutions():
    course = {path.name for path in (REPOSITORY / "notebooks").glob("[0-9]*.ipynb")}
    assert {path.name for path in SOLUTIONS} == course


@each
def test_it_is_in_step_with_its_text_and_silent(path):
    text = jupytext.read(path.parent / "py" / f"{path.stem}.py")
    notebook = nbformat.read(path, as_version=4)
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == [
        (cell.cell_type, cell.source) for cell in text.cells
    ]
    assert all(not cell.outputs and not cell.execution_count for cell in code_cells(notebook))


@each
def test_it_runs_by_itself_and_is_right(path, finished, home):
    """From its own first cell on, with what the series has left behind."""
    shutil.copytree(finished / "runs", home / "runs")
    shutil.copytree(finished / "data", home / "data")
    names = {"profile": "smoke", "run_name": "smoke"}
    for cell in code_cells(nbformat.read(path, as_version=4)):
        if "parameters" in tags(cell):
            continue
        told = run(cell.source, names)
        if "solution" in tags(cell):
            assert told.startswith("✓ Right") and "✗" not in told, told
