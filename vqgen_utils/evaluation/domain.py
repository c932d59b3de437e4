"""The domain network: a small U-Net that reads a slice as a radiographer would.

It learns, on the training patients alone, which tissue each pixel is and at which height the slice
was cut. Evaluation asks it two things of a generated slice: where the organs are (for the rules of
`anatomy.py`), and a vector of features (for the distances of `fidelity.py`). Features of a network
that has seen such slices say more about them than those of one trained on photographs.

    Ronneberger et al. 2015, "U-Net", arXiv:1505.04597.

Without labels it learns the height alone; then its tissues mean nothing, its features still do.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from vqgen_utils.data.slices import Slices
from vqgen_utils.data.tissues import TISSUES

CLASSES = len(TISSUES)
WEIGHT = torch.tensor([1.0, 1.0, 2.0, 3.0, 6.0, 4.0])  # small organs must not drown in body and air
TRUSTED = 0.75  # of the error of who answers the same to every slice: a reader must be below it
FEATURES = 32  # few enough that the covariance of a hundred slices means something


class LabelledSlices(Dataset):
    """The slices of one split, with what the domain network is to say of them.

    `[list]` is a batch: images (B, 1, H, W) float32, heights (B,) float32, labels (B, H, W) int64;
    without the last where the data have no labels.
    """

    def __init__(self, slices: Slices, split: str):
        self.images = slices.subset(split)
        self.labels = slices.labels if labelled(slices) else None

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, items: list[int]) -> tuple[Tensor, ...]:
        images, heights = self.images[items]
        if self.labels is None:
            return images, heights
        labels = self.labels[self.images.rows.index[items]]  # (B, H, W)
        return images, heights, torch.from_numpy(labels.astype(np.int64))


def labelled(slices: Slices) -> bool:
    """Whether every slice has its labels; some without would teach that they show only air."""
    return not why_unlabelled(slices)


def why_unlabelled(slices: Slices) -> str:
    """Why nothing can be said of tissues; "" where every slice has its labels."""
    if slices.labels is None:
        return "these data have no labels"
    without = int((slices.index["label_file"] == "").sum())
    return f"{without} of {len(slices.index)} slices have no labels" if without else ""


def convolutions(into: int, out: int, stride: int = 1) -> nn.Sequential:
    """Two 3x3 convolutions, the first of which may halve the size."""
    return nn.Sequential(
        nn.Conv2d(into, out, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU(),
        nn.Conv2d(out, out, 3, padding=1, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU(),
    )


class DomainNetwork(nn.Module):
    """Slice -> tissue of every pixel, height in the body, and a vector of features.

    Args:
        width: C, channels at the finest level; the two below have twice and three times as many.
    """

    def __init__(self, width: int = 40):
        super().__init__()
        self.fine = nn.Sequential(nn.PixelUnshuffle(4), convolutions(16, width))
        self.middle = convolutions(width, 2 * width, stride=2)
        self.coarse = convolutions(2 * width, 3 * width, stride=2)
        self.to_middle = convolutions(5 * width, 2 * width)
        self.to_fine = convolutions(3 * width, width)
        self.tissue = nn.Sequential(nn.Conv2d(width, 16 * CLASSES, 1), nn.PixelShuffle(4))
        self.describe = nn.Linear(3 * width * 8, FEATURES)
        self.read = nn.Sequential(nn.ReLU(), nn.Linear(FEATURES, 1 + CLASSES * 8))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Slices (B, 1, H, W) in [0, 1], H and W multiples of 4.

        Returns:
            tissue logits (B, 6, H, W), heights (B,), each tissue's share in each eighth of the
            picture (B, 6, 4, 2), features (B, 32).
        """
        fine = self.fine(x)  # (B, C, H/4, W/4)
        middle = self.middle(fine)  # (B, 2C, H/8, W/8)
        coarse = self.coarse(middle)  # (B, 3C, H/16, W/16)
        up = self.to_middle(torch.cat([F.interpolate(coarse, middle.shape[2:]), middle], 1))
        up = self.to_fine(torch.cat([F.interpolate(up, fine.shape[2:]), fine], 1))
        pooled = F.adaptive_avg_pool2d(coarse, (4, 2)).flatten(1)  # (B, 3C*8)
        features = self.describe(pooled)  # (B, 32)
        height, shares = self.read(features).split([1, CLASSES * 8], 1)
        return self.tissue(up), height[:, 0], shares.unflatten(1, (CLASSES, 4, 2)), features


def domain_losses(model: nn.Module, batch: list[Tensor]) -> dict[str, Tensor]:
    """Loss terms of one batch of `LabelledSlices`, for `fit`."""
    x, height, *labels = batch
    logits, read, shares, _ = model(x)
    losses = {"height": 10 * F.mse_loss(read, height)}  # weights: the terms end at like sizes
    if labels:
        one_hot = F.one_hot(labels[0], CLASSES).movedim(3, 1).float()  # (B, 6, H, W)
        true_shares = F.adaptive_avg_pool2d(one_hot, (4, 2))  # (B, 6, 4, 2)
        losses["tissue"] = F.cross_entropy(logits, labels[0], weight=WEIGHT.to(x.device))
        losses["shares"] = 30 * F.mse_loss(shares, true_shares)
    return {"loss": sum(losses.values()), **losses}


class Reading(NamedTuple):
    """What the domain network says of N slices."""

    tissues: np.ndarray  # (N, H, W) uint8, 0-5
    heights: np.ndarray  # (N,), 0 to 1 but for errors
    features: Tensor  # (N, 32)


@torch.inference_mode()
def look_at(model: DomainNetwork, slices: Tensor) -> Reading:
    """Read slices (N, H, W) in [0, 1], a few at a time."""
    model.eval()
    device = next(model.parameters()).device
    tissues, heights, features = [], [], []
    for some in slices.unsqueeze(1).split(32):  # (n, 1, H, W)
        logits, height, _, vector = model(some.float().to(device))
        tissues.append(logits.argmax(1).to(torch.uint8).cpu())
        heights.append(height.cpu())
        features.append(vector.cpu())
    return Reading(torch.cat(tissues).numpy(), torch.cat(heights).numpy(), torch.cat(features))


def dice(tissues: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """How well each tissue was found, by Dice's coefficient: 0 to 1.

    Args:
        tissues, labels: (N, H, W) integers 0-5, as read and as they are.

    Returns:
        Tissue -> one number, over all slices together; NaN for one that is in neither.
    """
    overlap = {}
    for value, name in enumerate(TISSUES):
        read, true = tissues == value, labels == value
        both = read.sum() + true.sum()
        overlap[name] = 2 * (read & true).sum() / both if both else float("nan")
    return overlap


def why_blind(
    read: np.ndarray, heights: np.ndarray, known: np.ndarray, what: str = "held-out slices"
) -> str:
    """Why what the network says of slices is worth nothing; "" where it can read.

    The yardstick knows nothing of a slice: it always answers the middle of the training slices.

    Args:
        read, heights: (n,) heights as read off slices, and as they are.
        known: (N,) heights of the training slices.
        what: the slices that were read, in words.
    """
    off = float(np.abs(read - heights).mean())
    middle = float(np.abs(np.median(known) - heights).mean())
    if off < TRUSTED * middle:
        return ""
    return (
        f"the domain network cannot read {what}: the place it reads is off by {off:.3f} of a scan "
        f"on average, always answering the middle by {middle:.3f}; what counts is at most "
        f"{TRUSTED:.0%} of that"
    )


def why_no_tissues(read: np.ndarray, labels: np.ndarray, known: np.ndarray) -> str:
    """Why the tissues that the network sees are worth nothing; "" where it can tell them apart.

    The yardstick gives each pixel the tissue that it has most often in training slices.

    Args:
        read, labels: (n, H, W) integers 0-5 of held-out slices, as read and as they are.
        known: (N, H, W) labels of training slices.
    """
    counts = np.stack([(known == value).sum(0) for value in range(CLASSES)])  # (6, H, W)
    usual = np.broadcast_to(counts.argmax(0), labels.shape)

    def mean_dice(tissues: np.ndarray) -> float:
        inside = list(dice(tissues, labels).values())[1:]  # not the background
        return float(np.nanmean(inside)) if not np.isnan(inside).all() else 0.0

    ours, theirs = mean_dice(read), mean_dice(usual)
    if ours > theirs:
        return ""
    return (
        f"the domain network cannot tell tissues apart: mean Dice {ours:.2f}, answering each "
        f"pixel's commonest tissue {theirs:.2f}"
    )


def why_no_place(heights: np.ndarray, known: np.ndarray, within: float | None) -> str:
    """Why a place read back within a tolerance means nothing; "" where it does.

    Args:
        heights: (n,) of held-out slices.
        known: (N,) of training slices.
        within: the tolerance; None where scans have one slice each.
    """
    if within is None:
        return "scans have one slice each, so there is no place along them to read"
    middle = float((np.abs(np.median(known) - heights) <= within).mean())
    if middle < 0.5:
        return ""
    return (
        f"scans have so few slices that always answering the middle is right for {middle:.0%} of "
        f"the held-out ones, with a tolerance of three slices ({within:.2f} of a scan)"
    )


@dataclass(frozen=True)
class Rounds:
    """Slices at n heights, R times over, and what the domain network says of them."""

    slices: list[Tensor]  # R of (n, H, W) in [0, 1]
    readings: list[Reading]  # R

    @property
    def all_slices(self) -> Tensor:
        """(R*n, H, W), round after round."""
        return torch.cat(self.slices)

    @property
    def reading(self) -> Reading:
        """What was read off all of them, round after round."""
        tissues, heights, features = zip(*self.readings, strict=True)
        return Reading(np.concatenate(tissues), np.concatenate(heights), torch.cat(features))

    def off(self, heights: np.ndarray) -> np.ndarray:
        """How far the height read off each slice is from that of its place: (n,) -> (R*n,)."""
        return np.abs(self.reading.heights - np.tile(heights, len(self.slices)))


def read_rounds(reader: DomainNetwork, *slices: Tensor) -> Rounds:
    """Rounds of slices, each (n, H, W) in [0, 1], as the domain network reads them."""
    return Rounds(list(slices), [look_at(reader, some) for some in slices])
