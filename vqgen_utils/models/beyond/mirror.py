"""Knowledge of symmetry: the second half of a grid looks up the first half, mirrored.

When a row beyond the middle is drawn, the whole first half is known. So a small network may look at
that half in all directions, with no mask; what it finds at row i is handed to row h - 1 - i. That
is causal, and a sampler needs it once a grid.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Mirror(nn.Module):
    """What the first half of the vertical stack's rows tells the second half, row by row mirrored.

    For the first of the stack's layers: its row i + 1 is row i of the codes. What it adds is zero
    until it is trained: a prior that has it begins as one without.

    Args:
        channels: C of the stack.
        grid: (h, w), h >= 2.
        layers: 3x3 convolutions; they see so many rows and columns around the mirrored position.
    """

    def __init__(self, channels: int, grid: tuple[int, int], layers: int = 3):
        super().__init__()
        self.grid, self.half = tuple(grid), grid[0] // 2
        convolutions = [nn.Conv2d(channels, channels, 3, padding=1) for _ in range(layers)]
        nn.init.zeros_(convolutions[-1].weight)
        nn.init.zeros_(convolutions[-1].bias)
        apart = [part for conv in convolutions for part in (conv, nn.ReLU())]
        self.look = nn.Sequential(*apart[:-1])

    def forward(self, v: Tensor) -> Tensor:
        """v (B, C, h, w) -> (B, C, h, w), nothing in the first half."""
        told = self.look(v[:, :, 1 : self.half + 1]).flip(2)  # (B, C, h // 2, w)
        return F.pad(told, (0, 0, self.grid[0] - self.half, 0))

    def rows(self, batch: int) -> "MirroredRows":
        """The same a row at a time, for the sampler."""
        return MirroredRows(self, batch)


class MirroredRows:
    """`Mirror` a row at a time: the first half is kept, and looked at once, when it is complete.

    Args:
        mirror: what it does the same as.
        batch: B.
    """

    def __init__(self, mirror: Mirror, batch: int):
        self.mirror, self.half = mirror, mirror.half
        height, width = mirror.grid
        channels = mirror.look[-1].out_channels
        self.seen = mirror.look[-1].weight.new_zeros(height, width, batch, channels)
        self.first = height - self.half  # the first row that is told something

    def next(self, i: int, v: Tensor) -> Tensor:
        """Row i of the stack (W*B, C), column after column -> what it is told, (W*B, C)."""
        self.seen[i] = v.view(self.seen.shape[1:])
        if i < self.first:
            return torch.zeros_like(v)
        if i == self.first:
            half = self.seen[1 : self.half + 1].permute(2, 3, 0, 1)  # (B, C, h // 2, W)
            self.told = self.mirror.look(half).flip(2).permute(2, 3, 0, 1)  # (h // 2, W, B, C)
        return self.told[i - self.first].reshape(v.shape)
