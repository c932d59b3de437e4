"""Pictures of notebooks 10 to 14, a file for each notebook.

levels      11: what each level of codes leaves, and what it holds
"""

from vqgen_utils.plots.beyond import levels

__all__ = ["levels"]
