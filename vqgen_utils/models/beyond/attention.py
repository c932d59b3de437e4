"""Causal attention: a position asks all rows above it, however far, for what it needs.

    Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762 (section 3.2).
    Chen et al. 2018, "PixelSNAIL: An Improved Autoregressive Generative Model", arXiv:1712.09763
    (section 2: causal convolutions for what is near, attention for what is far).

Here attention stands in the vertical stack of `PixelCNN`, as one of its `looks`. What stands at row
i of that stack knows the codes of rows 0 to i - 1, so it may ask every position of rows 0 to i. All
positions of a row ask at the same time, and so a sampler needs one attention a row: PixelSNAIL,
whose positions know their left neighbours as well, needs one a position.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqgen_utils.models.pixelcnn import PixelCNN

WAVES = 6  # along either axis of the grid, each with a sine and a cosine: 24 numbers a position


def positions(grid: tuple[int, int]) -> Tensor:
    """Where each position of a grid (h, w) is, as waves: (h*w, 24), in reading order.

    With sines and cosines, a product of two positions can say "two rows further up" as well as "the
    same distance from the other edge": both are sums of products of waves (Vaswani 2017, 3.5).
    """
    rows, columns = (torch.linspace(-1, 1, size) if size > 1 else torch.zeros(1) for size in grid)
    rates = (
        torch.pi / 2 * torch.arange(1, WAVES + 1)
    )  # half a wave over the grid, and its multiples
    waves = [
        torch.cat([(axis[:, None] * rates).sin(), (axis[:, None] * rates).cos()], 1)
        for axis in (rows, columns)
    ]  # (h, 12), (w, 12)
    down, along = waves[0][:, None].expand(*grid, -1), waves[1][None].expand(*grid, -1)
    return torch.cat([down, along], 2).flatten(0, 1)  # (h*w, 24)


def attention_weights(q: Tensor, k: Tensor, allowed: Tensor) -> Tensor:
    """Who listens to whom: softmax(q k^T / sqrt(d)) over the keys that are allowed (eq. 1).

    Args:
        q: (..., n, d), what each of n positions asks for.
        k: (..., m, d), what each of m positions has to offer.
        allowed: (n, m) bool, at least one True in each row.

    Returns:
        (..., n, m), each row sums to 1; times the values (..., m, d) it is what is heard.
    """
    scores = q @ k.transpose(-1, -2) / k.shape[-1] ** 0.5  # (..., n, m)
    return scores.masked_fill(~allowed, -torch.inf).softmax(-1)


def rows_so_far(grid: tuple[int, int]) -> Tensor:
    """The causal mask of the vertical stack: (h*w, h*w) bool, True where a key is not further down.

    Row i of the stack knows the codes of rows 0 to i - 1 alone, so a row may listen to itself.
    """
    row = torch.arange(grid[0]).repeat_interleave(grid[1])  # (h*w,)
    return row[:, None] >= row[None, :]


class RowAttention(nn.Module):
    """Multi-head attention from each position of the vertical stack to its row and all above.

    What it adds is zero until it is trained: a prior that has it begins as one without.

    Args:
        channels: C of the stack.
        grid: (h, w).
        heads: how many questions a position asks at the same time; they divide C.
    """

    def __init__(self, channels: int, grid: tuple[int, int], heads: int = 4):
        super().__init__()
        self.grid, self.heads = tuple(grid), heads
        self.norm = nn.LayerNorm(channels)
        self.ask = nn.Linear(channels, 3 * channels, bias=False)  # queries, keys, values
        self.place = nn.Linear(4 * WAVES, 2 * channels)  # of queries and keys: values need none
        self.out = nn.Linear(channels, channels, bias=False)
        nn.init.zeros_(self.out.weight)
        self.register_buffer("where", positions(grid), persistent=False)  # (h*w, 24)
        self.register_buffer("allowed", rows_so_far(grid), persistent=False)  # (h*w, h*w)

    def forward(self, v: Tensor) -> Tensor:
        """v (B, C, h, w) -> what each position hears, (B, C, h, w)."""
        x = v.flatten(2).transpose(1, 2)  # (B, h*w, C)
        heard = F.scaled_dot_product_attention(*self.parts(x, self.where), self.allowed)
        heard = self.out(heard.transpose(1, 2).flatten(2))  # (B, h*w, C)
        return heard.transpose(1, 2).unflatten(2, self.grid)  # (B, C, h, w)

    def parts(self, x: Tensor, where: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of n positions x (B, n, C): three (B, heads, n, C / heads)."""
        q, k, values = self.ask(self.norm(x)).chunk(3, 2)  # (B, n, C) each
        at_q, at_k = self.place(where).chunk(2, 1)  # (n, C) each
        split = (part.unflatten(2, (self.heads, -1)) for part in (q + at_q, k + at_k, values))
        q, k, values = (part.transpose(1, 2) for part in split)
        return q, k, values

    def weights(self, v: Tensor) -> Tensor:
        """Who listens to whom: v (B, C, h, w) -> (B, heads, h*w, h*w), each row sums to 1."""
        q, k, _ = self.parts(v.flatten(2).transpose(1, 2), self.where)
        return attention_weights(q, k, self.allowed)

    def rows(self, batch: int) -> "CachedRows":
        """The same a row at a time, for the sampler."""
        return CachedRows(self, batch)


class CachedRows:
    """`RowAttention` a row at a time: keys and values of earlier rows are kept, not made again.

    Args:
        attention: what it does the same as.
        batch: B.
    """

    def __init__(self, attention: RowAttention, batch: int):
        self.attention, self.width = attention, attention.grid[1]
        weight = attention.out.weight
        size = (batch, attention.heads, len(attention.where), len(weight) // attention.heads)
        self.keys, self.values = weight.new_empty(2, *size).unbind()  # (B, heads, h*w, C / heads)

    def next(self, i: int, v: Tensor) -> Tensor:
        """Row i of the stack (W*B, C), column after column -> what it hears, (W*B, C).

        No mask is needed: what is in the cache has been.
        """
        first, end = i * self.width, (i + 1) * self.width
        x = v.unflatten(0, (self.width, -1)).transpose(0, 1)  # (B, W, C)
        where = self.attention.where[first:end]
        q, self.keys[:, :, first:end], self.values[:, :, first:end] = self.attention.parts(x, where)
        heard = F.scaled_dot_product_attention(q, self.keys[:, :, :end], self.values[:, :, :end])
        heard = heard.permute(2, 0, 1, 3).flatten(2)  # (W, B, C)
        return self.attention.out(heard).flatten(0, 1)  # (W*B, C)


@torch.inference_mode()
def heard_from(model: PixelCNN, codes: Tensor, condition: Tensor) -> Tensor:
    """Whom each position of the vertical stack listens to, in a prior with attention.

    Args:
        model: with a `RowAttention` among its looks.
        codes: (h, w).
        condition: (F,).

    Returns:
        (heads, h*w, h*w), asking by asked; each row sums to 1.
    """
    into = []
    look = next(look for look in model.looks.values() if isinstance(look, RowAttention))
    hook = look.register_forward_pre_hook(lambda _, given: into.append(given[0]))
    model(codes[None].to(model.device), condition[None].to(model.device))
    hook.remove()
    return look.weights(into[0])[0]
