"""The prior: a gated PixelCNN that says how likely each code is, given the codes before it.

    van den Oord et al. 2016, "Conditional Image Generation with PixelCNN Decoders",
    arXiv:1606.05328 (section 2.2 and figure 2: two stacks, no blind spot).

"Before" is reading order: the rows above, and the codes to the left in the same row. Two stacks of
convolutions look at just these, for a kernel of 3:

    vertical stack      horizontal stack
    x x x               . . .
    x x x  <- row i     x x o  <- row i, o is the code being predicted
    . . .               . . .

The embedded codes are shifted once at the entrance, down by a row for the vertical stack and right
by a column for the horizontal one. After the shift, "this row and those above" is "the rows above"
in terms of codes, so every layer may use its own position, and no kernel needs a mask. There are no
weights that could see the answer.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqgen_utils.config import PriorConfig
from vqgen_utils.errors import InputError

HEIGHT_FEATURES = 16  # bumps along the body; neighbouring slices share most of theirs


def height_features(height: Tensor) -> Tensor:
    """A slice's height in the body as a smooth vector: (B,) in [0, 1] -> (B, 16).

    Sixteen Gaussian bumps along the body: near heights get near vectors, and any height between
    two training slices can be asked for.
    """
    centres = torch.linspace(0, 1, HEIGHT_FEATURES, device=height.device)
    return torch.exp(-0.5 * ((height.unsqueeze(1) - centres) * (HEIGHT_FEATURES - 1)).square())


def gate(x: Tensor, dim: int = 1) -> Tensor:
    """tanh(a) * sigmoid(b), where a and b are the two halves of x along `dim` (eq. 2)."""
    a, b = x.chunk(2, dim)
    return torch.tanh(a) * torch.sigmoid(b)


class GatedLayer(nn.Module):
    """One layer of both stacks (figure 2). The horizontal one hears the vertical one, never back.

    Args:
        channels: C of each stack.
        kernel_size: k, odd; with r = k // 2 a position sees r rows up and r columns left (and, in
            the vertical stack, right).
        features: length of the conditioning vector.
    """

    def __init__(self, channels: int, kernel_size: int, features: int):
        super().__init__()
        self.reach = r = kernel_size // 2
        self.vertical = nn.Conv2d(channels, 2 * channels, (r + 1, kernel_size))
        self.horizontal = nn.Conv2d(channels, 2 * channels, (1, r + 1))
        self.down_to_right = nn.Conv2d(2 * channels, 2 * channels, 1, bias=False)
        self.condition = nn.Linear(features, 4 * channels, bias=False)
        self.out_vertical = nn.Conv2d(channels, channels, 1, bias=False)
        self.out_horizontal = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, v: Tensor, row: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """v, row (B, C, h, w) and condition (B, F) -> the next v, row (B, C, h, w)."""
        r = self.reach
        bias_v, bias_row = self.condition(condition)[:, :, None, None].chunk(2, 1)  # (B, 2C, 1, 1)
        up = self.vertical(F.pad(v, (r, r, r, 0))) + bias_v  # (B, 2C, h, w)
        left = self.horizontal(F.pad(row, (r, 0, 0, 0))) + bias_row  # (B, 2C, h, w)
        row = row + self.out_horizontal(gate(left + self.down_to_right(up)))
        v = v + self.out_vertical(gate(up))
        return v, row


class PixelCNN(nn.Module):
    """p(codes | condition) as a product over positions in reading order.

    Args:
        config: sizes.
        num_embeddings: K, the codes to choose from.
        grid: (h, w) of the code grid.
        features: length of the conditioning vector (default: `height_features`; append others).
        looks: number of a layer -> what its vertical stack looks up before it: a module of v
            (B, C, h, w), whose row i is added to row i of v and depends on rows 0 to i of v alone;
            its `rows(batch)` does the same a row at a time (`models.beyond`).
    """

    def __init__(
        self,
        config: PriorConfig,
        num_embeddings: int,
        grid: tuple[int, int],
        features: int = HEIGHT_FEATURES,
        looks: dict[int, nn.Module] | None = None,
    ):
        super().__init__()
        channels = config.prior_channels
        self.config = config
        self.grid = tuple(grid)
        self.num_embeddings = num_embeddings
        self.features = features
        self.embedding = nn.Embedding(num_embeddings, channels)
        self.atlas = nn.Linear(features, 2 * channels * grid[0] * grid[1])
        nn.init.zeros_(self.atlas.weight)
        nn.init.zeros_(self.atlas.bias)
        self.layers = nn.ModuleList(
            GatedLayer(channels, config.prior_kernel_size, features)
            for _ in range(config.prior_layers)
        )
        self.head = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(channels, config.prior_hidden_dim, 1),
            nn.ReLU(),
            nn.Dropout(config.prior_dropout),
            nn.Conv2d(config.prior_hidden_dim, num_embeddings, 1),
        )
        self.looks = nn.ModuleDict({str(layer): look for layer, look in (looks or {}).items()})

    def forward(self, codes: Tensor, condition: Tensor) -> Tensor:
        """Logits of each code given those before it.

        Args:
            codes: (B, h, w), integers in [0, K).
            condition: (B, F).

        Returns:
            (B, K, h, w). The logits at a position do not depend on the code there or on later ones.

        Raises:
            InputError: when the grid is not the model's.
        """
        if tuple(codes.shape[1:]) != self.grid:
            raise InputError(
                f"codes come on a grid of {tuple(codes.shape[1:])} but this prior was made for "
                f"{self.grid}: train a prior on the codes of this VQ-VAE (notebook 04)."
            )
        embedded = self.embedding(codes).permute(0, 3, 1, 2)  # (B, C, h, w)
        place_v, place_row = self.places(condition)
        v = F.pad(embedded, (0, 0, 1, -1)) + place_v  # down by a row
        row = F.pad(embedded, (1, -1)) + place_row  # right by a column
        everywhere = self.everywhere(condition)
        for number, layer in enumerate(self.layers):
            if str(number) in self.looks:
                v = v + self.looks[str(number)](v)
            v, row = layer(v, row, everywhere)
        return self.head(row)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.embedding.weight.device

    def everywhere(self, condition: Tensor) -> Tensor:
        """What of a condition (B, F) each layer is told, the same at all positions: all of it."""
        return condition

    def places(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        """What to expect at each position under a condition, whatever the codes before it.

        A convolution does not know where it is, and anatomy is a matter of where: each feature of
        the condition has a learned map over the grid for either stack.

        Args:
            condition: (B, F).

        Returns:
            Two (B, C, h, w), added to the embedded codes of the vertical and horizontal stack.
        """
        maps = self.atlas(condition).unflatten(1, (2, -1, *self.grid))  # (B, 2, C, h, w)
        return maps.unbind(1)


def prior_losses(model: nn.Module, batch: list[Tensor]) -> dict[str, Tensor]:
    """Cross-entropy in nats a code of one batch (codes, heights), for `fit`."""
    codes, height = batch
    logits = model(codes, height_features(height))
    return {"loss": F.cross_entropy(logits, codes)}
