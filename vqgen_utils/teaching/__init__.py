"""What a notebook needs beside the science: exercises that answer, mistakes to watch, controls.

exercises/  a module of checks a notebook    demos/  a module a mistake, small enough to watch
widgets/    controls above pure plots        `show_source` shows the package's own text
"""

from vqgen_utils.teaching.source import show_source

__all__ = ["demos", "exercises", "show_source", "widgets"]
