"""Takes the exercises out of a notebook's text, and runs them as a learner would."""

import contextlib
import dataclasses
import io

import jupytext

from vqgen_utils.config import REPOSITORY


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
        if cell.cell_type == "markdown" and cell.source.startswith("### Exercise"):
            title = cell.source.splitlines()[0].removeprefix("### ")
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
