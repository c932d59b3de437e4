"""How far slices are apart: from each other, and from those already known.

The distance is the root of the mean squared pixel difference, so it has the unit of intensity: 0
for the same picture, 1 for black against white. It is blunt (a body shifted by a pixel is "far"),
and honest about copies: a copy is near.
"""

import torch
from torch import Tensor


def distances(some: Tensor, others: Tensor) -> Tensor:
    """Of each slice to each: (n, H, W) and (m, H, W) in [0, 1] -> (n, m)."""
    pixels = some[0].numel()
    return torch.cdist(some.flatten(1), others.flatten(1)) / pixels**0.5


def nearest(some: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Distance to the nearest of `others`, and which it is: (n, H, W), (m, H, W) -> (n,), (n,)."""
    found = distances(some, others).min(1)
    return found.values, found.indices


def variety(images: Tensor) -> float:
    """Mean distance between two of n slices (n, H, W); 0: all alike, NaN: there is only one."""
    n = len(images)
    return float(distances(images, images).sum() / (n * (n - 1)))
