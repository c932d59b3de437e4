"""Slices a prior of pelves should find odd: known ones with something wrong, to test it with."""

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
from scipy import ndimage

from vqgen_utils.data.framing import Frame, fit_image
from vqgen_utils.data.nifti import read_volume
from vqgen_utils.data.tissues import BLADDER, BODY, BONE

Change = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray | None]

ENOUGH = 0.004  # share of the picture an organ must have to be worth changing


def implant(image: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    """A metal hip: no signal where the head of the femur was, a bright rim of distortion around it.

    Args:
        image: (H, W) in [0, 1].
        labels: (H, W) integers 0-5.
        rng: which side.

    Returns:
        The changed slice, None where there is no joint.
    """
    radius = max(1, round(0.035 * len(image)))
    disc = np.hypot(*np.mgrid[-radius : radius + 1, -radius : radius + 1]) <= radius
    joints, number = ndimage.label(ndimage.binary_opening(labels == BONE, disc))
    if number == 0:
        return None
    centre = ndimage.center_of_mass(joints == rng.integers(1, number + 1))
    rows, columns = np.ogrid[: image.shape[0], : image.shape[1]]
    distance = np.hypot(rows - centre[0], columns - centre[1]) / radius
    changed = np.where(distance < 2.0, 0.02, image)
    return np.where((distance >= 2.0) & (distance < 2.5), 1.0, changed).astype(np.float32)


def no_bladder(image: np.ndarray, labels: np.ndarray, rng: np.random.Generator):
    """The bladder filled in with what looks like muscle; None where there is hardly any."""
    bladder = ndimage.binary_dilation(labels == BLADDER, iterations=2)
    if (labels == BLADDER).mean() < ENOUGH:
        return None
    muscle = np.percentile(image[labels == BODY], 40)
    filling = muscle + 0.03 * rng.standard_normal(image.shape)
    return np.where(bladder, filling, image).clip(0, 1).astype(np.float32)


def upside_down(image: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Front and back exchanged, as by a wrong orientation in the header."""
    return np.ascontiguousarray(image[:, ::-1])


def mirrored(image: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Right and left exchanged: grave for a surgeon, and hard to see, for bodies are symmetric."""
    return np.ascontiguousarray(image[::-1])


def noisy(image: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Heavy Rician noise: the length of a signal with noise in both of its channels."""
    real, imaginary = 0.12 * rng.standard_normal((2, *image.shape))
    return np.hypot(image + real, imaginary).clip(0, 1).astype(np.float32)


CHANGES: dict[str, Change] = {
    "hip implant": implant,
    "bladder missing": no_bladder,
    "upside down": upside_down,
    "mirrored": mirrored,
    "heavy noise": noisy,
}


def head_slices(shape: tuple[int, int]) -> np.ndarray:
    """Axial slices of a real head, from NiBabel's own tests, in our frame: (N, H, W) in [0, 1].

    Args:
        shape: (H, W) to bring them to; the head is shown whole, in its own proportions.
    """
    path = Path(nibabel.__file__).parent / "tests" / "data" / "example4d.nii.gz"
    volume, sizes = read_volume(path, frame=0)  # (X, Y, Z), mm
    extent = np.array(volume.shape[:2]) * sizes[:2]
    frame = Frame(*shape, spacing=float((extent / shape).max()))
    scaled = np.clip(volume / np.percentile(volume, 99.9), 0, 1)
    middle = range(2, volume.shape[2] - 2)  # the outermost slices hold next to nothing
    return np.stack([fit_image(scaled[:, :, z], sizes[:2], frame) for z in middle])


def change_all(
    images: np.ndarray, labels: np.ndarray, change: Change, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """`change` each slice that can be changed.

    Args:
        images, labels: (N, H, W).
        seed: of the noise.

    Returns:
        changed slices (n, H, W), and which of the N they were (n,).
    """
    rng = np.random.default_rng(seed)
    pairs = [(n, change(images[n], labels[n], rng)) for n in range(len(images))]
    kept = [(n, changed) for n, changed in pairs if changed is not None]
    shape = (0, *images.shape[1:])
    changed = np.stack([one for _, one in kept]) if kept else np.zeros(shape, np.float32)
    return changed, np.array([n for n, _ in kept], dtype=int)


def surprise(bits: np.ndarray, side: int = 5) -> np.ndarray:
    """How odd the oddest place of each slice is: bits a code (N, h, w) -> (N,).

    The largest mean over a window of `side` x `side` codes: what is wrong may be a small part of a
    slice, such as the place of a bladder, and drown in the mean over all of it.
    """
    return _around(bits, side).max((1, 2))


def oddest_place(bits: np.ndarray, side: int = 5) -> np.ndarray:
    """Where that window lies: bits a code (N, h, w) -> its middle (N, 2), row and column."""
    window = _around(bits, side)
    return np.stack(np.unravel_index(window.reshape(len(bits), -1).argmax(1), bits.shape[1:]), 1)


def found(bits: np.ndarray, changed: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Whether the oddest place of each slice lies on what was changed in it.

    Args:
        bits: of the changed slices, (N, h, w).
        changed, before: (N, H, W); a code covers H / h x W / w pixels.

    Returns:
        (N,) bool: the window around the oddest place holds a changed pixel.
    """
    n, h, w = bits.shape
    blocks = (
        (changed != before).reshape(n, h, -1, w, changed.shape[2] // w).any((2, 4))
    )  # (N, h, w)
    near = ndimage.maximum_filter(blocks, (1, 5, 5))  # (N, h, w)
    return near[np.arange(n), *oddest_place(bits).T]


def _around(bits: np.ndarray, side: int) -> np.ndarray:
    """Mean over the window around each position: (N, h, w) -> (N, h, w)."""
    return ndimage.uniform_filter(bits, (0, side, side), mode="nearest")


def auroc(odd: np.ndarray, normal: np.ndarray) -> float:
    """Chance that an odd slice scores above a normal one: 0.5 is guessing, 1 never wrong.

    The area under the ROC curve, by its identity with the Mann-Whitney statistic.
    """
    from scipy.stats import mannwhitneyu

    return float(mannwhitneyu(odd, normal).statistic / (len(odd) * len(normal)))


def rank(costs: dict[str, np.ndarray], usual: np.ndarray) -> pd.DataFrame:
    """How well bits tell odd slices from usual ones.

    Args:
        costs: name -> bits a code of odd slices (n, h, w); a set without slices is left out.
        usual: (N, h, w), of unchanged held-out slices.

    Returns:
        A row a set: slices; bits, their mean a code; auroc_mean and auroc_place, by the mean over
        the slice and over its oddest place.
    """
    rows = {
        name: {
            "slices": len(cost),
            "bits": cost.mean(),
            "auroc_mean": auroc(cost.mean((1, 2)), usual.mean((1, 2))),
            "auroc_place": auroc(surprise(cost), surprise(usual)),
        }
        for name, cost in costs.items()
        if len(cost)
    }
    return pd.DataFrame(rows).T


def auroc_two_sided(odd: np.ndarray, usual: np.ndarray, typical: float) -> float:
    """`auroc` by how far the mean bits of a slice are from the typical, to either side.

    Nalisnick et al. 2019, "Detecting Out-of-Distribution Inputs to Deep Generative Models Using
    Typicality", arXiv:1906.02994.

    Args:
        odd, usual: bits a code, (n, h, w) and (N, h, w).
        typical: mean bits a code of slices that are known to be usual.
    """
    return auroc(*(np.abs(bits.mean((1, 2)) - typical) for bits in (odd, usual)))
