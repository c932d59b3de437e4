"""Pictures of notebooks 10 to 14, a file for each notebook.

levels     what each level of codes leaves and holds (11)
together   every variant on every measure (14)
"""

from vqgen_utils.plots.beyond import levels, together

__all__ = ["levels", "together"]
