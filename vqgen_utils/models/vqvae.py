"""The VQ-VAE: an encoder, a codebook, a decoder.

van den Oord et al. 2017, "Neural Discrete Representation Learning", arXiv:1711.00937.

image x (B, 1, H, W) -> encoder -> z_e (B, D, H/s, W/s) -> codebook -> z_q -> decoder -> x_hat

s is the stride: a code stands for s x s pixels, 4 x 4 by default.
"""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqgen_utils.config import VQVAEConfig
from vqgen_utils.errors import InputError
from vqgen_utils.models.codebook import Codebook, as_configured, codes_of_grid

AT_ONCE = 32  # slices that are encoded or decoded together: larger batches only take more memory


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


def halvings(config: VQVAEConfig) -> list[tuple[int, int]]:
    """Channels before and after each convolution of the `strided` stem that halves the size."""
    number = config.stride.bit_length() - 1  # log2
    channels = [1, *[config.hidden_dim // 2] * (number - 1), config.hidden_dim]
    return list(itertools.pairwise(channels))


def make_encoder(config: VQVAEConfig) -> nn.Sequential:
    """(B, 1, H, W) -> (B, D, H/s, W/s).

    The `unshuffle` stem folds each s x s block of pixels into s*s channels, so that every
    convolution runs on the small grid; the `strided` stem is the paper's: 4x4 convolutions that
    each halve the size, two of them for s = 4.
    """
    hidden = config.hidden_dim
    if config.stem == "unshuffle":
        stem = [
            nn.PixelUnshuffle(config.stride),  # (B, s*s, H/s, W/s)
            nn.Conv2d(config.stride**2, hidden, 3, padding=1),
        ]
    else:
        stem = []
        for into, out in halvings(config):
            stem += [nn.Conv2d(into, out, 4, stride=2, padding=1), nn.ReLU()]
        stem.append(nn.Conv2d(hidden, hidden, 3, padding=1))  # (B, hidden, H/s, W/s)
    to_codes = nn.Conv2d(hidden, config.embedding_dim, 1)
    return nn.Sequential(*stem, *residual_stack(config), nn.ReLU(), to_codes)


def make_decoder(config: VQVAEConfig) -> nn.Sequential:
    """(B, D, H/s, W/s) -> (B, 1, H, W); the mirror of `make_encoder`."""
    hidden = config.hidden_dim
    from_codes = nn.Conv2d(config.embedding_dim, hidden, 3, padding=1)
    if config.stem == "unshuffle":
        head = [
            nn.Conv2d(hidden, config.stride**2, 3, padding=1),
            nn.PixelShuffle(config.stride),  # (B, 1, H, W)
        ]
    else:
        head = []
        for out, into in reversed(halvings(config)):
            head += [nn.ConvTranspose2d(into, out, 4, stride=2, padding=1), nn.ReLU()]
        head.pop()  # pixels may lie on either side of zero
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
        self.codebook = Codebook(**as_configured(config), seed=seed)
        self.decoder = make_decoder(config)
        self.register_buffer("data_variance", torch.tensor(float(data_variance)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Reconstruct a batch and say what it costs.

        Args:
            x: (B, 1, H, W) in [0, 1]; H and W multiples of the stride s.

        Returns:
            x_hat (B, 1, H, W), codes (B, H/s, W/s), and the loss term by term: `loss` is the sum of
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
        """Images (N, 1, H, W) in [0, 1] -> codes (N, H/s, W/s), integers in [0, K).

        However many there are, a few at a time are looked at. They may be on another device than
        the model, and of any floating-point type; the codes come back to their device.

        Raises:
            InputError: when the images have another shape than the model takes.
        """
        stride = self.config.stride
        if x.ndim != 4 or x.shape[1] != 1 or x.shape[2] % stride or x.shape[3] % stride:
            raise InputError(
                f"images of shape {tuple(x.shape)} cannot be encoded: give (N, 1, H, W) with H and "
                f"W multiples of {stride}."
            )
        codes = [self._encode(some.to(self.device)) for some in x.split(AT_ONCE)]
        return torch.cat(codes).to(x.device)

    def _encode(self, x: Tensor) -> Tensor:
        return codes_of_grid(self.codebook, self.encoder(x.float()))  # (B, h, w)

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Codes (N, h, w) -> images (N, 1, s*h, s*w), clamped to [0, 1], a few at a time.

        The codes may be on another device than the model; the images come back to it.

        Raises:
            InputError: when a code is outside the codebook.
        """
        if len(codes) and not 0 <= int(codes.min()) <= int(codes.max()) < self.num_embeddings:
            raise InputError(
                f"codes lie in [{int(codes.min())}, {int(codes.max())}] but the codebook has "
                f"{self.num_embeddings}: these codes come from another VQ-VAE."
            )
        images = [
            self.decoder(self.lookup(some.to(self.device))).clamp(0, 1).to(codes.device)
            for some in codes.split(AT_ONCE)
        ]
        return torch.cat(images)

    def lookup(self, codes: Tensor) -> Tensor:
        """What the decoder sees of a grid of codes: (B, h, w) -> (B, D, h, w)."""
        return self.codebook.lookup(codes)

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
