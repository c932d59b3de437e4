"""How good is it? Image similarity, use of the codebook, and likelihood of codes.

SSIM: Wang et al. 2004, "Image Quality Assessment: From Error Visibility to Structural Similarity",
with the paper's Gaussian window (sigma 1.5) and `data_range` 1, since images lie in [0, 1].
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from scipy import ndimage
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from vqgen_utils.data.tissues import TISSUES
from vqgen_utils.models.pixelcnn import PixelCNN

AIR = 0.06  # after scaling to [0, 1], what is darker than this outside the body is air
EDGE = 5  # pixels, the window's radius: closer to the border it would reach outside the slice
WINDOW = 2 * EDGE + 1  # pixels; on a slice that is smaller along a side there is no SSIM
FEW = 10  # pixels of a tissue; fewer say nothing


def body_mask(image: np.ndarray) -> np.ndarray:
    """The body in a slice, for data without labels: (H, W) in [0, 1] -> (H, W) bool.

    The largest bright region after a little smoothing, its holes filled.
    """
    regions, number = ndimage.label(ndimage.gaussian_filter(image.astype(np.float32), 1) > AIR)
    if number == 0:
        return np.zeros(image.shape, bool)
    sizes = np.bincount(regions.ravel())[1:]
    return ndimage.binary_fill_holes(regions == 1 + sizes.argmax())


def ssim_map(image: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Structural similarity around each pixel: two (H, W) in [0, 1] -> (H, W) in [-1, 1].

    NaN everywhere where the slice is smaller than the window, see `why_no_ssim`.
    """
    if why_no_ssim(image.shape):
        return np.full(image.shape, np.nan, np.float32)
    return structural_similarity(
        np.asarray(image, np.float32),
        np.asarray(other, np.float32),
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )[1]


def why_no_ssim(shape: tuple[int, int]) -> str:
    """Why slices of this shape (H, W) have no SSIM; "" where they have."""
    if min(shape) >= WINDOW:
        return ""
    size = " x ".join(map(str, shape))
    return f"slices of {size} pixels are smaller than SSIM's window of {WINDOW} x {WINDOW}"


def _inside(shape: tuple[int, int]) -> tuple[slice, slice]:
    """The pixels (H, W) whose window lies inside the slice; all, where none does."""
    edge = 0 if why_no_ssim(shape) else EDGE
    return slice(edge, shape[0] - edge), slice(edge, shape[1] - edge)


def ssim(
    images: np.ndarray, others: np.ndarray, masks: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """SSIM of each pair of slices, over the whole slice and over the body alone.

    The black background of an MR slice is easy to reproduce and lifts the plain mean: report both.

    Args:
        images, others: (N, H, W) in [0, 1].
        masks: (N, H, W) bool, the body; default: `body_mask` of each image.

    Returns:
        plain (N,) and body-masked (N,); a slice without a body has NaN in the second, and slices
        smaller than the window have NaN in both.
    """
    inside = _inside(images.shape[1:])
    plain, body = [], []
    for n, (image, other) in enumerate(zip(images, others, strict=True)):
        similarity = ssim_map(image, other)[inside]
        mask = (body_mask(image) if masks is None else masks[n])[inside]
        plain.append(similarity.mean(dtype=np.float64))
        body.append(similarity[mask].mean(dtype=np.float64) if mask.any() else np.nan)
    return np.array(plain), np.array(body)


def psnr(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio of each pair of slices in dB: two (N, H, W) in [0, 1] -> (N,)."""
    return np.array(
        [
            peak_signal_noise_ratio(np.float32(image), np.float32(other), data_range=1.0)
            for image, other in zip(images, others, strict=True)
        ]
    )


def code_counts(codes: Tensor, num_embeddings: int) -> Tensor:
    """How often each code occurs: integers of any shape -> (K,)."""
    return torch.bincount(codes.flatten(), minlength=num_embeddings)


def entropy_bits(counts: Tensor) -> float:
    """Entropy in bits of the frequencies behind `counts` (K,): 0 (one code) to log2 K (uniform)."""
    p = counts[counts > 0].double() / counts.sum()
    return float(-(p * p.log2()).sum())


def perplexity(counts: Tensor) -> float:
    """2^entropy: as how many equally frequent codes the codebook works, 1 to K."""
    return 2 ** entropy_bits(counts)


@torch.inference_mode()
def bits_by_position(
    model: PixelCNN, codes: Tensor, condition: Tensor, batch_size: int = 16
) -> Tensor:
    """What the prior pays for each code, -log2 p(code | before, condition).

    Args:
        codes: (N, H, W).
        condition: (N, F).

    Returns:
        (N, H, W) bits.
    """
    model.eval()
    parts = []
    for some, their_condition in zip(
        codes.split(batch_size), condition.split(batch_size), strict=True
    ):
        some = some.to(model.device)
        logits = model(some, their_condition.to(model.device))
        parts.append(F.cross_entropy(logits, some, reduction="none").cpu())
    return torch.cat(parts) / math.log(2)


def mean_and_spread(values: Sequence[float]) -> str:
    """'0.912 ± 0.014' for a caption: mean and standard deviation, NaN left out.

    One value has no spread.
    """
    measured = np.count_nonzero(~np.isnan(values))
    if measured < 2:
        return f"{np.nanmax(values):.3f}" if measured else "not measured"
    return f"{np.nanmean(values):.3f} ± {np.nanstd(values):.3f}"


def scores_by_tissue(
    images: np.ndarray, others: np.ndarray, labels: np.ndarray
) -> dict[str, pd.DataFrame]:
    """SSIM and mean absolute error of each slice within each tissue.

    Args:
        images, others: (N, H, W) in [0, 1].
        labels: (N, H, W) integers 0-5.

    Returns:
        Tissue -> N rows with the columns ssim, l1; NaN where a slice has hardly any of it.
    """
    inside = _inside(images.shape[1:])
    rows = {name: [] for name in TISSUES}
    for image, other, label in zip(images, others, labels, strict=True):
        similarity = ssim_map(image, other)[inside]
        error = np.abs(np.float32(image) - np.float32(other))[inside]
        for value, name in enumerate(TISSUES):
            where = label[inside] == value
            enough = where.sum() >= FEW
            values = (similarity[where].mean(), error[where].mean()) if enough else (np.nan,) * 2
            rows[name].append(values)
    return {name: pd.DataFrame(scores, columns=["ssim", "l1"]) for name, scores in rows.items()}


def mean_or_none(values: Sequence[float]) -> float | None:
    """The mean, NaN left out; None where there is no other value."""
    return None if np.isnan(values).all() else float(np.nanmean(values))


def slices_a_scan(index: pd.DataFrame) -> int | None:
    """How many slices reach from height 0 to height 1 in a typical scan, left-out ones included.

    Args:
        index: a row a slice, with patient, week, slice (its number) and height.

    Returns:
        The median over scans; None where none has slices at two heights.
    """
    scans = index.groupby(["patient", "week"])[["slice", "height"]]
    span = scans.max() - scans.min()
    span = span[span["height"] > 0]
    return None if span.empty else 1 + round(float((span["slice"] / span["height"]).median()))


def nearest_heights(asked: Sequence[float], known: np.ndarray) -> list[float]:
    """For each height asked for the nearest that a training slice has: n in [0, 1], (N,) -> n."""
    known = np.asarray(known)
    return [float(known[np.abs(known - height).argmin()]) for height in asked]


def level_of(heights: np.ndarray, levels: int = 10) -> np.ndarray:
    """The middle of the tenth of the scan that each height lies in: (N,) in [0, 1] -> (N,)."""
    return (np.minimum(np.floor(np.asarray(heights) * levels), levels - 1) + 0.5) / levels
