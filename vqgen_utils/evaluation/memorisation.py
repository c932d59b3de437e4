"""Are samples copies? A prior that is made to memorise slices shows what copies look like.

The distance between slices is the root of the mean squared pixel difference, so it has the unit of
intensity: 0 for the same picture, 1 for black against white. It is blunt (a body shifted by a pixel
is "far"), and honest about copies: a copy is near.
"""

import dataclasses

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vqgen_utils.config import PriorConfig
from vqgen_utils.machine.speed import best_device, one_thread
from vqgen_utils.models.pixelcnn import PixelCNN
from vqgen_utils.training.loop import learning_rate

SMALL = PriorConfig(prior_channels=32, prior_layers=1, prior_hidden_dim=64)
STEPS, BATCH_SIZE, PEAK = 150, 8, 3e-2
CAUGHT = 0.5  # of the memorised slices; a check that finds fewer sees no copies


def memorise(codes: Tensor, num_embeddings: int, seed: int = 0) -> tuple[PixelCNN, Tensor]:
    """A small prior trained on a few grids until it knows them, told which of them to draw.

    Told the height alone it would know them nearly as well, but a sample that once leaves the
    memorised grids does not find back to them.

    Args:
        codes: (n, H, W).
        num_embeddings: K.
        seed: of weights and order.

    Returns:
        The prior, and the condition (n, n) that asks for each grid.
    """
    device = best_device()
    name = torch.eye(len(codes))  # (n, n), a one for the grid's own number
    with torch.random.fork_rng(), one_thread(device):
        torch.manual_seed(seed)
        model = PixelCNN(SMALL, num_embeddings, tuple(codes.shape[1:]), features=len(codes))
        model.to(device).train()
        optimizer = torch.optim.AdamW(model.parameters(), PEAK, weight_decay=0.0)
        batches: list[Tensor] = []
        for step in range(STEPS):
            batches = batches or list(torch.randperm(len(codes)).split(BATCH_SIZE))
            some = batches.pop()
            optimizer.param_groups[0]["lr"] = learning_rate(step, STEPS, PEAK)
            logits = model(codes[some].to(device), name[some].to(device))
            loss = F.cross_entropy(logits, codes[some].to(device))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    return model.eval(), name


@dataclasses.dataclass(frozen=True)
class Nearness:
    """How near slices come to the training slices, beside real slices of other patients."""

    groups: dict[str, np.ndarray]  # name -> (n,) distance of each slice to its nearest
    floor: str  # the group of real slices of new patients

    @property
    def limit(self) -> float:
        """The floor's first percentile: one new slice in a hundred is nearer than this."""
        return float(np.percentile(self.groups[self.floor], 1))

    def share(self, name: str) -> float:
        """Share of a group that is nearer than `limit`; about 0.01 for slices of new patients."""
        return float((self.groups[name] < self.limit).mean())

    def why_not(self, copies: str) -> str:
        """Why `share` says nothing; "" where it does.

        Args:
            copies: the group of slices that are known to be copies: most of them must be caught.
        """
        if not self.limit > 0:
            return f"some '{self.floor}' slices equal training slices, and nothing can be nearer"
        if self.share(copies) < CAUGHT:
            return f"of slices that are copies the check catches {self.share(copies):.0%}"
        return ""


def distances(some: Tensor, others: Tensor) -> Tensor:
    """Of each slice to each: (n, H, W) and (m, H, W) in [0, 1] -> (n, m)."""
    pixels = some[0].numel()
    return torch.cdist(some.flatten(1), others.flatten(1)) / pixels**0.5


def nearest(some: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Distance to the nearest of `others`, and which it is: (n, H, W), (m, H, W) -> (n,), (n,)."""
    shortest = distances(some, others).min(1)
    return shortest.values, shortest.indices


def variety(images: Tensor) -> float:
    """Mean distance between two of n slices (n, H, W); 0: all alike, NaN: there is only one."""
    n = len(images)
    return float(distances(images, images).sum() / (n * (n - 1)))
