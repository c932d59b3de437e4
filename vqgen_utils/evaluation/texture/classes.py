"""The Inception Score by classes of our own, and why it is no proof.

    Salimans et al. 2016, "Improved Techniques for Training GANs", arXiv:1606.03498.

The published score reads a thousand classes off photographs of animals and things. A scan is none
of them, so what such a network makes of one says nothing about scans. The classes here are tenths
of the scan: from which of them is this slice?
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

WEIGHT_DECAY = 1e-3  # or a class that is told without a mistake would have weights without end


def class_shares(features: Tensor, classes: np.ndarray, *others: Tensor) -> list[Tensor]:
    """How sure the features make one of each class, by a linear softmax.

    Args:
        features: (N, F) of training slices, standardised.
        classes: (N,) of theirs, any values that can be sorted; C different ones.
        others: sets of features (n, F), scaled as the first.

    Returns:
        For each of the others (n, C), rows that sum to 1; classes in sorted order.
    """
    names, truth = np.unique(classes, return_inverse=True)
    truth = torch.from_numpy(truth)
    with torch.enable_grad():
        weight = torch.zeros(features.shape[1], len(names), requires_grad=True)
        bias = torch.zeros(len(names), requires_grad=True)
        optimizer = torch.optim.LBFGS([weight, bias], max_iter=100, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimizer.zero_grad()
            error = F.cross_entropy(features @ weight + bias, truth)
            total = error + WEIGHT_DECAY * weight.square().sum()
            total.backward()
            return total

        optimizer.step(loss)
    return [(some @ weight.detach() + bias.detach()).softmax(1) for some in others]


def inception_score(shares: Tensor) -> float:
    """Each slice of one class for sure, all classes alike: (n, C) as `class_shares` -> 1 to C.

    The exponential of how far a slice's classes are from those of the whole set, on average
    (Kullback-Leibler divergence).
    """
    shares = shares.double()
    all_slices = shares.mean(0)  # (C,)
    apart = torch.xlogy(shares, shares) - torch.xlogy(shares, all_slices)  # (n, C)
    return apart.sum(1).mean().exp().item()


def surest(shares: Tensor) -> list[int]:
    """Of each class the slice that is surest to be of it: (n, C) -> C positions."""
    return shares.argmax(0).tolist()


def why_no_classes(shares: Tensor, classes: np.ndarray, known: np.ndarray) -> str:
    """Why a score by these classes says nothing; "" where they can be read.

    Args:
        shares: (n, C) of held-out slices.
        classes, known: (n,), (N,) those of the held-out and of the training slices.
    """
    names, counts = np.unique(known, return_counts=True)
    if len(names) < 2:
        return "all slices are of one class, so there is nothing to tell apart"
    right = float((names[shares.argmax(1).numpy()] == classes).mean())
    usual = float((names[counts.argmax()] == classes).mean())
    if right > usual:
        return ""
    return (
        f"classes cannot be read off held-out slices: {right:.0%} right, always answering the "
        f"commonest {usual:.0%}"
    )
