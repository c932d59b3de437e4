"""Pictures of notebooks 10 to 14, a file for each notebook.

attention  where a prior pays, and where it looks
"""

from vqgen_utils.plots.beyond import attention

__all__ = ["attention"]
