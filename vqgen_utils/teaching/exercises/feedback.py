"""How a check talks to a learner: one sentence on what is wrong, or why it is right.

A check never raises on a wrong answer, so a notebook with open exercises still runs to its end.
"""

import functools
import textwrap
import traceback
from collections.abc import Callable

import numpy as np
import torch

WIDTH = 96  # characters of a line


class NotYet(Exception):
    """What is wrong with an answer, in a sentence that helps to mend it."""


def check(function: Callable[..., str]) -> Callable[..., None]:
    """Turns a function into a check: it returns praise, or raises `NotYet`; either is printed."""

    @functools.wraps(function)
    def checked(*answers) -> None:
        right, words = judged(function, *answers)
        tell(f"✓ Right: {words}" if right else f"✗ Not yet: {words}")

    return checked


def judged(function: Callable[..., str], *answers) -> tuple[bool, str]:
    """Whether a check's function takes the answers for right, and its words on them."""
    try:
        if any(answer is ... for answer in answers):
            raise NotYet("replace the three dots with your answer, and run both cells again.")
        return True, function(*answers)
    except NotYet as problem:
        return False, str(problem)


def tell(message: str) -> None:
    """Print a message in lines that fit on the page; drawings keep theirs."""
    print("\n".join(textwrap.fill(line, WIDTH) for line in message.splitlines()))


def call(answer: Callable, *arguments):
    """What the learner's function returns.

    Raises:
        NotYet: when it fails, or still returns the three dots or nothing.
    """
    name = getattr(answer, "__name__", "your answer")
    try:
        result = answer(*arguments)
    except Exception as error:  # whatever a learner writes, the check answers in words
        raise NotYet(
            f"{name} stops with {type(error).__name__}: {error}. {_where(answer, error)}, and "
            "at the shapes that come into it."
        ) from error
    if result is ...:
        raise NotYet(f"{name} still returns the three dots: write its last line.")
    if result is None:
        raise NotYet(f"{name} returns nothing: does it end in a return statement?")
    return result


def _where(answer: Callable, error: Exception) -> str:
    """The line of the learner's function that an error came from, as words."""
    code = getattr(answer, "__code__", None)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if code and frame.filename == code.co_filename and frame.lineno >= code.co_firstlineno:
            text = f", `{frame.line}`" if frame.line else ""
            return f"Look at line {frame.lineno - code.co_firstlineno + 1} of it{text}"
    return "Look at how it is called"


def number(name: str, answer) -> float:
    """The answer as a number.

    Raises:
        NotYet: when it is none.
    """
    value = np.asarray(answer)
    if value.dtype.kind in "iuf" and value.size == 1:
        return value.item()
    raise NotYet(f"{name} is {answer!r}: give one number.")


def choice(answer, right: str, problems: dict[str, str]) -> None:
    """Raises `NotYet` unless the answer is the letter `right`, and says what is wrong with it."""
    letter = str(answer).strip().upper()[:1]
    if letter in problems:
        raise NotYet(problems[letter])
    if letter != right:
        raise NotYet(f"{answer!r} is none of the four: answer with one letter, such as 'A'.")


def same_shape(name: str, got, wanted: tuple[int, ...]) -> None:
    """Raises `NotYet` when an array or tensor has another shape than it should."""
    if not isinstance(got, (np.ndarray, torch.Tensor)):
        raise NotYet(f"{name} is a {type(got).__name__}: return an array of shape {wanted}.")
    if tuple(got.shape) != tuple(wanted):
        raise NotYet(f"{name} has shape {tuple(got.shape)}, but {tuple(wanted)} is wanted.")


def close(got, wanted, tolerance: float = 1e-4) -> bool:
    """Whether two numbers or arrays agree up to `tolerance` everywhere."""
    difference = torch.as_tensor(got).double() - torch.as_tensor(wanted).double()
    return bool((difference.abs() <= tolerance).all())
