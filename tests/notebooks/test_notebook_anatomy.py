"""The checks on a notebook's anatomy pass a good notebook, and find what is wrong with another."""

import copy

import nbformat
import notebook_anatomy as anatomy
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

TITLE = """# 01 · What is in the folder

Why.

**You will learn**

- one thing, that takes
  two lines;
- a second thing;
- a third thing.

**You need** Python. **Time to learn:** 20 minutes.
**Time to run:** about 10 seconds on 2 CPU cores (profile quick).

| symbol | meaning |
| --- | --- |
| $x$ | a slice |"""
PAPERS = "(Shannon 1948; Wallace 1991; Duda 2013; Ballé et al.\n2019.) "
REFERENCES = """## References

- Shannon 1948: A Mathematical Theory of Communication.
- Wallace 1991: The JPEG Standard.
- Duda 2013: Asymmetric Numeral Systems.
- Ballé et al. 2019: Integer Networks."""
PICTURE = {"text/html": '<img src="data:image/png;base64,iVBORw0KGgo=" alt="Bars, at most 3.">'}


def code(source: str, *tags: str, text: str = "", outputs=()):
    """A code cell; `text` is what it printed."""
    outputs = [*outputs, new_output("stream", text=text)] if text else list(outputs)
    return new_code_cell(source, metadata={"tags": list(tags)}, outputs=outputs)


def figure(source: str = "show(figure)"):
    return code(source, outputs=[new_output("display_data", PICTURE)])


def exercise(n: int) -> list:
    return [
        new_markdown_cell(f"### Exercise {n} · Add"),
        code("answer = ...", "exercise"),
        code("exercises.check_sum(answer)", "check", text="✗ Not yet: replace the three dots.\n"),
    ]


@pytest.fixture
def good() -> nbformat.NotebookNode:
    """A small notebook with nothing wrong."""
    notebook = new_notebook(
        cells=[
            new_markdown_cell(TITLE),
            code("from typing import Optional\n\nseed: Optional[int] = None", "parameters"),
            code("import numpy as np\n" + "setting = 1\n" * 30),
            new_markdown_cell(
                "## A section\n\n" + PAPERS + "**Predict:** a? **Predict:** b? **Predict:** c?"
            ),
            code('guess = predict("Most", ["a", "b", "c"])', "nbval-ignore-output", "predict"),
            figure(),
            new_markdown_cell("*A caption.* And what it shows."),
            code("browser(slices)", "nbval-ignore-output", "widget"),
            new_markdown_cell("## Exercises"),
            *(cell for n in range(1, 4) for cell in exercise(n)),
            new_markdown_cell("### Experiment · Go\n\n`vqgen run --to 01 --set weeks=1`"),
            code('guess = predict("More", ["yes", "no"])', "nbval-ignore-output", "predict"),
            new_markdown_cell("## Summary\n\n- Done.\n\n**What's next:** `02`"),
            code("run.add_metrics()"),
            new_markdown_cell(REFERENCES),
        ]
    )
    for number, cell in enumerate(anatomy.code_cells(notebook), start=1):
        cell.execution_count = number
    return notebook


@pytest.mark.parametrize("check", anatomy.CHECKS, ids=lambda check: check.__name__)
def test_a_good_notebook_passes(check, good):
    assert list(check(good)) == []


def replace(old: str, new: str):
    """Doctors a notebook: the first cell that has `old` gets `new` in its place."""

    def doctor(notebook):
        cell = next(cell for cell in notebook.cells if old in cell.source)
        cell.source = cell.source.replace(old, new)

    return doctor


def change(tag: str, **new):
    """Doctors a notebook: the first cell with `tag` gets other attributes."""
    return lambda notebook: next(
        cell for cell in notebook.cells if tag in anatomy.tags(cell)
    ).update(**new)


def drop(tag: str):
    """Doctors a notebook: the first cell with `tag` goes."""

    def doctor(notebook):
        notebook.cells.remove(next(c for c in notebook.cells if tag in anatomy.tags(c)))

    return doctor


def insert(place: int, cell):
    """Doctors a notebook: one cell more, at `place`."""
    return lambda notebook: notebook.cells.insert(place, copy.deepcopy(cell))


def without_exercise_3(notebook):
    place = [cell.source[:14] for cell in notebook.cells].index("### Exercise 3")
    del notebook.cells[place : place + 3]


ERROR = new_output("error", ename="ValueError", evalue="no", traceback=[])
PNG = new_output(
    "display_data",
    {"image/png": "iVBORw0KGgo="},
    metadata={"image/png": {"alt": "Lost on the way."}},
)
VAGUE = new_output(
    "display_data", {"text/html": '<img src="data:image/png;base64," alt="A plot.">'}
)
GIF = new_output("display_data", {"text/html": '<img src="data:image/gif;base64,">'})

DOCTORED = [
    (anatomy.header, replace("# 01 · ", "# "), "title"),
    (anatomy.header, replace("**You will learn**", "You learn"), "You will learn"),
    (anatomy.header, replace("- a third thing.", ""), "three points"),
    (anatomy.header, replace("**You need**", "Have"), "You need"),
    (anatomy.header, replace("20 minutes", "a while"), "Time to learn"),
    (anatomy.header, replace("about 10 seconds", "?"), "Time to run"),
    (anatomy.header, replace("| symbol |", "| what |"), "symbols"),
    (anatomy.header, insert(0, code("1")), "title"),
    (anatomy.ending, replace("## Exercises", "## Tasks"), "Exercises"),
    (anatomy.ending, replace("## Summary", "## End"), "Summary"),
    (anatomy.ending, replace("## References", "## Papers"), "References"),
    (anatomy.ending, replace("**What's next:**", "Next:"), "What's next"),
    (anatomy.references, replace("- Duda 2013: Asymmetric Numeral Systems.", ""), "3 references"),
    (anatomy.references, replace("Duda 2013: A", "A"), "Name year: title"),
    (anatomy.references, replace("Duda 2013;", ""), "Duda 2013 is not named"),
    (anatomy.typed_parameters, replace("seed: Optional[int] =", "seed ="), "untyped parameter"),
    (anatomy.typed_parameters, drop("parameters"), "0 cells"),
    (anatomy.executed, change("parameters", execution_count=None), "not run"),
    (anatomy.executed, change("exercise", execution_count=1), "not run after"),
    (anatomy.executed, change("widget", outputs=[ERROR]), "error"),
    (anatomy.captions, replace("*A caption.*", "**A caption.**"), "does not start with a caption"),
    (anatomy.captions, insert(6, new_markdown_cell("Text.")), "does not start with a caption"),
    (anatomy.captions, insert(6, code("1")), "does not start with a caption"),
    (anatomy.captions, change("widget", outputs=[GIF]), "does not start with a caption"),
    (anatomy.captions, insert(21, figure()), "does not start with a caption"),
    (anatomy.alt_texts, change("widget", outputs=[PNG]), "without alt text"),
    (anatomy.alt_texts, change("widget", outputs=[VAGUE]), "no number: A plot."),
    (anatomy.alt_texts, change("widget", outputs=[GIF]), "without alt text"),
    (anatomy.short_cells, insert(4, code("a = 1\n" * 26)), "26 lines"),
    (anatomy.predictions, drop("predict"), "nowhere to answer: a?"),
    (anatomy.predictions, replace("**Predict:** c?", ""), "2 **Predict:**"),
    (anatomy.exercises, without_exercise_3, "2 exercises"),
    (anatomy.exercises, replace("### Exercise 2", "### Exercise 5"), "is not titled"),
    (anatomy.exercises, drop("exercise"), "instead of"),
    (anatomy.exercises, drop("check"), "instead of"),
    (anatomy.exercises, insert(10, code("answer = 2", "solution")), "can be seen"),
    (anatomy.exercises, insert(3, code("1", "check")), "outside"),
    (anatomy.experiment, replace("### Experiment", "### Try"), "0 experiments"),
    (anatomy.experiment, replace("--set weeks=1", ""), "sets something"),
    (anatomy.experiment, lambda notebook: notebook.cells.pop(-4), "nothing is predicted"),
    (anatomy.checks, replace("exercises.check_sum", "assert"), "not one call"),
    (anatomy.checks, change("check", outputs=[]), "a check that the stub passes"),
    (anatomy.widgets, insert(7, new_markdown_cell("## Play")), "without a figure above"),
    (anatomy.widgets, change("widget", metadata={"tags": ["widget"]}), "nbval-ignore-output"),
    (anatomy.no_second_copies, replace("*A caption.*", "```python\nx\n```"), "code in the prose"),
]


@pytest.mark.parametrize("check, doctor, words", DOCTORED)
def test_a_doctored_notebook_is_found_out(check, doctor, words, good):
    doctor(good)
    assert words in "; ".join(check(good))


def test_every_check_has_been_seen_to_fail():
    assert {check for check, *_ in DOCTORED} == set(anatomy.CHECKS)
