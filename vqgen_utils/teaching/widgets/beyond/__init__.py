"""Controls of notebooks 10 to 14, on top of the plots of the same names.

attention  where a prior looks
"""

from vqgen_utils.teaching.widgets.beyond import attention

__all__ = ["attention"]
