"""What a notebook needs beside the science: exercises that answer, mistakes to watch, controls.

exercises/  a module of checks a notebook    demos/  a module a mistake, small enough to watch
widgets/    controls above pure plots        `show_source` shows the package's own text
grading/    of what learners hand in         `predict` takes an answer before it is seen
                                            `quiz` asks, and answers each answer
"""

from vqgen_utils.teaching.prediction import predict
from vqgen_utils.teaching.questions import quiz, read_quiz
from vqgen_utils.teaching.source import show_source

__all__ = [
    *("demos", "exercises", "grading", "predict", "quiz", "read_quiz", "show_source", "widgets"),
]
