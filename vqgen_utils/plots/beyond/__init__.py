"""Pictures of notebooks 10 to 14, a file for each notebook.

together   every variant on every measure (14)
"""

from vqgen_utils.plots.beyond import together

__all__ = ["together"]
