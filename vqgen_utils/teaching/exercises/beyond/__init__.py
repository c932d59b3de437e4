"""The checks of notebooks 10 to 14, a module a notebook: alphabets 10, levels 11, attention 12,
critic 13, together 14."""

from vqgen_utils.teaching.exercises.beyond import alphabets, attention, critic, levels, together

__all__ = ["alphabets", "attention", "critic", "levels", "together"]
