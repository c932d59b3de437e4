"""Ideas beyond the plain VQ-VAE and PixelCNN, one file each.

levels      two codes for each place: hierarchical and residual, and a prior in two stages
"""

from vqgen_utils.models.beyond import levels

__all__ = ["levels"]
