"""What a notebook of this series must have: each check takes a notebook, and says what is wrong."""

import ast
import html
import itertools
import re
from collections.abc import Callable, Iterator

from nbformat import NotebookNode

FIRST = {
    "a title like '# 01 · What is in the folder'": r"\A# \d\d · \S",
    "**You will learn**": r"^\*\*You will learn\*\*$",
    "three points to learn": r"^- .*\n(?:^  .*\n)*^- .*\n(?:^  .*\n)*^- ",
    "**You need**": r"^\*\*You need\*\*",
    "**Time to learn:** in minutes": r"\*\*Time to learn:\*\* \d+ minutes",
    "**Time to run:** in words": r"\*\*Time to run:\*\* about \d+ (seconds|minutes?) on 2 CPU",
    "a table of symbols": r"^\| symbol \|",
}
ROLES = ("exercise", "check")
LONGEST_CELL = 25  # lines


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook: NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def figures(cell: NotebookNode) -> list[str | None]:
    """The alt text of each figure that a cell shows; a bare PNG has none that reaches a reader."""
    found = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if "image/png" in data:
            found.append(None)
        for image in re.findall(r"<img\b[^>]*>", data.get("text/html", "")):
            alt = re.search(r'alt="([^"]*)"', image)
            found.append(alt and html.unescape(alt[1]))
    return found


def printed(cell: NotebookNode) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


def header(notebook: NotebookNode) -> Iterator[str]:
    """The first cell says what it is about, for whom, and how long it takes."""
    first = prose(notebook)[0] if notebook.cells[0].cell_type == "markdown" else ""
    for what, pattern in FIRST.items():
        if not re.search(pattern, first, re.MULTILINE):
            yield f"the first cell lacks {what}"


def ending(notebook: NotebookNode) -> Iterator[str]:
    """The last sections are the exercises, the summary, which says what is next, and references."""
    sections = [
        line for text in prose(notebook) for line in text.splitlines() if line.startswith("## ")
    ]
    if sections[-3:] != ["## Exercises", "## Summary", "## References"]:
        yield f"it ends in {sections[-3:]} instead of Exercises, Summary and References"
    if "**What's next:**" not in prose(notebook)[-2]:
        yield "the summary has no **What's next:**"


def references(notebook: NotebookNode) -> Iterator[str]:
    """Four to eight papers, each named where its idea appears."""
    text = " ".join(" ".join(prose(notebook)[:-1]).split())
    items = re.findall(r"^- (.*)$", prose(notebook)[-1], re.M)
    if not 4 <= len(items) <= 8:
        yield f"{len(items)} references, 4 to 8 are wanted"
    for item in items:
        name = re.match(r"(.+? \d{4}[a-z]?): .", item)
        if not name:
            yield f"a reference is not written as 'Name year: title': {item}"
        elif name[1] not in text:
            yield f"{name[1]} is not named in the text"


def typed_parameters(notebook: NotebookNode) -> Iterator[str]:
    """One cell tagged `parameters`, each with its type."""
    cells = [cell for cell in code_cells(notebook) if "parameters" in tags(cell)]
    if len(cells) != 1:
        yield f"{len(cells)} cells are tagged parameters"
    for cell in cells:
        for node in ast.parse(cell.source).body:
            if not isinstance(node, (ast.AnnAssign, ast.ImportFrom)):
                yield f"untyped parameter: {ast.unparse(node)}"


def executed(notebook: NotebookNode) -> Iterator[str]:
    """Run from top to bottom, without errors."""
    last = 0
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            if (cell.execution_count or 0) <= last:
                yield f"cell {number} was not run after the one above it"
            last = cell.execution_count or last
            if any(output.output_type == "error" for output in cell.outputs):
                yield f"cell {number} ended in an error"


def captions(notebook: NotebookNode) -> Iterator[str]:
    """The cell after a figure starts with its caption in italics."""
    cells = notebook.cells
    for number, (cell, below) in enumerate(zip(cells, [*cells[1:], None], strict=True)):
        caption = below.source if below and below.cell_type == "markdown" else ""
        if figures(cell) and not re.match(r"\*[^*\s][^*]*\*", caption):
            yield f"cell {number} shows a figure, and the next cell does not start with a caption"


def alt_texts(notebook: NotebookNode) -> Iterator[str]:
    """Each figure has a text for those who cannot see it, and it says what came out."""
    for number, cell in enumerate(notebook.cells):
        for alt in figures(cell):
            if not alt or not alt.strip():
                yield f"cell {number} shows a figure without alt text"
            elif not re.search(r"\d", alt):
                yield f"cell {number} shows a figure whose alt text has no number: {alt}"


def short_cells(notebook: NotebookNode) -> Iterator[str]:
    """At most 25 lines that are not empty, but for parameters and the setup after them."""
    setup = [False, *("parameters" in tags(cell) for cell in code_cells(notebook))]
    for cell, is_setup in zip(code_cells(notebook), setup, strict=False):
        lines = [line for line in cell.source.splitlines() if line.strip()]
        exempt = is_setup or "parameters" in tags(cell)
        if len(lines) > LONGEST_CELL and not exempt:
            yield f"a cell has {len(lines)} lines, from '{lines[0]}'"


def predictions(notebook: NotebookNode) -> Iterator[str]:
    """At least three prompts to predict what comes, each with options under it to choose from."""
    for cell, below in itertools.pairwise(notebook.cells):
        if "**Predict:**" in cell.source and "predict" not in tags(below):
            yield f"nowhere to answer: {cell.source.partition('**Predict:**')[2].strip()}"
    count = sum(text.count("**Predict:**") for text in prose(notebook))
    if count < 3:
        yield f"{count} **Predict:** prompts, at least 3 are wanted"


def exercises(notebook: NotebookNode) -> Iterator[str]:
    """At least three, each a task, a stub and a check; solutions are in a notebook of their own."""
    titles: list[str] = []
    roles: list[list[str]] = []  # of each exercise's code cells
    tagged = 0
    for cell in notebook.cells:
        if titles and cell.source.startswith("## "):
            break
        heading = re.search(r"^### Exercise.*", cell.source, re.MULTILINE)
        if cell.cell_type == "markdown" and heading:
            titles.append(heading[0])
            roles.append([])
        elif titles:
            tagged += any(role in tags(cell) for role in ROLES)
            roles[-1] += [role for role in ROLES if role in tags(cell) and cell.cell_type == "code"]
    for n, (title, found) in enumerate(zip(titles, roles, strict=True), start=1):
        if not title.startswith(f"### Exercise {n} · "):
            yield f"'{title}' is not titled '### Exercise {n} · ...'"
        if found != list(ROLES):
            yield f"'{title}': its cells are {found} instead of {list(ROLES)}"
    if len(titles) < 3:
        yield f"{len(titles)} exercises, at least 3 are wanted"
    if tagged != sum(any(role in tags(cell) for role in ROLES) for cell in notebook.cells):
        yield f"cells tagged {ROLES} stand outside the exercises"
    if any("solution" in tags(cell) for cell in notebook.cells):
        yield "a solution stands where it can be seen"


def experiment(notebook: NotebookNode) -> Iterator[str]:
    """One, after the exercises: a run of the series with another setting, predicted before."""
    cells = notebook.cells
    found = [n for n, cell in enumerate(cells) if cell.source.startswith("### Experiment · ")]
    if len(found) != 1:
        yield f"{len(found)} experiments, one is wanted"
    for n in found:
        if not re.search(r"`vqgen run [^`]*--set \w+=", cells[n].source):
            yield "an experiment without a command that sets something"
        if "predict" not in tags(cells[n + 1]):
            yield "an experiment that nothing is predicted of"


def checks(notebook: NotebookNode) -> Iterator[str]:
    """A check is one call, and does not pass the stub."""
    for cell in code_cells(notebook):
        name = cell.source.partition("\n")[0]
        if "check" in tags(cell):
            if not re.fullmatch(r"exercises\.check_\w+\([^\n]*\)", cell.source):
                yield f"not one call of a check: {name}"
            if not printed(cell).startswith("✗ Not yet:"):
                yield f"a check that the stub passes: {name}"


def widgets(notebook: NotebookNode) -> Iterator[str]:
    """A widget stands in a section that shows a figure above it, and its output is not compared."""
    figure_above = False
    for number, cell in enumerate(notebook.cells):
        if cell.source.startswith("## "):
            figure_above = False
        if "widget" in tags(cell):
            if not figure_above:
                yield f"cell {number} is a widget without a figure above it in its section"
            if "nbval-ignore-output" not in tags(cell):
                yield f"cell {number} is a widget without the tag nbval-ignore-output"
        figure_above = figure_above or bool(figures(cell))


def no_second_copies(notebook: NotebookNode) -> Iterator[str]:
    """Code in the prose would drift from the package; `show_source` shows the package's own."""
    for text in prose(notebook):
        for fence in re.findall(r"^\s*(?:```|~~~)\{?(?:code-cell|python|py|ipython)\b", text, re.M):
            yield f"code in the prose: {fence.strip()}"


CHECKS: tuple[Callable[[NotebookNode], Iterator[str]], ...] = (
    header,
    ending,
    references,
    typed_parameters,
    executed,
    captions,
    alt_texts,
    short_cells,
    predictions,
    exercises,
    experiment,
    checks,
    widgets,
    no_second_copies,
)
