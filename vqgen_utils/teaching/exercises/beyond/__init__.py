"""The checks of notebooks 10 to 14, a module a notebook.

levels      11: residual codes, and a top that says nothing
"""

from vqgen_utils.teaching.exercises.beyond import levels

__all__ = ["levels"]
