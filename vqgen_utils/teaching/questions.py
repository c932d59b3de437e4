"""Five questions on a notebook. Each answer opens, without a kernel and without a script."""

import tomllib
from html import escape

from IPython.display import display

from vqgen_utils.errors import InputError
from vqgen_utils.machine import REPOSITORY

FOLDER = REPOSITORY / "notebooks" / "quizzes"


def read_quiz(number: str) -> list[dict]:
    """The questions of notebook `number`, such as "02".

    Returns:
        a dictionary each: `ask`; `options`, pairs of an answer and its feedback; `right`, which of
        them is, from 1.

    Raises:
        InputError: that notebook has no quiz.
    """
    path = FOLDER / f"{number}.toml"
    if not path.is_file():
        raise InputError(f"there is no quiz '{number}': {path} does not exist.")
    return tomllib.loads(path.read_text(encoding="utf-8"))["question"]


def quiz(number: str) -> None:
    """Show the questions of notebook `number`; an answer that is clicked tells what it is worth."""
    questions = read_quiz(number)
    html = [_as_html(place, question) for place, question in enumerate(questions, 1)]
    text = [_as_text(place, question) for place, question in enumerate(questions, 1)]
    display({"text/html": "\n".join(html), "text/plain": "\n\n".join(text)}, raw=True)


def _as_html(place: int, question: dict) -> str:
    lines = [f"<p><b>{place}.</b> {escape(question['ask'])}</p>"]
    for number, (answer, feedback) in enumerate(question["options"], 1):
        mark = "✓ Right." if number == question["right"] else "✗ Not this one."
        lines.append(
            f"<details><summary>{escape(answer)}</summary>"
            f"<blockquote><b>{mark}</b> {escape(feedback)}</blockquote></details>"
        )
    return "\n".join(lines)


def _as_text(place: int, question: dict) -> str:
    """For print: the answers are not told."""
    options = (f"   ( ) {answer}" for answer, _ in question["options"])
    return "\n".join([f"{place}. {question['ask']}", *options])
