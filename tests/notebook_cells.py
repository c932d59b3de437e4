"""Takes the exercises out of a notebook's text, and runs them as a learner would."""

import contextlib
import dataclasses
import io
import re
from types import ModuleType

import jupytext

from vqgen_utils.machine import REPOSITORY


@dataclasses.dataclass
class Exercise:
    """The source of one exercise's cells."""

    title: str
    stub: str
    check: str
    solution: str


def exercises_of(number: str) -> list[Exercise]:
    """All exercises of notebook `number`, such as "01", in order."""
    (path,) = (REPOSITORY / "notebooks" / "py").glob(f"{number}_*.py")
    found, title = [], ""
    for cell in jupytext.read(path).cells:
        tags = cell.metadata.get("tags", [])
        heading = re.search(r"^### (Exercise .*)", cell.source, re.M)
        if cell.cell_type == "markdown" and heading:
            title = heading[1]
        elif "exercise" in tags:
            found.append(Exercise(title, cell.source, "", ""))
        elif cell.cell_type == "code" and "check" in tags:
            found[-1].check = cell.source
        elif cell.cell_type == "code" and "solution" in tags:
            found[-1].solution = found[-1].solution or cell.source
    return found


def run(source: str, namespace: dict) -> str:
    """Execute a cell's source in `namespace`; what it printed, on one line."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(source, namespace)
    return " ".join(printed.getvalue().split())


def walk_through(exercise: Exercise, names: dict) -> None:
    """The stub is told that it is one; the solution is right, and its check says so again.

    Args:
        exercise: to be run cell by cell.
        names: what the notebook has defined before it.
    """
    run(exercise.stub, names)
    told = run(exercise.check, names)
    assert told.startswith("✗ Not yet") and "three dots" in told
    told = run(exercise.solution, names)
    assert told.startswith("✓ Right") and "✗" not in told
    assert run(exercise.check, names) in told


def assert_complete(exercises: list[Exercise], checks: ModuleType) -> None:
    """There are enough exercises, and each has a check of its own, none left over."""
    assert len(exercises) >= 3
    assert all(exercise.title and exercise.check and exercise.solution for exercise in exercises)
    names = [name for name in vars(checks) if name.startswith("check_")]
    assert len(names) == len(exercises)
    for name in names:
        assert sum(f"exercises.{name}(" in exercise.check for exercise in exercises) == 1
