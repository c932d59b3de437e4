"""The VQ-VAE: an encoder, a codebook, a decoder.

van den Oord et al. 2017, "Neural Discrete Representation Learning", arXiv:1711.00937.

image x (B, 1, H, W) -> encoder -> z_e (B, D, H/4, W/4) -> codebook -> z_q -> decoder -> x_hat
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqgen_utils.config import VQVAEConfig
from vqgen_utils.errors import InputError
from vqgen_utils.quantizer import Codebook

STRIDE = 4  # pixels a code covers along each axis


class ResidualBlock(nn.Module):
    """relu, 3x3, relu, 1x1, added to its input: (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, channels: int, hidden: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, hidden, 3, padding=1)
        self.conv2 = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.conv1(F.relu(x))))


def residual_stack(config: VQVAEConfig) -> list[nn.Module]:
    """`residual_layers` blocks, each with weights of its own."""
    return [
        ResidualBlock(config.hidden_dim, config.residual_hidden_dim)
        for _ in range(config.residual_layers)
    ]


def make_encoder(config: VQVAEConfig) -> nn.Sequential:
    """(B, 1, H, W) -> (B, D, H/4, W/4).

    The `unshuffle` stem folds each 4x4 block of pixels into 16 channels, so that every convolution
    runs on the small grid; the `strided` stem is the paper's: two 4x4 convolutions of stride 2.
    """
    hidden = config.hidden_dim
    if config.stem == "unshuffle":
        stem = [
            nn.PixelUnshuffle(STRIDE),  # (B, 16, H/4, W/4)
            nn.Conv2d(STRIDE**2, hidden, 3, padding=1),
        ]
    else:
        stem = [
            nn.Conv2d(1, hidden // 2, 4, stride=2, padding=1),  # (B, hidden/2, H/2, W/2)
            nn.ReLU(),
            nn.Conv2d(hidden // 2, hidden, 4, stride=2, padding=1),  # (B, hidden, H/4, W/4)
            nn.ReLU(),
            nn.Conv2d(hidden, hidden, 3, padding=1),
        ]
    to_codes = nn.Conv2d(hidden, config.embedding_dim, 1)
    return nn.Sequential(*stem, *residual_stack(config), nn.ReLU(), to_codes)


def make_decoder(config: VQVAEConfig) -> nn.Sequential:
    """(B, D, H/4, W/4) -> (B, 1, H, W); the mirror of `make_encoder`."""
    hidden = config.hidden_dim
    from_codes = nn.Conv2d(config.embedding_dim, hidden, 3, padding=1)
    if config.stem == "unshuffle":
        head = [
            nn.Conv2d(hidden, STRIDE**2, 3, padding=1),
            nn.PixelShuffle(STRIDE),  # (B, 1, H, W)
        ]
    else:
        head = [
            nn.ConvTranspose2d(hidden, hidden // 2, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(hidden // 2, 1, 4, stride=2, padding=1),  # (B, 1, H, W)
        ]
    return nn.Sequential(from_codes, *residual_stack(config), nn.ReLU(), *head)


class VQVAE(nn.Module):
    """Encoder, codebook and decoder, with the loss of eq. 3.

    Args:
        config: sizes and choices.
        data_variance: of the training pixels. The squared error is divided by it, so that 1 means
            "no better than the mean image value" whatever the contrast.
        seed: of the codebook's draws.
    """

    def __init__(self, config: VQVAEConfig, data_variance: float = 1.0, seed: int = 0):
        super().__init__()
        self.config = config
        self.encoder = make_encoder(config)
        self.codebook = Codebook(
            config.num_embeddings,
            config.embedding_dim,
            commitment_cost=config.commitment_cost,
            update=config.codebook_update,
            decay=config.decay,
            revive_below=config.revive_below,
            seed=seed,
        )
        self.decoder = make_decoder(config)
        self.register_buffer("data_variance", torch.tensor(float(data_variance)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Reconstruct a batch and say what it costs.

        Args:
            x: (B, 1, H, W) in [0, 1]; H and W multiples of 4.

        Returns:
            x_hat (B, 1, H, W), codes (B, H/4, W/4), and the loss term by term: `loss` is the sum of
            `reconstruction` = |x - x_hat|^2 / variance, `commitment` and, for the gradient update,
            `codebook`.
        """
        z_q, codes, losses = self.codebook(self.encoder(x))
        x_hat = self.decoder(z_q)
        losses["reconstruction"] = F.mse_loss(x_hat, x) / self.data_variance
        losses["loss"] = sum(losses.values())
        return x_hat, codes, losses

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """Images (B, 1, H, W) in [0, 1] -> codes (B, H/4, W/4), integers in [0, K).

        The images may be on another device than the model; the codes come back to it.

        Raises:
            InputError: when the images have another shape than the model takes.
        """
        if x.ndim != 4 or x.shape[1] != 1 or x.shape[2] % STRIDE or x.shape[3] % STRIDE:
            raise InputError(
                f"images of shape {tuple(x.shape)} cannot be encoded: give (B, 1, H, W) with H and "
                f"W multiples of {STRIDE}."
            )
        z_e = self.encoder(x.to(self.device))  # (B, D, h, w)
        batch, dim, height, width = z_e.shape
        vectors = z_e.permute(0, 2, 3, 1).reshape(-1, dim)  # (B*h*w, D)
        return self.codebook.nearest(vectors).view(batch, height, width).to(x.device)  # (B, h, w)

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Codes (B, h, w) -> images (B, 1, 4h, 4w), clamped to [0, 1].

        The codes may be on another device than the model; the images come back to it.

        Raises:
            InputError: when a code is outside the codebook.
        """
        if len(codes) and not 0 <= int(codes.min()) <= int(codes.max()) < self.num_embeddings:
            raise InputError(
                f"codes lie in [{int(codes.min())}, {int(codes.max())}] but the codebook has "
                f"{self.num_embeddings}: these codes come from another VQ-VAE."
            )
        images = self.decoder(self.codebook.lookup(codes.to(self.device)))
        return images.clamp(0, 1).to(codes.device)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.data_variance.device

    @property
    def num_embeddings(self) -> int:
        """K, the number of codes."""
        return self.config.num_embeddings


def vqvae_losses(model: nn.Module, batch: list[Tensor]) -> dict[str, Tensor]:
    """The loss terms of one batch (images, heights), for `fit`."""
    images = batch[0]
    return model(images)[2]
