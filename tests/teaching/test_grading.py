"""Submissions are graded one by one: nobody's loop or damaged file costs another's grade."""

import json
import re
import sys

import numpy as np
import pandas as pd
import pytest
from commands import call
from notebook_cells import exercises_of, run, tagged_cells

from vqgen_utils.errors import InputError
from vqgen_utils.machine import REPOSITORY
from vqgen_utils.teaching.exercises import feedback
from vqgen_utils.teaching.grading import Limits, grade_folder, try_hidden

NOTEBOOKS = REPOSITORY / "notebooks"
SECONDS = 5  # of computing, for an exercise; one of them never ends


def vqgen_grade(home, *words):
    return call(home, home, sys.executable, "-m", "vqgen_utils", "grade", *map(str, words))


def notebook(name: str, **answers: str) -> dict:
    """A notebook of the course in which the cells that define a name are a learner's."""
    found = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))
    for cell in found["cells"]:
        if "exercise" in cell["metadata"].get("tags", []):
            defined = re.search(r"^(?:def )?(\w+)(?:\(| =)", "".join(cell["source"]), re.M)[1]
            cell["source"] = answers.pop(defined, cell["source"])
    assert not answers
    return found


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """What comes of a folder of six submissions, one of them damaged, one of another course."""
    folder = tmp_path_factory.mktemp("term")
    mixed = notebook(
        "04_pixelcnn_training",
        enough_layers="while True: pass",
        bits_of="def bits_of(nats):\n    return 1.87550355, 0.11721897",  # those of the check
        log_probability="def log_probability(:",
        my_mask="def my_mask(k, centre):\n    return [bytearray(10**8) for _ in range(10**6)]",
        rows_above=tagged_cells(
            NOTEBOOKS / "solutions" / "py" / "04_pixelcnn_training.py", "solution"
        )["Exercise 5 · A layer that needs no mask"]["solution"],
    )
    dies = notebook("08_outliers", share_odd="import os\nos._exit(1)", why_odd='why_odd = "B"')
    dies["cells"] = [c for c in dies["cells"] if "### Exercise 2" not in "".join(c["source"])]
    files = {
        "ana/04.ipynb": json.dumps(mixed),
        "ana/08.ipynb": json.dumps(dies),
        "ben/mine.ipynb": json.dumps(notebook("07_evaluating_samples")),
        "ben/.ipynb_checkpoints/mine.ipynb": "{}",
        "cleo/damaged.ipynb": '{"cells": [',
        "dan.ipynb": json.dumps({"cells": [{"cell_type": "code", "source": ["1 + 1"]}]}),
        "eve.ipynb": (NOTEBOOKS / "solutions" / "03_codebook_analysis.ipynb").read_text("utf-8"),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    done = vqgen_grade(folder.parent, folder, "--seconds", SECONDS, "--megabytes", 800)
    return done, folder.with_name(f"{folder.name}-graded")


@pytest.fixture(scope="module")
def table(graded):
    return pd.read_csv(graded[1] / "grades.csv", keep_default_na=False)


def verdicts(table, submission) -> list[str]:
    return table[table["submission"] == submission]["verdict"].tolist()


def test_the_command_says_that_it_is_no_sandbox_and_that_some_could_not_be_graded(graded):
    done, _ = graded
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("no sandbox: these notebooks run with your rights")
    assert "eve.ipynb: 5 of 6 right, 1 by hand" in done.stdout
    assert "cleo/damaged.ipynb: 1 unreadable" in done.stdout


def test_an_endless_loop_costs_its_own_exercise_only(table):
    assert verdicts(table, "ana/04.ipynb") == ["stopped", "not yet", "not yet", "not yet", "right"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1, "used up its time"),
        (2, "right on the values of the notebook, but not on others"),
        (3, "its cell stops with SyntaxError"),
        (4, "MemoryError"),
    ],
)
def test_the_feedback_says_what_happened(number, words, table):
    rows = table[(table["submission"] == "ana/04.ipynb") & (table["exercise"] == str(number))]
    assert words in rows["feedback"].item()


def test_a_kernel_that_ends_and_a_heading_that_is_gone_leave_the_rest(table):
    assert verdicts(table, "ana/08.ipynb") == ["stopped", "missing", "right"]


def test_the_course_as_it_is_has_no_answers_whatever_names_it_uses(table):
    assert set(verdicts(table, "ben/mine.ipynb")) == {"unanswered"}


def test_solutions_are_right_but_for_what_only_the_own_run_can_tell(table):
    assert verdicts(table, "eve.ipynb") == ["by hand", *5 * ["right"]]


def test_what_is_no_notebook_of_the_course_gets_a_sentence(table):
    for name, words in (("cleo/damaged.ipynb", "damaged"), ("dan.ipynb", "none of the course's")):
        assert words in table[table["submission"] == name]["feedback"].item()


def test_checkpoints_are_not_submissions_and_folders_are_learners(table):
    assert set(table["learner"]) == {"ana", "ben", "cleo", "dan", "eve"}
    assert not table["submission"].str.contains("checkpoint").any()


def test_each_submission_has_a_page(graded):
    pages = graded[1] / "feedback"
    text = (pages / "ana" / "04.html").read_text(encoding="utf-8")
    assert "1 of 5 exercises right" in text and "✗ Exercise 1" in text and "✓ Exercise 5" in text
    assert "damaged" in (pages / "cleo" / "damaged.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("make", [lambda folder: None, lambda folder: folder.mkdir()])
def test_nothing_to_grade_is_said_in_a_sentence(make, tmp_path):
    make(tmp_path / "term")
    with pytest.raises(InputError, match=r"is no folder|has no notebook"):
        grade_folder(tmp_path / "term", tmp_path / "out", Limits(), 0, print)
    assert not (tmp_path / "out").exists()


# ---- The hidden variants -------------------------------------------------------------------------

BEYOND = ("alphabets", "levels", "attention", "critic", "together")
MODULES = dict(
    zip(
        [f"{n:02d}" for n in range(1, 15)],
        ("data", "vqvae", "codebook", "pixelcnn", "generation", "reconstructions", "evaluation",
         "outliers", "few_patients", *(f"beyond.{name}" for name in BEYOND)),
        strict=True,
    )
)  # fmt: skip


def solved(number: str) -> dict[str, object]:
    """Check -> the function of its solution, for all exercises that ask for one."""
    (path,) = (NOTEBOOKS / "solutions" / "py").glob(f"{number}_*.py")
    head = path.read_text(encoding="utf-8").partition('tags=["solution"]')[0]
    names = {}
    exec("\n".join(re.findall(r"^(?:from|import) .*", head, re.M)), names)
    found = {}
    for exercise in exercises_of(number):
        call = re.search(r"exercises\.(check_\w+)\((\w+)", exercise.solution)
        definition = exercise.solution.partition("exercises.check_")[0]
        if "def " in definition:
            run(definition, names)
            found[call[1]] = names[call[2]]
    return found


@pytest.mark.parametrize("number", MODULES)
def test_every_solution_is_right_on_hidden_variants(number):
    for check, answer in solved(number).items():
        for seed in range(5):
            try_hidden(check, answer, np.random.default_rng(seed))


@pytest.mark.parametrize("number", MODULES)
def test_every_exercise_that_asks_for_a_function_has_hidden_variants(number):
    for check in solved(number):
        with pytest.raises(feedback.NotYet, match="not on others"):
            try_hidden(check, lambda *arguments: "by heart", np.random.default_rng(0))


def test_the_same_seed_asks_the_same_question():
    told = []
    for seed in (1, 1, 2):
        with pytest.raises(feedback.NotYet) as problem:
            try_hidden("check_perplexity", lambda counts: 2.0, np.random.default_rng(seed))
        told.append(str(problem.value))
    assert told[0] == told[1] != told[2]
