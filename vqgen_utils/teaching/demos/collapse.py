"""A codebook that loses its codes and gets them back, in the plane, where one can watch.

wandering_points(t) stands for an encoder that says nearly the same of everything at first (t = 0)
and tells things apart later (t = 1). Codes that fitted its first vectors are left behind.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vqgen_utils.evaluation.metrics import code_counts
from vqgen_utils.models.codebook import Codebook

START = (-1.3, -1.1)  # where the points come from
SPREAD = 0.15  # standard deviation of the points around it
THICKNESS = 0.12  # of the ring they go to, as a share of its radius 1
STEPS_ON_THE_WAY = 20


@dataclass(frozen=True)
class Stage:
    """The codebook after one training step."""

    step: int
    points: np.ndarray  # (N, 2) what there was to quantise in this step
    codes: np.ndarray  # (K, 2)
    counts: np.ndarray  # (K,) points that each code serves; 0: a dead code

    @property
    def used(self) -> int:
        """How many codes serve a point."""
        return int((self.counts > 0).sum())


def wandering_points(t: float, number: int = 600, seed: int = 0) -> Tensor:
    """Points between one small cloud (t = 0) and a ring of radius 1 (t = 1): (number, 2)."""
    generator = torch.Generator().manual_seed(seed)
    angle = 2 * math.pi * torch.rand(number, generator=generator)  # (N,)
    radius = 1 + THICKNESS * torch.randn(number, generator=generator)  # (N,)
    ring = torch.stack([radius * angle.cos(), radius * angle.sin()], 1)  # (N, 2)
    cloud = torch.tensor(START) + SPREAD * torch.randn(number, 2, generator=generator)  # (N, 2)
    return (1 - t) * cloud + t * ring


def watch(codebook: Codebook, steps: int) -> list[Stage]:
    """Train a codebook of two-dimensional codes on the wandering points, and note every step."""
    stages = []
    for step in range(steps):
        points = wandering_points(min(1.0, step / STEPS_ON_THE_WAY))  # (N, 2)
        codebook(points.t()[None, :, :, None])  # as z_e, (1, 2, N, 1)
        counts = code_counts(codebook.nearest(points), len(codebook.embedding))  # (K,)
        codes = codebook.embedding.detach().clone()  # (K, 2)
        stages.append(Stage(step, points.numpy(), codes.numpy(), counts.numpy()))
    return stages
