"""Pictures of notebooks 10 to 14, a file for each notebook.

alphabets    cells of a plane, codes in use, bits against likeness (10)
together     every variant on every measure (14)
"""

from vqgen_utils.plots.beyond import alphabets, together

__all__ = ["alphabets", "together"]
