"""Controls of notebooks 10 to 14, on top of the plots of the same names.

alphabets    the price of a bit (10)
"""

from vqgen_utils.teaching.widgets.beyond import alphabets, together

__all__ = ["alphabets", "together"]
