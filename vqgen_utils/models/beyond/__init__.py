"""Ideas beyond the plain VQ-VAE and PixelCNN, one file each.

alphabets  what can stand in place of the codebook    levels  two codes, a prior in two stages
attention  a prior that asks all rows above           mirror  one that looks up the other side
critic     a decoder with noise, and the critics that it learns from
"""

from vqgen_utils.models.beyond import alphabets, attention, critic, levels
from vqgen_utils.models.beyond.attention import RowAttention
from vqgen_utils.models.beyond.mirror import Mirror

__all__ = ["Mirror", "RowAttention", "alphabets", "attention", "critic", "levels"]
