"""Pictures of notebooks 10 to 14, a file for each notebook.

alphabets    cells of a plane, codes in use, bits against likeness
"""

from vqgen_utils.plots.beyond import alphabets

__all__ = ["alphabets"]
