"""Ideas beyond the plain VQ-VAE and PixelCNN, one file each.

attention  a prior that asks all rows above    mirror  one that looks up the other side
"""

from vqgen_utils.models.beyond import attention
from vqgen_utils.models.beyond.attention import RowAttention
from vqgen_utils.models.beyond.mirror import Mirror

__all__ = ["Mirror", "RowAttention", "attention"]
