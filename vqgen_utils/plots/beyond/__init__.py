"""Pictures of notebooks 10 to 14, a file for each notebook.

critic    a decoder and its critics
"""

from vqgen_utils.plots.beyond import critic

__all__ = ["critic"]
