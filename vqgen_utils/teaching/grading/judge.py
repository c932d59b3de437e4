"""The kernel's side of grading: run a learner's cells, take the answers, judge them.

Cells run statement by statement, and one that fails does not end the others: much of a notebook
stands on a run that is not there, and most exercises do not.
"""

import ast
import contextlib
import functools
import importlib
import linecache
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from IPython.core.inputtransformer2 import TransformerManager

from vqgen_utils.machine import load_json, save_json
from vqgen_utils.teaching import exercises
from vqgen_utils.teaching.exercises import beyond
from vqgen_utils.teaching.exercises.feedback import NotYet, judged
from vqgen_utils.teaching.grading.hidden import try_hidden

try:
    import resource
except ImportError:  # Windows: our parent looks at the clock
    resource = None

STANDS_ALONE = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
ANSWERS: dict[str, tuple] = {}  # check -> what the learner's notebook gave to it
CHECKS: dict = {}  # check -> the function that judges


def prepare(task: str, megabytes: int) -> None:
    """Set the memory limit, run what the notebook's other cells define, and take over the checks.

    Memory is limited on top of what the packages take, where the system can do it: on Linux.
    """
    names = [f"{room.__name__}.{name}" for room in (exercises, beyond) for name in room.__all__]
    for module in map(importlib.import_module, names):
        for check in [check for check in vars(module) if check.startswith("check_")]:
            CHECKS[check] = getattr(module, check).__wrapped__
            setattr(module, check, functools.partial(_take, check))
    _limit_memory(megabytes)
    for number, source in enumerate(load_json(Path(task))["others"]):
        with contextlib.suppress(SyntaxError):
            for statement in _statements(source, f"cell-{number}"):
                if _stands_alone(statement):
                    _run(statement, f"cell-{number}")


def _take(check: str, *answers) -> None:
    ANSWERS[check] = answers


def _limit_memory(megabytes: int) -> None:
    with contextlib.suppress(AttributeError, OSError):
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        limit = used + megabytes * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _limit_time(seconds: int) -> None:
    """Of computing, from here on: the system then ends this process, whatever it does."""
    with contextlib.suppress(AttributeError):
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + 1 + seconds, hard))


def run_cells(task: str, number: int) -> list[BaseException]:
    """Run the cells of an exercise; the errors of its statements."""
    errors: list[BaseException] = []
    for place, source in enumerate(load_json(Path(task))["exercises"][number]["cells"]):
        name = f"exercise-{number}-{place}"
        try:
            errors += [e for s in _statements(source, name) if (e := _run(s, name))]
        except SyntaxError as error:
            errors.append(error)
    return errors


def judge(task: str, number: int, seed: int, seconds: int, result: str) -> None:
    """Run an exercise and write its verdict and a sentence to `result`, as JSON."""
    _limit_time(seconds)
    exercise = load_json(Path(task))["exercises"][number]
    check = exercise["check"]
    errors = run_cells(task, number)
    if check not in ANSWERS:  # its cell is gone, or failed
        (call,) = ast.parse(exercise["call"]).body
        errors += [error] if (error := _run(call, "check")) else []
    if check in ANSWERS:
        rng = np.random.default_rng([seed, zlib.crc32(check.encode())])
        verdict, feedback = _verdict(check, ANSWERS[check], rng)
    else:
        verdict, feedback = _no_answer(errors, exercise["of_the_run"])
    save_json(Path(result), {"verdict": verdict, "feedback": feedback})


def _verdict(check: str, answers: tuple, rng: np.random.Generator) -> tuple[str, str]:
    """The check as the learner knows it; where that is content, its hidden variants."""
    try:
        right, words = judged(CHECKS[check], *answers)
        if not right:
            return ("unanswered" if "the three dots" in words else "not yet"), words
        try_hidden(check, answers[0], rng)
    except NotYet as problem:
        return "not yet", str(problem)
    except (Exception, SystemExit) as error:  # an answer of a kind that nobody thought of
        return "not yet", f"the check cannot judge this answer ({type(error).__name__}: {error})."
    return "right", words


def _no_answer(errors: list[BaseException], of_the_run: list[str]) -> tuple[str, str]:
    """Why there is nothing to judge."""
    for error in errors:
        if not isinstance(error, NameError):
            line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
            words = str(error.args[0] if error.args else "")
            return "not yet", f"its cell stops with {type(error).__name__}: {words}{line}."
    if of_the_run:
        return "by hand", (
            f"it is about {' and '.join(of_the_run)} of the learner's own run, which is not there "
            "when submissions are graded: look at what the notebook shows."
        )
    return "not yet", f"there is no answer: {errors[-1]}."


# ---- Statements ----------------------------------------------------------------------------------


def _statements(source: str, name: str) -> Iterator[ast.stmt]:
    """The statements of a cell; its lines are kept under `name`, so that checks can show them."""
    plain = TransformerManager().transform_cell(source)  # `%` and `!` become Python
    linecache.cache[name] = (len(plain), None, plain.splitlines(keepends=True), name)
    yield from ast.parse(plain, name).body


def _stands_alone(statement: ast.stmt) -> bool:
    """Imports, definitions, and names for plain values: what no run is needed for."""
    if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
        with contextlib.suppress(ValueError, TypeError):
            ast.literal_eval(statement.value)
            return True
    return isinstance(statement, STANDS_ALONE)


def _run(statement: ast.stmt, name: str) -> BaseException | None:
    """Run one statement among the notebook's names; its error, if it ends in one."""
    names = vars(sys.modules["__main__"])
    try:
        exec(compile(ast.Module([statement], []), name, "exec"), names)
    except (Exception, SystemExit) as error:
        return error
    return None
