"""Controls of notebooks 10 to 14, on top of the plots of the same names."""

from vqgen_utils.teaching.widgets.beyond import alphabets, attention, critic, levels, together

__all__ = ["alphabets", "attention", "critic", "levels", "together"]
