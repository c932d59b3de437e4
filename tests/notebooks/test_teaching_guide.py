"""docs/teaching.md keeps in step with the notebooks: their sections and their minutes."""

import re

import jupytext
import pytest

from vqgen_utils.machine import REPOSITORY

GUIDE = (REPOSITORY / "docs" / "teaching.md").read_text(encoding="utf-8")
TEXTS = sorted((REPOSITORY / "notebooks" / "py").glob("[0-9]*.py"))
each = pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)


def rows(heading: str) -> dict[str, str]:
    """The number that a row of a table begins with -> the rest of it."""
    section = GUIDE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| (\d\d) ?(.*) \|$", section, re.M))


def minutes_to_learn(path) -> int:
    return int(re.search(r"\*\*Time to learn:\*\* (\d+)", path.read_text(encoding="utf-8"))[1])


@each
def test_the_minutes_of_the_sections_are_those_of_the_notebook(path):
    sections = rows("Minutes a section")[path.stem[:2]].removeprefix("| ").split(" · ")
    named = [section.rpartition(" ")[0] for section in sections]
    headings = re.findall(r"^## (.*)$", "\n".join(c.source for c in jupytext.read(path).cells
                                                  if c.cell_type == "markdown"), re.M)  # fmt: skip
    assert named == [name for name in headings if name not in ("Summary", "References")]
    minutes = [section.rpartition(" ")[2] for section in sections]
    counted = [int(one) for one in minutes if not one.startswith("(")]
    assert sum(counted) == minutes_to_learn(path)


@each
def test_every_notebook_has_objectives_and_its_minutes(path):
    _, minutes, objectives = rows("What learners will be able to do")[path.stem[:2]].split(" | ")
    assert int(minutes) == minutes_to_learn(path)
    assert objectives.count("*") >= 4  # verbs stand in italics


@each
def test_every_notebook_has_a_wrong_prediction_and_something_to_skip(path):
    assert path.stem[:2] in rows("What learners predict wrongly")
    assert f"{path.stem[:2]}: " in GUIDE.partition("## What to skip")[2].partition("\n## ")[0]
