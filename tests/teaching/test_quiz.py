"""Every notebook ends in five questions, and every answer, right or wrong, is answered."""

import html
import re

import jupytext
import pytest

from vqgen_utils.errors import InputError
from vqgen_utils.machine import REPOSITORY
from vqgen_utils.teaching import quiz, read_quiz

TEXTS = sorted((REPOSITORY / "notebooks" / "py").glob("[0-9]*.py"))
NUMBERS = [path.stem[:2] for path in TEXTS]
each = pytest.mark.parametrize("number", NUMBERS)


@pytest.fixture
def shown(monkeypatch):
    """What `display` was given."""
    bundles = []
    monkeypatch.setattr("vqgen_utils.teaching.questions.display", lambda b, raw: bundles.append(b))
    return bundles


@each
def test_there_are_five_questions_with_one_right_answer_each(number):
    questions = read_quiz(number)
    assert len({question["ask"] for question in questions}) == len(questions) == 5
    for question in questions:
        answers = [answer for answer, _ in question["options"]]
        assert len(set(answers)) == len(answers) >= 3
        assert 1 <= question["right"] <= len(answers)


@each
def test_every_answer_has_feedback_of_its_own(number):
    told = [said for question in read_quiz(number) for _, said in question["options"]]
    assert all(len(said) > 40 for said in told) and len(set(told)) == len(told)


@each
def test_the_place_of_the_right_answer_gives_nothing_away(number):
    assert len({question["right"] for question in read_quiz(number)}) == 3


@each
def test_a_page_opens_each_answer_by_itself_and_marks_one_a_question(number, shown):
    quiz(number)
    page, questions = shown[0]["text/html"], read_quiz(number)
    assert page.count("✓ Right.") == 5 and "<script" not in page
    opened = re.findall(r"<summary>(.*?)</summary><blockquote><b>.*?</b> (.*?)</blockquote>", page)
    assert [[html.unescape(part) for part in pair] for pair in opened] == [
        option for question in questions for option in question["options"]
    ]


@each
def test_in_print_the_questions_stand_without_their_answers(number, shown):
    quiz(number)
    text = shown[0]["text/plain"]
    for question in read_quiz(number):
        assert question["ask"] in text
        assert not any(said in text for _, said in question["options"])


@pytest.mark.parametrize("path", TEXTS, ids=NUMBERS)
def test_the_notebook_asks_its_own_quiz_and_nothing_else_is_needed_for_it(path, shown):
    (cell,) = (c for c in jupytext.read(path).cells if "quiz" in c.metadata.get("tags", []))
    exec(cell.source, {})
    assert read_quiz(path.stem[:2])[0]["ask"] in shown[0]["text/plain"]


def test_a_notebook_without_a_quiz_is_told_so():
    with pytest.raises(InputError, match="no quiz '77'"):
        quiz("77")
