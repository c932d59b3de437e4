"""Ideas beyond the plain VQ-VAE and PixelCNN, one file each.

alphabets    what can stand in place of the codebook
"""

from vqgen_utils.models.beyond import alphabets

__all__ = ["alphabets"]
