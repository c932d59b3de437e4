"""One frame for all slices: how large it is, and how a slice of any size is brought into it.

A frame is measured in square pixels of one spacing (mm; or pixels of the study, whose voxel sizes
mean nothing). Slices are averaged over the area of each pixel, then cropped or padded around their
centre. Both steps together are two matrix products, one an axis; the matrices are sparse, which is
both less work and safe from BLAS threads that wait for a busy core.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class Frame:
    """The size of every packed slice."""

    height: int  # pixels along the first axis
    width: int  # pixels along the second
    spacing: float  # mm from pixel to pixel, the same along both axes


def choose_frame(extent: np.ndarray, shape: np.ndarray, height: int, width: int) -> Frame:
    """The frame that shows a slice whole, in its own aspect, with about height x width pixels.

    It is exactly (height, width) where the slice has that aspect, else multiples of 8; and it has
    no more pixels than the slice, since larger pictures would hold nothing more.

    Args:
        extent: (2,) mm of a typical slice along each axis.
        shape: (2,) its pixels.
        height, width: the pixel budget.
    """
    pixels = math.prod(shape)
    native = pixels < height * width
    spacing = math.sqrt(math.prod(extent) / min(pixels, height * width))
    ideal = np.asarray(extent) / spacing
    if native:
        size = 8 * np.ceil(ideal / 8 - 1e-6)
    elif (np.rint(ideal) == (height, width)).all():
        size = np.array([height, width])
    else:
        size = 8 * np.maximum(1, np.rint(ideal / 8))
    # rounding down must not cut anything off: rather a slightly coarser pixel
    return Frame(int(size[0]), int(size[1]), max(spacing, *(np.asarray(extent) / size)))


def fit_image(image: np.ndarray, voxel_sizes: np.ndarray, frame: Frame) -> np.ndarray:
    """`image` (h, w) in [0, 1] with voxels in mm -> (height, width) float32; around it all is 0."""
    if _is_framed(image, voxel_sizes, frame):
        return np.clip(image, 0, 1, dtype=np.float32)
    rows, columns = _weights(image.shape, voxel_sizes, frame)
    return np.clip(_product(rows, image, columns), 0, 1)


def fit_labels(labels: np.ndarray, voxel_sizes: np.ndarray, frame: Frame) -> np.ndarray:
    """`labels` (h, w) uint8 -> (height, width): the label with the largest share of each pixel."""
    if _is_framed(labels, voxel_sizes, frame):
        return labels
    rows, columns = _weights(labels.shape, voxel_sizes, frame)
    counts = np.bincount(labels.ravel(), minlength=1)
    values = np.union1d(0, np.flatnonzero(counts))  # (K,), background first
    one_hot = (labels[:, None] == values[:, None]).astype(np.float32)  # (h, K, w)
    shares = _product(rows, one_hot, columns)  # (height, K, width)
    shares[:, 0] += 1 - shares.sum(axis=1)  # what lies outside the slice is background
    return values[shares.argmax(axis=1)].astype(np.uint8)


def _is_framed(slice_: np.ndarray, voxel_sizes: np.ndarray, frame: Frame) -> bool:
    """Whether there is nothing to do, as for the study's slices at their own size."""
    size = (frame.height, frame.width)
    return slice_.shape == size and bool((voxel_sizes == frame.spacing).all())


def _weights(shape: tuple[int, int], voxel_sizes: np.ndarray, frame: Frame):
    return (
        area_weights(shape[0], frame.height, float(frame.spacing / voxel_sizes[0])),
        area_weights(shape[1], frame.width, float(frame.spacing / voxel_sizes[1])),
    )


def _product(rows: sparse.csr_array, image: np.ndarray, columns: sparse.csr_array) -> np.ndarray:
    """Both weights applied to the first and last axis of `image` (h, ..., w)."""
    h, *between, w = image.shape
    tall = (rows @ image.reshape(h, -1)).reshape(-1, w)
    return (columns @ tall.T).T.reshape(rows.shape[0], *between, columns.shape[0])


@lru_cache(maxsize=64)
def area_weights(source: int, target: int, ratio: float) -> sparse.csr_array:
    """(target, source) float32: the share that each source pixel has in each target pixel.

    A target pixel is `ratio` source pixels wide. An integer ratio gives the plain mean of a block;
    below one the window stays one source pixel wide, which is linear interpolation. The centres of
    both lines are matched to a whole source pixel, so that ratio 1 copies and never blurs.
    """
    start = math.floor((source - target * ratio) / 2 + 0.5)
    centre = start + ratio * (np.arange(target)[:, None] + 0.5)
    half = max(ratio, 1) / 2
    left = np.arange(source)
    shared = np.minimum(centre + half, left + 1) - np.maximum(centre - half, left)
    return sparse.csr_array((np.clip(shared, 0, None) / (2 * half)).astype(np.float32))
