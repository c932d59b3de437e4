"""Which codes a position of a PixelCNN can see, measured by gradients and not by drawing.

The plain stack of masked convolutions (van den Oord et al. 2016, "Pixel Recurrent Neural Networks",
arXiv:1601.06759) is here only to be looked at: it has a blind spot to the right, above.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqgen_utils.config import PriorConfig
from vqgen_utils.pixelcnn import PixelCNN, height_features


class PlainMaskedStack(nn.Module):
    """Masked k x k convolutions on top of each other: the first hides the centre, the rest do not.

    Args:
        layers: number of convolutions.
        kernel_size: k, odd.
        mask_last: False leaves the last convolution unmasked, which is a famous mistake.
    """

    def __init__(self, layers: int, kernel_size: int, mask_last: bool = True):
        super().__init__()
        r = kernel_size // 2
        type_a = torch.zeros(1, 1, kernel_size, kernel_size)
        type_a[:, :, :r] = 1  # rows above
        type_a[:, :, r, :r] = 1  # columns left
        type_b = type_a.clone()
        type_b[:, :, r, r] = 1  # itself
        kernels = [type_a] + [type_b] * (layers - 1)
        if not mask_last:
            kernels[-1] = torch.ones_like(type_a)
        self.kernels = kernels
        self.padding = r

    def forward(self, x: Tensor) -> Tensor:
        """(1, 1, H, W) -> (1, 1, H, W), every weight that the mask leaves set to one."""
        for kernel in self.kernels:
            x = F.conv2d(x, kernel.to(x.dtype), padding=self.padding)
        return x


def plain_field(
    layers: int,
    kernel_size: int,
    grid: tuple[int, int],
    position: tuple[int, int],
    mask_last: bool = True,
) -> Tensor:
    """What the plain masked stack sees from `position`: (H, W) bool."""
    x = torch.zeros(1, 1, *grid, dtype=torch.double, requires_grad=True)
    PlainMaskedStack(layers, kernel_size, mask_last)(x)[0, 0][position].backward()
    return x.grad[0, 0] != 0


def gated_field(
    layers: int, kernel_size: int, grid: tuple[int, int], position: tuple[int, int]
) -> Tensor:
    """What our gated PixelCNN sees from `position`: (H, W) bool.

    Measured on a fresh model with random weights, through the embedding of the codes.
    """
    config = PriorConfig(
        prior_channels=8,
        prior_layers=layers,
        prior_kernel_size=kernel_size,
        prior_hidden_dim=32,  # enough that the head's ReLUs do not all happen to be shut
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = PixelCNN(config, 2, grid).double().eval()
        embedded = torch.randn(1, *grid, 8, dtype=torch.double, requires_grad=True)
    model.embedding.forward = lambda codes: embedded
    codes = torch.zeros(1, *grid, dtype=torch.long)
    logits = model(codes, height_features(torch.zeros(1)).double())
    logits[0, :, position[0], position[1]].square().sum().backward()
    return embedded.grad[0].abs().sum(-1) != 0


def allowed_field(
    layers: int, kernel_size: int, grid: tuple[int, int], position: tuple[int, int]
) -> Tensor:
    """The codes a causal network of this depth and kernel could see at best: (H, W) bool.

    A square of layers * (k // 2) around the position, cut to what comes before it.
    """
    reach = layers * (kernel_size // 2)
    rows = torch.arange(grid[0])[:, None] - position[0]
    columns = torch.arange(grid[1])[None, :] - position[1]
    near = (rows.abs() <= reach) & (columns.abs() <= reach)
    return near & ((rows < 0) | ((rows == 0) & (columns < 0)))


def blind_share(layers: int, kernel_size: int, grid: tuple[int, int] = (48, 96)) -> float:
    """Share of the allowed codes that the plain masked stack misses, 0 to 1."""
    position = (grid[0] - 1, grid[1] // 2)
    allowed = allowed_field(layers, kernel_size, grid, position)
    seen = plain_field(layers, kernel_size, grid, position)
    return float((allowed & ~seen).sum() / allowed.sum())
