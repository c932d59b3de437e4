"""Grades a folder of submissions one by one: a table with a row an exercise, a page for each."""

import dataclasses
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from vqgen_utils.errors import InputError
from vqgen_utils.machine import load_json, save_json, write_atomic
from vqgen_utils.teaching.grading import submissions
from vqgen_utils.teaching.grading.kernel import Kernel, Stopped, kernel
from vqgen_utils.teaching.grading.page import page

TABLE = "grades.csv"
# the learner's own names are in the same place: none of them may be lost, and none may hide ours
OURS = "from vqgen_utils.teaching.grading import judge as _grading_; _grading_."
PATIENCE = 5  # times as long by the clock, on a busy machine; loading the packages has it too
MEMORY_IS_LIMITED = sys.platform == "linux"


@dataclasses.dataclass(frozen=True)
class Limits:
    """Of one exercise: seconds of computing, and megabytes beyond what the packages take."""

    seconds: int = 60
    megabytes: int = 2000


def grade_folder(
    folder: Path,
    into: Path,
    limits: Limits,
    seed: int,
    progress: Callable[[Path, list[str]], None],
) -> pd.DataFrame:
    """Grade every notebook below a folder. The table is written after each of them.

    Args:
        folder: of the submissions; a folder in it is a learner.
        into: folder for `grades.csv` and a page of feedback each.
        limits: of each exercise.
        seed: of the hidden variants; the same seed, the same variants.
        progress: called with each notebook and its verdicts.

    Returns:
        the table: learner, submission, notebook, exercise, title, verdict, feedback.

    Raises:
        InputError: there is no notebook, nothing can be written, or no kernel starts.
    """
    course, rows = submissions.course(), []
    for path in submissions.find(folder):
        name = path.relative_to(folder)
        who = {"learner": name.parts[0] if len(name.parts) > 1 else path.stem}
        who["submission"] = name.as_posix()
        own = [who | row for row in _grade(path, course, limits, seed)]
        rows += own
        table = pd.DataFrame(rows).astype({"exercise": "Int64"})
        write_atomic(into / "feedback" / name.with_suffix(".html"), page(own).encode())
        write_atomic(into / TABLE, table.to_csv(index=False).encode())
        progress(name, [row["verdict"] for row in own])
    return table


def _grade(path: Path, course: dict, limits: Limits, seed: int) -> list[dict]:
    """A row for each exercise of one notebook, or one that says why there are none."""
    try:
        cells = submissions.read_cells(path)
        notebook = submissions.which(cells, course)
    except InputError as error:
        nothing = {"notebook": "", "exercise": None, "title": ""}
        return [nothing | {"verdict": "unreadable", "feedback": str(error)}]
    verdicts = judge_all(cells, course[notebook], limits, seed)
    return [
        {"notebook": notebook, "exercise": exercise.number, "title": exercise.title} | verdict
        for exercise, verdict in zip(course[notebook], verdicts, strict=True)
    ]


def judge_all(
    cells: submissions.Cells, exercises: list[submissions.Exercise], limits: Limits, seed: int
) -> list[dict]:
    """Verdict and feedback for each exercise.

    One that has to be stopped takes its kernel with it; the next begins in a fresh one, in which
    the cells of those before it have run again.
    """
    verdicts: list[dict] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        own = [{"cells": cells.exercises.get(e.number)} | dataclasses.asdict(e) for e in exercises]
        task = {"others": cells.others, "exercises": own}
        save_json(folder / "task.json", task)
        while len(verdicts) < len(exercises):
            with kernel(folder) as one:
                try:
                    _begin(one, task, verdicts, limits)
                except Stopped as stopped:  # not by an exercise: it would be so again
                    rest = len(exercises) - len(verdicts)
                    feedback = f"the cells before the exercises: {stopped}"
                    return verdicts + rest * [{"verdict": "stopped", "feedback": feedback}]
                try:
                    _go_on(one, folder, task, verdicts, limits, seed)
                except Stopped as stopped:
                    verdicts.append({"verdict": "stopped", "feedback": str(stopped)})
    return verdicts


def _begin(one: Kernel, task: dict, verdicts: list[dict], limits: Limits) -> None:
    """Load the packages, and run what was run in the kernel before."""
    one.run(f"{OURS}prepare('task.json', {limits.megabytes})", PATIENCE * 60)
    for number, verdict in enumerate(verdicts):
        if task["exercises"][number]["cells"] and verdict["verdict"] != "stopped":
            one.run(f"{OURS}run_cells('task.json', {number})", PATIENCE * limits.seconds)


def _go_on(
    one: Kernel, folder: Path, task: dict, verdicts: list[dict], limits: Limits, seed: int
) -> None:
    for number in range(len(verdicts), len(task["exercises"])):
        if not task["exercises"][number]["cells"]:
            feedback = "its heading, 'Exercise {number} · {title}', or its cells are gone."
            feedback = feedback.format(**task["exercises"][number])
            verdicts.append({"verdict": "missing", "feedback": feedback})
            continue
        result = folder / f"result-{number}.json"
        order = f"judge('task.json', {number}, {seed}, {limits.seconds}, {result.name!r})"
        one.run(OURS + order, PATIENCE * limits.seconds)
        verdicts.append(load_json(result))
