"""Controls of notebooks 10 to 14, on top of the plots of the same names.

levels      11: exchange the levels of two slices
"""

from vqgen_utils.teaching.widgets.beyond import levels

__all__ = ["levels"]
