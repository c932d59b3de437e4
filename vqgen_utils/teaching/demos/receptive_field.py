"""Which codes a position of a PixelCNN can see, measured by gradients and not by drawing.

The plain stack of masked convolutions (van den Oord et al. 2016, "Pixel Recurrent Neural Networks",
arXiv:1601.06759, section 3.4) is here only to be looked at: it has a blind spot, right and above.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vqgen_utils.config import PriorConfig
from vqgen_utils.models.pixelcnn import PixelCNN, height_features


def causal_mask(kernel_size: int, centre: bool) -> Tensor:
    """Where a k x k kernel may look: (k, k), 1 at what comes before its centre, 0 elsewhere.

    Args:
        kernel_size: k, odd.
        centre: the centre too (type B, every layer but the first), or not (type A, the first).
    """
    r = kernel_size // 2
    mask = torch.zeros(kernel_size, kernel_size)  # (k, k)
    mask[:r] = 1  # the rows above
    mask[r, : r + centre] = 1  # to the left in the same row, and the centre in type B
    return mask


def plain_masks(layers: int, kernel_size: int, mask_last: bool = True) -> list[Tensor]:
    """A mask (k, k) for each layer of a plain stack: type A, then type B.

    `mask_last=False` forgets the last one, which is a famous mistake.
    """
    masks = [causal_mask(kernel_size, centre=layer > 0) for layer in range(layers)]
    return masks if mask_last else [*masks[:-1], torch.ones(kernel_size, kernel_size)]


def field_of_masks(
    masks: Sequence[Tensor], grid: tuple[int, int], position: tuple[int, int]
) -> Tensor:
    """What a stack of masked convolutions sees from `position`: (h, w) bool.

    The output at a position depends on an input exactly where its derivative is not zero. With
    every weight that a mask leaves set to one, no two ways can cancel.

    Args:
        masks: one (k, k) a layer, the first layer's first.
        grid: (h, w).
        position: (row, column).
    """
    x = torch.zeros(1, 1, *grid, dtype=torch.double, requires_grad=True)
    y = x
    for mask in masks:
        y = F.conv2d(y, mask.double()[None, None], padding=len(mask) // 2)  # (1, 1, h, w)
    y[0, 0][position].backward()
    return x.grad[0, 0] != 0


def plain_field(
    layers: int,
    kernel_size: int,
    grid: tuple[int, int],
    position: tuple[int, int],
    mask_last: bool = True,
) -> Tensor:
    """What the plain masked stack sees from `position`: (h, w) bool."""
    return field_of_masks(plain_masks(layers, kernel_size, mask_last), grid, position)


def gated_field(
    layers: int, kernel_size: int, grid: tuple[int, int], position: tuple[int, int]
) -> Tensor:
    """What our gated PixelCNN sees from `position`: (h, w) bool.

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


def field_of_prior(
    model: PixelCNN, codes: Tensor, condition: Tensor, position: tuple[int, int]
) -> np.ndarray:
    """What a trained prior sees from `position` of a grid of codes, by the gradient of its logits.

    Args:
        model: in eval mode.
        codes: (h, w).
        condition: (F,).
        position: (row, column).

    Returns:
        (h, w): 1 seen, 0.5 it comes before the position and is not seen, 0 neither.
    """
    codes, condition = codes[None].to(model.device), condition[None].to(model.device)
    embedded = model.embedding(codes).detach().requires_grad_()  # (1, h, w, C)
    hook = model.embedding.register_forward_hook(lambda *_: embedded)
    with torch.enable_grad():
        logits = model(codes, condition)[0, :, position[0], position[1]]  # (K,)
        logits.square().sum().backward(inputs=[embedded])
    hook.remove()
    seen = (embedded.grad[0].abs().sum(-1) != 0).cpu()  # (h, w)
    place = torch.arange(seen.numel()).view(seen.shape)  # number in reading order
    return np.where(seen, 1.0, np.where(place < place[position], 0.5, 0.0))


NETWORKS: dict[str, Callable[..., Tensor]] = {
    "plain masked stack": plain_field,
    "gated, two stacks": gated_field,
    "last layer not masked": partial(plain_field, mask_last=False),
}


def allowed_field(
    layers: int, kernel_size: int, grid: tuple[int, int], position: tuple[int, int]
) -> Tensor:
    """What a network of this depth and kernel should see without cheating: (h, w) bool.

    The square of layers * (k // 2) around the position, cut to what comes before it.
    """
    reach = layers * (kernel_size // 2)
    rows = torch.arange(grid[0])[:, None] - position[0]
    columns = torch.arange(grid[1])[None, :] - position[1]
    near = (rows.abs() <= reach) & (columns.abs() <= reach)
    return near & ((rows < 0) | ((rows == 0) & (columns < 0)))


def seen_and_missed(
    seen: Tensor, layers: int, kernel_size: int, position: tuple[int, int]
) -> np.ndarray:
    """A field (h, w) beside the allowed one: (h, w), 1 seen, 0.5 allowed but missed, 0 neither."""
    allowed = allowed_field(layers, kernel_size, seen.shape, position)
    return np.where(seen, 1.0, np.where(allowed, 0.5, 0.0))


def blind_share(layers: int, kernel_size: int, network: str = "plain masked stack") -> float:
    """Share of the allowed codes that one of NETWORKS misses, 0 to 1, far from the grid's edges."""
    reach = layers * (kernel_size // 2)
    grid, position = (2 * reach + 1, 2 * reach + 1), (reach, reach)
    allowed = allowed_field(layers, kernel_size, grid, position)
    seen = NETWORKS[network](layers, kernel_size, grid, position)
    return float((allowed & ~seen).sum() / allowed.sum())
