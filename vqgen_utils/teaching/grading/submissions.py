"""Submissions: which notebook of the course a file is, and which of its cells belong to what."""

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path

from vqgen_utils.errors import InputError
from vqgen_utils.machine import REPOSITORY

COURSE = REPOSITORY / "notebooks"


@dataclass(frozen=True)
class Exercise:
    """One exercise of the course, and the name of its check."""

    number: int
    title: str
    check: str
    call: str  # of the check, as the course's notebook has it
    of_the_run: list[str]  # what the call needs that the exercise does not define


@dataclass(frozen=True)
class Cells:
    """Sources of a notebook's code cells."""

    exercises: dict[int, list[str]]  # number of the exercise -> those below its heading
    titles: dict[int, str]
    others: list[str]


def read_cells(path: Path) -> Cells:
    """The code cells of a notebook.

    Raises:
        InputError: when the file is no notebook.
    """
    try:
        cells = json.loads(path.read_bytes())["cells"]
        kinds = [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    except OSError as error:
        raise InputError(f"the file cannot be read ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError("the file is no notebook, or a damaged one: ask for it again.") from error
    found, titles, others, exercise = {}, {}, [], None
    for kind, source in kinds:
        if kind == "markdown" and (headings := re.findall(r"^##+ .*", source, re.M)):
            numbered = re.match(r"##+ Exercise (\d+)\W*(.*)", headings[-1])
            exercise = int(numbered[1]) if numbered else None
            if numbered:
                found.setdefault(exercise, [])
                titles[exercise] = numbered[2]
        elif kind == "code":
            (others if exercise is None else found[exercise]).append(source)
    return Cells(found, titles, others)


def course() -> dict[str, list[Exercise]]:
    """Notebook, such as "02_vqvae_training" -> its exercises."""
    return {path.stem: _exercises(path) for path in sorted(COURSE.glob("[0-9]*.ipynb"))}


def _exercises(path: Path) -> list[Exercise]:
    cells, found = read_cells(path), []
    for number, sources in cells.exercises.items():
        (call,) = (source for source in sources if source.startswith("exercises.check_"))
        stub = ast.parse("\n".join(source for source in sources if source != call))
        defined = {"exercises", *(getattr(statement, "name", "") for statement in stub.body)}
        defined |= {node.id for node in ast.walk(stub) if isinstance(node, ast.Name)}
        used = [node.id for node in ast.walk(ast.parse(call)) if isinstance(node, ast.Name)]
        check = re.match(r"exercises\.(\w+)", call)[1]
        of_the_run = [name for name in used if name not in defined]
        found.append(Exercise(number, cells.titles[number], check, call, of_the_run))
    return found


def which(cells: Cells, exercises: dict[str, list[Exercise]]) -> str:
    """The notebook of the course that a submission is, by the checks that its cells name.

    Raises:
        InputError: when it names none of them.
    """
    text = "\n".join([*cells.others, *(s for some in cells.exercises.values() for s in some)])
    named = set(re.findall(r"\bcheck_\w+", text))
    shared = {name: len(named & {e.check for e in some}) for name, some in exercises.items()}
    best = max(shared, key=shared.get)
    if not shared[best]:
        raise InputError("none of the course's checks is in it, so nobody knows what it answers.")
    return best


def find(folder: Path) -> list[Path]:
    """Every notebook below a folder, in order, without hidden files and folders.

    Raises:
        InputError: when there is no such folder, or no notebook in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: give the one with the submitted notebooks.")
    paths = sorted(folder.rglob("*.ipynb"))
    shown = [p for p in paths if not any(s.startswith(".") for s in p.relative_to(folder).parts)]
    if not shown:
        raise InputError(f"{folder} has no notebook in it: submissions are files like 02.ipynb.")
    return shown
