"""Pictures of notebooks 10 to 14, a file for each notebook.

attention  where a prior pays and looks (12)    together   every variant on every measure (14)
"""

from vqgen_utils.plots.beyond import attention, together

__all__ = ["attention", "together"]
