"""The copies of `make lab` and `make student`: no outputs, no solutions, and all of it runs."""

import shutil

import nbformat
import pytest
from commands import BIN, call
from notebook_anatomy import code_cells, printed, tags

from vqgen_utils.machine import REPOSITORY
from vqgen_utils.series import run_series

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("[0-9]*.ipynb"))


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """The folder of copies, made by the command of the Makefile."""
    folder = tmp_path_factory.mktemp("copies")
    command = (str(BIN / "jupyter"), "nbconvert", "--config", "notebooks/copy.json")
    notebooks = [str(path.relative_to(REPOSITORY)) for path in NOTEBOOKS]
    done = call(folder, REPOSITORY, *command, "--output-dir", str(folder), *notebooks)
    assert done.returncode == 0, done.stderr
    return folder


def plan_of_make(folder, target: str) -> str:
    """What `make target` would do in a folder, where everything is installed."""
    done = call(folder, folder, "make", "--dry-run", "--old-file=.venv/installed", target)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_make_copies_what_is_not_there_and_keeps_what_is(tmp_path):
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    for name in (
        ".venv/installed",
        "notebooks/01_a.ipynb",
        "notebooks/02_b.ipynb",
        "work/01_a.ipynb",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    command = ".venv/bin/jupyter nbconvert --config notebooks/copy.json --output-dir"
    plan = plan_of_make(tmp_path, "lab").splitlines()
    assert plan == [f"{command} work notebooks/02_b.ipynb", ".venv/bin/jupyter lab work/"]
    plan = plan_of_make(tmp_path, "student").splitlines()
    assert plan[-1] == f"{command} student notebooks/01_a.ipynb notebooks/02_b.ipynb"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_only_outputs_and_pairing_are_gone(path, copies):
    whole, copy = (nbformat.read(file, as_version=4) for file in (path, copies / path.name))
    assert "jupytext" not in copy.metadata and "widgets" not in copy.metadata
    assert all(not cell.outputs and cell.execution_count is None for cell in code_cells(copy))
    assert [(cell.source, tags(cell)) for cell in copy.cells] == [
        (cell.source, tags(cell)) for cell in whole.cells
    ]


def test_the_copies_run_from_top_to_bottom(copies, finished, home):
    """With the models that `finished` trained; every check says what is still to do."""
    shutil.copytree(finished, home, dirs_exist_ok=True)
    run_series(profile="smoke", run_name="smoke", folder=copies)
    for path in NOTEBOOKS:
        executed = home / "runs" / "smoke" / "notebooks" / path.name
        for cell in code_cells(nbformat.read(executed, as_version=4)):
            assert "check" not in tags(cell) or printed(cell).startswith("✗ Not yet:"), cell.source
