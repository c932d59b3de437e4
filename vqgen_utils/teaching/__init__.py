"""What a notebook needs beside the science: exercises that answer, mistakes to watch, controls.

exercises/  a module of checks a notebook    demos/  a module a mistake, small enough to watch
widgets/    controls above pure plots        `show_source` shows the package's own text
                                            `predict` takes an answer before it is seen
"""

from vqgen_utils.teaching.prediction import predict
from vqgen_utils.teaching.source import show_source

__all__ = ["demos", "exercises", "predict", "show_source", "widgets"]
