"""Two levels of codes: the second says what the first could not, and its prior is told the first.

residual      two codes a position, the second for what the first left
                  Lee et al. 2022, "Autoregressive Image Generation using Residual Quantization",
                  arXiv:2203.01941 (section 3.1; there one codebook serves all depths)
hierarchical  a coarse grid of codes and a fine one, which is chosen knowing the coarse one
                  Razavi et al. 2019, "Generating Diverse High-Fidelity Images with VQ-VAE-2",
                  arXiv:1906.00446 (section 3.1)

Both give two grids, `top` and `bottom`. Their prior has two stages (VQ-VAE-2, section 3.2):
p(top | place) p(bottom | top, place), the first a `PixelCNN`, the second a `PriorToldTop`.
"""

import copy
import dataclasses
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqgen_utils.config import PriorConfig, VQVAEConfig
from vqgen_utils.models.codebook import Codebook, as_configured, codes_of_grid
from vqgen_utils.models.pixelcnn import PixelCNN, height_features
from vqgen_utils.models.sampling import sample
from vqgen_utils.models.vqvae import AT_ONCE, VQVAE, ResidualBlock, make_decoder, make_encoder

COARSER = 2  # how many times as far apart the top codes of `HierarchicalVQVAE` are
LOOKS = 3  # blocks with which a `PriorToldTop` looks at the top, each one position farther
OTHER_NOISE = 1_000_000_007  # from a top's seed to its bottom's: else they had the same noise


class ResidualVQVAE(VQVAE):
    """A second codebook for what a trained VQ-VAE's first one left: codes (N, 2, h, w).

    The first codes are those of `first`, to the last one, so a prior over them stays what it is.
    Encoder and decoder begin as its copies and learn on, with the second codebook between them.
    RQ-VAE learns all of its codebooks at once; the older way is this, a stage after the other:

        Juang and Gray 1982, "Multiple stage vector quantization for speech coding", ICASSP.

    Args:
        first: a trained VQ-VAE; a copy of it is kept.
        seed: of the second codebook's draws.
    """

    def __init__(self, first: VQVAE, seed: int = 0):
        super().__init__(first.config, float(first.data_variance), seed)
        self.first = copy.deepcopy(first).requires_grad_(False)
        self.encoder.load_state_dict(first.encoder.state_dict())
        self.decoder.load_state_dict(first.decoder.state_dict())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """As for `VQVAE`, with codes (B, 2, h, w): the first, and those of the rest."""
        with torch.autocast(x.device.type, enabled=False):  # to be the codes of `first` exactly
            top = self.first.encode(x)  # (B, h, w)
        q_top = self.first.lookup(top)  # (B, D, h, w)
        q_rest, bottom, losses = self.codebook(self.encoder(x) - q_top)
        x_hat = self.decoder(q_top + q_rest)
        losses["reconstruction"] = F.mse_loss(x_hat, x) / self.data_variance
        losses["loss"] = sum(losses.values())
        return x_hat, torch.stack([top, bottom], 1), losses

    def _encode(self, x: Tensor) -> Tensor:
        top = self.first.encode(x)  # (B, h, w)
        rest = self.encoder(x.float()) - self.first.lookup(top)  # (B, D, h, w)
        return torch.stack([top, codes_of_grid(self.codebook, rest)], 1)

    def lookup(self, codes: Tensor) -> Tensor:
        """The sum of both vectors, or the first alone: (B, 2 or 1, h, w) -> (B, D, h, w)."""
        top, *bottom = codes.unbind(1)
        return self.first.lookup(top) + sum(self.codebook.lookup(grid) for grid in bottom)

    def to_grids(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images (N, 1, H, W) -> the first codes and the second, each (N, h, w)."""
        return self.encode(x).unbind(1)

    def from_grids(self, top: Tensor, bottom: Tensor | None = None) -> Tensor:
        """Grids (N, h, w) -> images (N, 1, H, W); without `bottom`, of the first codes alone."""
        return self.decode(torch.stack([top] if bottom is None else [top, bottom], 1))


class HierarchicalVQVAE(nn.Module):
    """A VQ-VAE with a coarse grid of codes above a fine one (VQ-VAE-2).

    The bottom codes are chosen knowing the top ones, and the decoder sees both.

    Args:
        config: sizes and choices; its stride is the bottom's, the top's is COARSER times as much.
        data_variance, seed: as for `VQVAE`.
        alone: share of the slices that learn without their bottom, with the mean bottom vector in
            its place. At 0 nothing forces the top to say anything, if the bottom can say it all.
    """

    def __init__(
        self,
        config: VQVAEConfig,
        data_variance: float = 1.0,
        seed: int = 0,
        alone: float = 0.0,
    ):
        super().__init__()
        self.alone = alone
        hidden, dim = config.hidden_dim, config.embedding_dim
        self.config = config
        self.encoder = make_encoder(dataclasses.replace(config, embedding_dim=hidden))
        self.to_top = nn.Sequential(
            nn.PixelUnshuffle(COARSER),
            nn.Conv2d(hidden * COARSER**2, hidden, 1),
            nn.ReLU(),
            nn.Conv2d(hidden, dim, 3, padding=1),
        )
        self.top = Codebook(**as_configured(config), seed=seed)
        self.from_top = nn.Sequential(
            nn.Conv2d(dim, dim * COARSER**2, 3, padding=1), nn.PixelShuffle(COARSER)
        )
        self.to_bottom = nn.Sequential(nn.ReLU(), nn.Conv2d(hidden + dim, dim, 1))
        self.bottom = Codebook(**as_configured(config), seed=seed + 1)
        self.decoder = make_decoder(dataclasses.replace(config, embedding_dim=2 * dim))
        self.register_buffer("data_variance", torch.tensor(float(data_variance)))
        self.register_buffer("mean_bottom", torch.zeros(dim))  # of the vectors behind bottom codes

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor], dict[str, Tensor]]:
        """As for `VQVAE`: x (B, 1, H, W) -> x_hat (B, 1, H, W), (top, bottom), losses."""
        z_top, features = self._to_top(x)
        q_top, top, losses_top = self.top(z_top)
        spread = self._spread(q_top, features.shape[2:])  # (B, D, h, w)
        q_bottom, bottom, losses = self.bottom(self.to_bottom(torch.cat([features, spread], 1)))
        if self.training:
            q_bottom = self._at_times_without(q_bottom)
        x_hat = self.decoder(torch.cat([spread, q_bottom], 1))
        losses = {name: losses[name] + losses_top[name] for name in losses}
        losses["reconstruction"] = F.mse_loss(x_hat, x) / self.data_variance
        losses["loss"] = sum(losses.values())
        return x_hat, (top, bottom), losses

    def _at_times_without(self, q_bottom: Tensor) -> Tensor:
        """The bottom's vectors (B, D, h, w), and their running mean in their place for a few."""
        with torch.no_grad():
            self.mean_bottom.lerp_(q_bottom.mean((0, 2, 3)), 1 - self.config.decay)
        without = torch.rand(len(q_bottom), 1, 1, 1, device=q_bottom.device) < self.alone
        return torch.where(without, self.mean_bottom[:, None, None], q_bottom)

    def _to_top(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 1, H, W) -> what becomes top codes (B, D, h', w'), and features (B, C, h, w)."""
        features = self.encoder(x)
        height, width = features.shape[2:]
        whole = F.pad(features, (0, -width % COARSER, 0, -height % COARSER))
        return self.to_top(whole), features

    def _spread(self, q_top: Tensor, grid: tuple[int, int]) -> Tensor:
        """What the top codes say of each position of the bottom: (B, D, h', w') -> (B, D, h, w)."""
        return self.from_top(q_top)[:, :, : grid[0], : grid[1]]

    @torch.no_grad()
    def to_grids(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images (N, 1, H, W) -> top (N, h', w') and bottom (N, h, w), a few at a time."""
        pairs = [self._to_grids(some.to(self.device).float()) for some in x.split(AT_ONCE)]
        top, bottom = (torch.cat(grids).to(x.device) for grids in zip(*pairs, strict=True))
        return top, bottom

    def _to_grids(self, x: Tensor) -> tuple[Tensor, Tensor]:
        z_top, features = self._to_top(x)
        top = codes_of_grid(self.top, z_top)
        spread = self._spread(self.top.lookup(top), features.shape[2:])
        z_bottom = self.to_bottom(torch.cat([features, spread], 1))
        return top, codes_of_grid(self.bottom, z_bottom)

    @torch.no_grad()
    def from_grids(self, top: Tensor, bottom: Tensor | None = None) -> Tensor:
        """Grids (N, h', w') and (N, h, w) -> images (N, 1, H, W), clamped to [0, 1].

        Without `bottom`, the mean of all bottom vectors stands at every position.
        """
        images = []
        for start in range(0, len(top), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            q_top = self.top.lookup(top[some].to(self.device))  # (B, D, h', w')
            if bottom is None:
                spread = self.from_top(q_top)  # (B, D, h, w)
                q_bottom = self.mean_bottom[:, None, None].expand_as(spread)
            else:
                q_bottom = self.bottom.lookup(bottom[some].to(self.device))  # (B, D, h, w)
                spread = self._spread(q_top, q_bottom.shape[2:])
            images.append(self.decoder(torch.cat([spread, q_bottom], 1)).clamp(0, 1))
        return torch.cat(images).to(top.device)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.data_variance.device

    @property
    def num_embeddings(self) -> int:
        """K, the number of codes of either level."""
        return self.config.num_embeddings


def told(features: Tensor, top: Tensor) -> Tensor:
    """The condition of a `PriorToldTop`: (B, F) and codes (B, h', w') -> (B, F + h'*w').

    Codes stand in it as numbers; a float32 holds every whole number up to 2**24.
    """
    return torch.cat([features, top.to(features).flatten(1)], 1)


class PriorToldTop(PixelCNN):
    """p(bottom | top, features): a prior over the bottom grid that has the whole top before it.

    The top is known before the first bottom code is drawn, so nothing of it is the future: it
    enters like a place does, as a map added to both stacks, and no shift hides any of it. So the
    sampler that draws from a `PixelCNN`, a piece at a time, draws from this one as it is.

    Args:
        config: sizes.
        num_embeddings: K, of either level.
        grid: (h, w) of the bottom.
        top_grid: (h', w') of the top.
    """

    def __init__(
        self,
        config: PriorConfig,
        num_embeddings: int,
        grid: tuple[int, int],
        top_grid: tuple[int, int],
    ):
        super().__init__(config, num_embeddings, grid)
        channels = config.prior_channels
        self.top_grid = tuple(top_grid)
        self.top_embedding = nn.Embedding(num_embeddings, channels)
        self.look_around = nn.Sequential(
            *(ResidualBlock(channels, channels) for _ in range(LOOKS)),
            nn.Conv2d(channels, 2 * channels, 1),
        )

    def everywhere(self, condition: Tensor) -> Tensor:
        """Of a condition (B, F + h'*w') the features (B, F)."""
        return condition[:, : self.features]

    def places(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        """What to expect at each position, given its place and the top codes around it.

        Args:
            condition: (B, F + h'*w'), of `told`.

        Returns:
            Two (B, C, h, w), as for `PixelCNN`.
        """
        top = condition[:, self.features :].long().unflatten(1, self.top_grid)  # (B, h', w')
        map_v, map_row = self.look_around(self._on_the_grid(top)).chunk(2, 1)  # (B, C, h, w)
        place_v, place_row = super().places(self.everywhere(condition))
        return place_v + map_v, place_row + map_row

    def _on_the_grid(self, top: Tensor) -> Tensor:
        """Each top code at all positions of the bottom that it covers: (B, C, h, w)."""
        (height, width), (top_height, top_width) = self.grid, self.top_grid
        rows = torch.arange(height, device=top.device) // -(-height // top_height)  # (h,)
        columns = torch.arange(width, device=top.device) // -(-width // top_width)  # (w,)
        return self.top_embedding(top[:, rows][:, :, columns]).permute(0, 3, 1, 2)


def draw(
    top_prior: PixelCNN, bottom_prior: PriorToldTop, features: Tensor, seeds: Sequence[int], **how
) -> tuple[Tensor, Tensor]:
    """Draw in two stages: the top, then a bottom for it.

    Args:
        top_prior, bottom_prior: the two stages.
        features: (B, F), a row an image.
        seeds: B integers, of the images; the bottom's noise is another one than the top's.
        how: temperature, top_k and progress, as for `sample`.

    Returns:
        top (B, h', w') and bottom (B, h, w).
    """
    top = sample(top_prior, features, seeds, **how)
    return top, draw_bottom(bottom_prior, features, top, seeds, **how)


def draw_bottom(
    prior: PriorToldTop, features: Tensor, top: Tensor, seeds: Sequence[int], **how
) -> Tensor:
    """Draw a bottom (B, h, w) for each top (B, h', w'); arguments as for `draw`."""
    return sample(prior, told(features, top), [seed + OTHER_NOISE for seed in seeds], **how)


def bottom_losses(
    grid: tuple[int, int], model: nn.Module, batch: list[Tensor]
) -> dict[str, Tensor]:
    """Cross-entropy in nats a bottom code of one batch (grids `side_by_side`, heights), for `fit`.

    `grid` is the bottom's, (h, w).
    """
    grids, height = batch
    top, bottom = grids[:, : -math.prod(grid)], grids[:, -math.prod(grid) :]  # (B, h'*w' and h*w)
    bottom = bottom.unflatten(1, grid)
    logits = model(bottom, told(height_features(height), top))
    return {"loss": F.cross_entropy(logits, bottom)}


def side_by_side(top: Tensor, bottom: Tensor) -> Tensor:
    """Both grids of each image as one row of codes: (B, h'*w' + h*w)."""
    return torch.cat([top.flatten(1), bottom.flatten(1)], 1)
