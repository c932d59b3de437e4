"""A few people made to look like more: pictures a little turned, shifted, scaled, re-contrasted.

It is the picture that is changed, before it is encoded: a body that lies a little differently gets
another grid of codes, while a grid moved by one code is a picture moved by four pixels, no more.
Simard et al. 2003, "Best Practices for Convolutional Neural Networks Applied to Visual Document
Analysis", learned from few digits so. Karras et al. 2020, "Training Generative Adversarial Networks
with Limited Data" (arXiv:2006.06676), show that too much of it leaks into what is generated.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from vqgen_utils.config import AugmentationConfig


def augment(
    pictures: Tensor, seeds: Sequence[int], strength: float, ranges: AugmentationConfig
) -> Tensor:
    """Change each picture a little, by draws of its own, whatever else is in the batch.

    Args:
        pictures: (B, 1, H, W) in [0, 1].
        seeds: one a picture.
        strength: share of the ranges, 0 to 1.
        ranges: how far each change may go.

    Returns:
        (B, 1, H, W) in [0, 1]; what comes in over an edge is black.
    """
    height, width = pictures.shape[2:]
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    draws = torch.stack([2 * torch.rand(6, generator=one) - 1 for one in generators])  # (B, 6)
    draws[:, :5] *= strength
    turn, scale, along_h, along_w, contrast, mirror = draws.to(pictures.device).unbind(1)  # (B,)
    angle, scale = turn * math.radians(ranges.augment_turn), (scale * ranges.augment_scale).exp()
    cos, sin = angle.cos() * scale, angle.sin() * scale
    along_h, along_w = (2 * ranges.augment_shift * shift for shift in (along_h, along_w))
    # affine_grid measures both axes from -1 to 1, whatever their lengths in pixels
    first, second = [cos, -sin * height / width, along_w], [sin * width / height, cos, along_h]
    affine = torch.stack([torch.stack(first, 1), torch.stack(second, 1)], 1)  # (B, 2, 3)
    if ranges.augment_mirror:
        affine[:, 1] *= torch.where(mirror < 0, -1, 1)[:, None]  # along H: right to left
    grid = F.affine_grid(affine, list(pictures.shape), align_corners=False)  # (B, H, W, 2)
    # bicubic: linear blurs fine texture, and a model would learn that slices are blurred
    moved = F.grid_sample(pictures, grid, mode="bicubic", align_corners=False).clamp(0, 1)
    exponent = (contrast * ranges.augment_contrast).exp()  # below 1 lifts the dark, above sinks it
    return moved ** exponent[:, None, None, None]
