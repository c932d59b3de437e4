"""Is what a decoder paints in the picture that it was given? The hallucination test.

    Cohen et al. 2018, "Distribution Matching Losses Can Hallucinate Features in Medical Image
    Translation", MICCAI, arXiv:1805.08841.

A decoder that is to paint what looks real has seen healthy bodies alone. So it is given slices in
which something is wrong, and we look whether it is still there afterwards.
"""

import numpy as np
from scipy import ndimage
from torch import Tensor

from vqgen_utils.data.tissues import BLADDER
from vqgen_utils.evaluation.metrics import body_mask
from vqgen_utils.evaluation.outliers import ENOUGH

DARK = 0.05  # of 1; there is no signal
RADIUS = 0.05  # of a hole, in heights of the picture


def hole(image: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    """A round place without signal somewhere deep in the body, which nobody has: needs no labels.

    Args:
        image: (H, W) in [0, 1].
        labels: not looked at; as all changes of `outliers` have them.
        rng: where.

    Returns:
        The changed slice, None where there is no body to put it in.
    """
    radius = max(2, round(RADIUS * len(image)))
    deep = ndimage.distance_transform_edt(body_mask(image)) > 2 * radius
    places = np.argwhere(deep)
    if len(places) == 0:
        return None
    row, column = places[rng.integers(len(places))]
    rows, columns = np.ogrid[: image.shape[0], : image.shape[1]]
    inside = np.hypot(rows - row, columns - column) < radius
    return np.where(inside, 0.02, image).astype(np.float32)


def painted_over(before: np.ndarray, odd: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    """How far each slice was brought back to what it was before it was changed.

    Where the change is, `decoded` is taken for a mixture of both; this is the share of `before` in
    it: 0 where the change is shown as it is, 1 where it is gone, below 0 where it is shown even
    more strongly. It is the slope of (decoded - odd) on (before - odd), by least squares.

    Args:
        before, odd: (N, H, W), slices before and after the change.
        decoded: (N, H, W), what is left of the changed ones after the codes.

    Returns:
        (N,).
    """
    back, got = (np.asarray(some, np.float64) - odd for some in (before, decoded))
    return (back * got).sum((1, 2)) / np.square(back).sum((1, 2))


def brightness(pictures: np.ndarray, before: np.ndarray, odd: np.ndarray) -> float:
    """Mean brightness of pictures (N, H, W) where a change took the signal away; NaN: nowhere."""
    gone = (odd < DARK) & (before >= DARK)  # (N, H, W)
    return float(pictures[gone].mean()) if gone.any() else float("nan")


def sees_bladder(tissues: np.ndarray) -> np.ndarray:
    """Whether a reader sees a bladder that is large enough: tissues (N, H, W) -> (N,) bool."""
    return (tissues == BLADDER).mean((1, 2)) >= ENOUGH


def left_open(paintings: Tensor) -> np.ndarray:
    """What differs between paintings of the same codes: (S, H, W) -> (H, W), standard deviation.

    Whatever changes with the seed of the noise was not in the codes. What does not change need not
    be true: it may be invented in the same way each time.
    """
    return paintings.float().std(0).numpy()
