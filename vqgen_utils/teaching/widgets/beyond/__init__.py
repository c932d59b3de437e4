"""Controls of notebooks 10 to 14, on top of the plots of the same names."""

from vqgen_utils.teaching.widgets.beyond import critic

__all__ = ["critic"]
