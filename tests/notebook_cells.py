"""Takes the exercises out of a notebook's text, and runs them as a learner would."""

import ast
import contextlib
import dataclasses
import io
import re
from types import ModuleType

import jupytext

from vqgen_utils.machine import REPOSITORY


@dataclasses.dataclass
class Exercise:
    """The source of one exercise's cells, and of its solution's in the other notebook."""

    title: str
    stub: str
    check: str
    solution: str


def exercises_of(number: str) -> list[Exercise]:
    """All exercises of notebook `number`, such as "01", in order, with their solutions."""
    (path,) = (REPOSITORY / "notebooks" / "py").glob(f"{number}_*.py")
    asked = tagged_cells(path, "exercise", "check")
    solved = tagged_cells(REPOSITORY / "notebooks" / "solutions" / "py" / path.name, "solution")
    assert asked.keys() == solved.keys(), "other titles in the notebook than in its solutions"
    return [
        Exercise(title, cells["exercise"], cells["check"], solved[title]["solution"])
        for title, cells in asked.items()
    ]


def tagged_cells(path, *roles: str) -> dict[str, dict[str, str]]:
    """Title of an exercise -> tag -> source of the first code cell with this tag."""
    found: dict[str, dict[str, str]] = {}
    for cell in jupytext.read(path).cells:
        heading = re.search(r"^##+ (Exercise .*)", cell.source, re.M)
        if cell.cell_type == "markdown":
            if heading:
                title = heading[1]
                found[title] = dict.fromkeys(roles, "")
            continue
        for role in set(roles) & set(cell.metadata.get("tags", [])):
            found[title][role] = found[title][role] or cell.source
    return found


def run(source: str, namespace: dict) -> str:
    """Execute a cell's source in `namespace`; what it printed, on one line."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(source, namespace)
    return " ".join(printed.getvalue().split())


def imports_of(number: str) -> dict:
    """What the import statements of notebook `number` bring in, by name."""
    (path,) = (REPOSITORY / "notebooks" / "py").glob(f"{number}_*.py")
    kinds = ast.Import, ast.ImportFrom
    lines = [one for one in ast.parse(path.read_text("utf-8")).body if isinstance(one, kinds)]
    names: dict = {}
    exec(compile(ast.Module(lines, []), path.name, "exec"), names)
    return names


def walk_through(exercise: Exercise, names: dict) -> None:
    """The stub is told that it is one, the solution is right and leaves the learner's answer alone.

    Args:
        exercise: to be run cell by cell.
        names: what the notebook has defined before it.
    """
    run(exercise.stub, names)
    told = run(exercise.check, names)
    assert told.startswith("✗ Not yet") and "three dots" in told
    right = run(exercise.solution, names)
    assert right.startswith("✓ Right") and "✗" not in right
    assert run(exercise.check, names) == told


def refusal(check, *answer) -> str:
    """What a check says to a wrong answer, on one line; it must not be right."""
    told = run("check(*answer)", {"check": check, "answer": answer})
    assert told.startswith("✗ Not yet:"), told
    return told


def assert_complete(exercises: list[Exercise], checks: ModuleType) -> None:
    """There are enough exercises, and each has a check of its own, none left over."""
    assert len(exercises) >= 3
    assert all(exercise.title and exercise.check and exercise.solution for exercise in exercises)
    names = [name for name in vars(checks) if name.startswith("check_")]
    assert len(names) == len(exercises)
    for name in names:
        assert sum(f"exercises.{name}(" in exercise.check for exercise in exercises) == 1
        assert sum(f"exercises.{name}(" in exercise.solution for exercise in exercises) == 1
