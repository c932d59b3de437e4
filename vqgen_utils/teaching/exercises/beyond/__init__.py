"""The checks of notebooks 10 to 14, a module a notebook."""

from vqgen_utils.teaching.exercises.beyond import critic

__all__ = ["critic"]
