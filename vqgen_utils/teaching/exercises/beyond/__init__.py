"""The checks of notebooks 10 to 14, a module a notebook.

attention  notebook 12
"""

from vqgen_utils.teaching.exercises.beyond import attention

__all__ = ["attention"]
