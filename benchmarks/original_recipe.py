"""The original's recipe, from its description.

The starting point of this project is a published student project: a VQ-VAE whose layers, settings
and mistakes are described, and whose code is not here. This is that recipe written afresh, for
benchmarks to measure against.

From the description: 128 codes; stride 4 by two 4x4 convolutions of stride 2, then a 3x3; 128
channels; two residual blocks that share one set of weights, 32 channels inside; a code projection
sized by the number of codes, which works only because codes have 128 numbers as well; a codebook
learned by its loss (van den Oord et al. 2017, eq. 3), commitment 0.25; a plain squared error, not
divided by the data's variance; AdamW with a learning rate of 1e-2, batches of 32.

The description leaves open, and is completed in the original's favour:

- the schedule: it says nothing, so the rate is constant, and gradients are not clipped;
- the codes' first values: uniform in [-1/K, 1/K], as is usual;
- how the nearest code is found: by one matrix product, as in `vqgen_utils.quantizer`; a table of
  distances and one-hot codes would give the same, later;
- the residual block: the paper's, as in `vqgen_utils.vqvae`.

The original's 8-bit clipping of images is left out, so that all recipes can be given the same data.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from vqgen_utils.quantizer import Codebook
from vqgen_utils.vqvae import ResidualBlock

NUM_EMBEDDINGS = 128  # K
EMBEDDING_DIM = 128  # D
HIDDEN_DIM = 128
RESIDUAL_LAYERS = 2
RESIDUAL_HIDDEN_DIM = 32
COMMITMENT_COST = 0.25
LEARNING_RATE = 1e-2  # AdamW's
WEIGHT_DECAY = 0.01  # AdamW's default
BATCH_SIZE = 32


def residual_stack() -> nn.Sequential:
    """Two residual blocks that are one: `[layer] * n` repeats a reference, not the weights."""
    return nn.Sequential(*[ResidualBlock(HIDDEN_DIM, RESIDUAL_HIDDEN_DIM)] * RESIDUAL_LAYERS)


class OriginalVQVAE(nn.Module):
    """The original's layers around a codebook; called like `vqgen_utils.vqvae.VQVAE`.

    Args:
        codebook_update: "gradient", the original's, or "ema", the codebook of this package.
        seed: of the EMA codebook's draws.
    """

    def __init__(self, codebook_update: str = "gradient", seed: int = 0):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, HIDDEN_DIM // 2, 4, stride=2, padding=1),  # (B, 64, H/2, W/2)
            nn.ReLU(),
            nn.Conv2d(HIDDEN_DIM // 2, HIDDEN_DIM, 4, stride=2, padding=1),  # (B, 128, H/4, W/4)
            nn.ReLU(),
            nn.Conv2d(HIDDEN_DIM, HIDDEN_DIM, 3, padding=1),
            residual_stack(),
            nn.ReLU(),
            nn.Conv2d(HIDDEN_DIM, NUM_EMBEDDINGS, 1),  # the mistake: should be EMBEDDING_DIM
        )
        self.codebook = Codebook(
            NUM_EMBEDDINGS,
            EMBEDDING_DIM,
            commitment_cost=COMMITMENT_COST,
            update=codebook_update,
            seed=seed,
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(EMBEDDING_DIM, HIDDEN_DIM, 3, padding=1),
            residual_stack(),
            nn.ReLU(),
            nn.ConvTranspose2d(HIDDEN_DIM, HIDDEN_DIM // 2, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(HIDDEN_DIM // 2, 1, 4, stride=2, padding=1),  # (B, 1, H, W)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Images (B, 1, H, W) in [0, 1] -> x_hat (B, 1, H, W), codes (B, H/4, W/4), loss terms."""
        z_q, codes, losses = self.codebook(self.encoder(x))
        x_hat = self.decoder(z_q)
        losses["reconstruction"] = F.mse_loss(x_hat, x)
        losses["loss"] = sum(losses.values())
        return x_hat, codes, losses
