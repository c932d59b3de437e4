"""Ideas beyond the plain VQ-VAE and PixelCNN, one file each.

critic    a decoder with noise, and the critics it learns from
"""

from vqgen_utils.models.beyond import critic

__all__ = ["critic"]
