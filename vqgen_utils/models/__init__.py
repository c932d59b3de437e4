"""The networks: a VQ-VAE turns slices into codes, a prior says how likely codes are.

codebook     the nearest of K vectors             pixelcnn     the prior over grids of codes
vqvae        encoder and decoder around it        incremental  its stacks, a piece at a time
                                                  sampling     drawing from it
"""

from vqgen_utils.models import pixelcnn, sampling, vqvae
from vqgen_utils.models.codebook import Codebook
from vqgen_utils.models.pixelcnn import PixelCNN, height_features, prior_losses
from vqgen_utils.models.sampling import sample
from vqgen_utils.models.vqvae import VQVAE, vqvae_losses

__all__ = [
    *("VQVAE", "Codebook", "PixelCNN", "height_features", "pixelcnn", "prior_losses", "sample"),
    *("sampling", "vqvae", "vqvae_losses"),
]
