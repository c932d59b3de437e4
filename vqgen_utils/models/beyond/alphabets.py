"""Other alphabets: what can stand between encoder and decoder in place of the plain codebook.

Each takes z_e (B, D, h, w) and gives z_q, codes and loss terms, as `Codebook` does, so that a
`VQVAE` whose `codebook` it is needs no other change.

    FSQ                  no codes to learn: each number is rounded to a few levels
    RateCodebook         nearness and rarity both cost: rare codes empty by themselves
    OrthogonalCodebook   a penalty on codes that are not at right angles
    NoCodebook           z_e as it is: what quantising costs
"""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqgen_utils.config import VQVAEConfig
from vqgen_utils.machine import processes
from vqgen_utils.models.codebook import Codebook, as_configured, first_argmax

RAREST = 2.0**-30  # no code is thought rarer: it costs 30 bits, and a far vector may still wake it


class NoCodebook(nn.Module):
    """Nothing is rounded: an autoencoder, which says what the rounding of the others costs."""

    def forward(self, z_e: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """As `Codebook.forward`; there are no codes, so they are all 0."""
        return z_e, torch.zeros_like(z_e[:, 0], dtype=torch.long), {}


class FSQ(nn.Module):
    """Finite scalar quantisation: squash each of D numbers into a range, and round it.

    Mentzer et al. 2023, "Finite Scalar Quantization: VQ-VAE Made Simple", arXiv:2309.15505,
    section 3. The codes are all points of a lattice; none is learned, and none can die.

    Args:
        levels: how many values each number may take; D = len(levels), K is their product.
    """

    def __init__(self, levels: Sequence[int]):
        super().__init__()
        self.levels = tuple(levels)
        digits = torch.tensor(list(itertools.product(*map(range, self.levels))))  # (K, D)
        self.register_buffer("most", torch.tensor(self.levels) - 1.0)  # (D,), the highest digit
        self.register_buffer("embedding", 2 * digits / self.most - 1)  # (K, D) in [-1, 1]

    def extra_repr(self) -> str:
        return f"levels={self.levels}"

    def digits(self, vectors: Tensor) -> Tensor:
        """Between which levels vectors lie: (..., D) -> (..., D), each 0 to levels - 1."""
        return (torch.tanh(vectors) + 1) / 2 * self.most

    def index(self, digits: Tensor) -> Tensor:
        """The code with these whole digits, the last counting ones: (..., D) -> (...)."""
        code = torch.zeros_like(digits[..., 0])
        for number, levels in enumerate(self.levels):
            code = code * levels + digits[..., number]
        return code.long()

    @torch.no_grad()
    def nearest(self, vectors: Tensor) -> Tensor:
        """The code of each vector: (N, D) -> (N,), integers in [0, K). Nothing is searched."""
        return self.index(self.digits(vectors.float()).round())

    def lookup(self, codes: Tensor) -> Tensor:
        """The lattice points of a grid of codes: (B, h, w) integers -> (B, D, h, w)."""
        return F.embedding(codes, self.embedding).permute(0, 3, 1, 2)

    def forward(self, z_e: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """As `Codebook.forward`, without a loss: the lattice is as near as rounding makes it."""
        digits = self.digits(z_e.permute(0, 2, 3, 1))  # (B, h, w, D)
        rounded = digits + (digits.round() - digits).detach()  # straight through
        z_q = (2 * rounded / self.most - 1).permute(0, 3, 1, 2)  # (B, D, h, w)
        return z_q, self.index(rounded.detach().round()), {}


def cheapest(vectors: Tensor, codes: Tensor, shares: Tensor, weight: float | Tensor) -> Tensor:
    """The code with the smallest squared distance plus `weight` times its bits, -log2 of its share.

    Chou, Lookabaugh and Gray 1989, "Entropy-constrained Vector Quantization", IEEE Transactions on
    Acoustics, Speech, and Signal Processing 37(1).

    Args:
        vectors: (N, D).
        codes: (K, D).
        shares: (K,), how often each code is used; they sum to 1.
        weight: lambda, the squared distance that a bit is worth; 0: the nearest code.

    Returns:
        (N,) integers in [0, K).
    """
    bits = -shares.clamp(min=RAREST).log2()  # (K,)
    price = codes.square().sum(1) + weight * bits  # (K,); |z|^2 is the same for all codes
    return first_argmax(torch.addmm(-price / 2, vectors, codes.t()))


def settle(
    vectors: Tensor, codes: Tensor, weight: float, rounds: int = 30
) -> tuple[Tensor, Tensor]:
    """Choose the cheapest codes and count them, in turns, until their shares are those chosen.

    Args:
        vectors: (N, D).
        codes: (K, D), which stay where they are.
        weight: lambda of `cheapest`.
        rounds: turns at most.

    Returns:
        The choice (N,) and the shares of the codes in it (K,).
    """
    shares = torch.full_like(codes[:, 0], 1 / len(codes))  # equal: a start without a preference
    chosen = cheapest(vectors, codes, shares, 0.0)
    for _ in range(rounds):
        before = shares
        shares = torch.bincount(chosen, minlength=len(codes)) / len(chosen)  # (K,)
        if torch.equal(before, shares):
            break
        chosen = cheapest(vectors, codes, shares, weight)
    return chosen, shares


class RateCodebook(Codebook):
    """A codebook in which a rare code is dear: each vector takes the cheapest code (`cheapest`).

    What is rare is chosen less, gets rarer, and at last is empty. Nobody says how many codes shall
    be left: that follows from what a bit is worth.

    A squared distance has no unit of its own, for an encoder may make all its vectors longer. So
    lambda is `weight` times the spread of the vectors of late, |z - mean|^2. (Their mean error
    |z - e|^2 would not do: fewer codes, a larger error, a dearer bit, still fewer codes.)

    Args:
        config: K, D, beta and the decay of the moving averages, from which the shares come.
        weight: what a bit is worth, as a share of the spread of the vectors.
        free: updates in which bits cost nothing yet and dead codes are revived as usual; a code
            that lost its vectors while the encoder made its first moves is not one too many.
        seed: of the data initialisation and the revival.
    """

    def __init__(self, config: VQVAEConfig, weight: float, free: int, seed: int = 0):
        super().__init__(**as_configured(config) | {"update": "ema", "seed": seed})
        self.weight, self.free = weight, free
        self.register_buffer("ema_spread", torch.zeros(()))

    def extra_repr(self) -> str:
        return f"weight={self.weight}, free={self.free}"

    @torch.no_grad()
    def nearest(self, vectors: Tensor) -> Tensor:
        """The cheapest code for each vector: (N, D) -> (N,), integers in [0, K)."""
        if self.updates < self.free:
            return super().nearest(vectors)
        with torch.autocast(vectors.device.type, enabled=False):
            shares = self.ema_count / self.ema_count.sum()  # (K,)
            worth = self.weight * self.ema_spread
            return cheapest(vectors.float(), self.embedding, shares, worth)

    @torch.no_grad()
    def _follow(self, vectors: Tensor, indices: Tensor) -> None:
        spread = processes.add_up(vectors.var(0, correction=0).sum()) / processes.number()
        self.ema_spread.lerp_(spread, 1 - self.decay if self.updates else 1.0)
        super()._follow(vectors, indices)

    def _revive(self, vectors: Tensor, indices: Tensor, even_share: Tensor) -> None:
        if self.updates < self.free:
            super()._revive(vectors, indices, even_share)


def orthogonality(codes: Tensor) -> Tensor:
    """How far codes are from being at right angles: (K, D) -> a number, 0 if all are.

    |C C^T - I|^2 / K^2 with the codes at length 1 as the rows of C.

    Shin et al. 2023, "Exploration into Translation-Equivariant Image Quantization", ICASSP,
    arXiv:2112.00384, section 2.
    """
    cosines = F.normalize(codes) @ F.normalize(codes).t()  # (K, K)
    return (cosines - torch.eye(len(codes), device=codes.device)).square().mean()


def orthogonality_floor(codes: int, dim: int) -> float:
    """The least that `orthogonality` can be for K codes of D numbers.

    K directions cannot all be at right angles in D < K dimensions. |C C^T|^2 is the sum of the
    squared eigenvalues of C^T C, D numbers that sum to K; it is least where they are equal, and
    then it is K^2 / D. The diagonal takes K of it.

    Welch 1974, "Lower Bounds on the Maximum Cross Correlation of Signals", IEEE Transactions on
    Information Theory 20(3).
    """
    return max(0.0, codes * (codes - dim) / (dim * codes**2))


class OrthogonalCodebook(Codebook):
    """A plain codebook with a loss term more, `weight` times the `orthogonality` of its codes.

    Args:
        config: K, D, beta, and how the codes learn: by gradient, or as running means.
        weight: of the penalty.
        seed: of the data initialisation and the revival (ema only).
    """

    def __init__(self, config: VQVAEConfig, weight: float, seed: int = 0):
        super().__init__(**as_configured(config), seed=seed)
        self.weight = weight

    def extra_repr(self) -> str:
        return f"weight={self.weight}"

    def forward(self, z_e: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """As `Codebook.forward`, with `orthogonality` among the losses."""
        z_q, codes, losses = super().forward(z_e)
        penalty = self.weight * orthogonality(self.embedding)
        return z_q, codes, losses | {"orthogonality": penalty}
