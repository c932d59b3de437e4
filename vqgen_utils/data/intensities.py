"""What the numbers of a scan mean: an image or a label map, tissue or fill, and what is black and
white.

MR has no unit, so each scan is scaled by percentiles of its own. Three things would spoil them. A
fill value outside of the field of view is no tissue and is set aside. Single outliers, bright or
dark, are beyond the percentiles. And skin fat beside a coil may be ten times as bright as the rest,
in more voxels than outliers have; there the white point follows what most of the tissue has. That
clips the fat, and needs no model of the coil: a bias field that is estimated from slices of a small
part of the body takes their anatomy for shading as often as not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LOW, HIGH = 0.5, 99.9  # percentiles of a scan's intensities that become 0 and 1
MOST, TIMES = 90, 3.5  # white is at most so many times as bright as the darkest 90 % of the tissue
NOISE = 0.01  # of the brightest; what is darker is no tissue
FEW_VALUES = 16  # different whole numbers; a scan has hundreds
FLAT = 0.4  # share of equal neighbours in a label map; noise leaves an 8-bit image a quarter
FEW_PAIRS = 50  # of neighbours; fewer say nothing
FILL_SHARE = 0.005  # of the voxels that a fill value has at least
FAR = 0.1  # of the range of all others; a fill value is farther away


@dataclass(frozen=True)
class Scale:
    """Which intensities become 0 and 1, and what lies beyond."""

    low: float
    high: float
    clipped: float  # share of the voxels above `high`
    brighter: float  # the brightest voxel on this scale
    darker: float  # how far the darkest lies below 0 on this scale
    capped: bool  # the brightest part would have dimmed the rest


def choose_scale(values: np.ndarray, *, cap: bool = True, filled: bool = False) -> Scale | None:
    """The scale of a scan by its intensities (n,), or None where the percentiles are equal.

    Args:
        values: without what was set aside.
        cap: keep a bright part of the tissue from dimming the rest.
        filled: something was set aside; then the darkest tissue need not be black.
    """
    low, high = map(float, np.percentile(values, (LOW, HIGH)))
    if not high > low:
        return None
    if filled and values.min() >= 0 and low < high - low:
        low = 0.0  # no signal, as where nothing was set aside
    tissue = values[values > low + NOISE * (high - low)]
    most = low + TIMES * (float(np.percentile(tissue, MOST)) - low)
    capped = cap and most < high
    high = most if capped else high
    return Scale(
        low=low,
        high=high,
        clipped=float(np.mean(values > high)),
        brighter=(float(values.max()) - low) / (high - low),
        darker=(low - float(values.min())) / (high - low),
        capped=capped,
    )


def set_aside_fill(slices: Sequence[np.ndarray]) -> list[str]:
    """Turn fill values into NaN, in place, and return them as text; there may be none.

    A fill value is NaN, or a number far below or far above all others that reaches a corner of a
    slice. 0 is none: it is what MR itself gives where nothing is.
    """
    values = np.concatenate([slice_.ravel() for slice_ in slices])
    missing = np.isnan(values)
    found = ["NaN"] if missing.any() else []
    values = values[~missing] if found else values
    for end in (np.min, np.max):
        if not len(values):
            break
        value = end(values)
        rest = values[values != value]
        enough = len(rest) and len(values) - len(rest) >= FILL_SHARE * len(missing)
        if not enough or value == 0 or not _far_from(value, rest):
            continue
        if not any(
            value in slice_[:: len(slice_) - 1, :: slice_.shape[1] - 1] for slice_ in slices
        ):
            continue
        for slice_ in slices:
            slice_[slice_ == value] = np.nan
        found.append(f"{value:g}")
        values = rest
    return found


def _far_from(value: float, rest: np.ndarray) -> bool:
    """Whether a value lies far outside the range that the rest have."""
    low, high = np.percentile(rest, (LOW, HIGH))
    if not high > low:
        return False
    if value > 0:  # bright: saturated tissue is no fill
        return bool(value - rest.max() > high - low)
    return bool(rest.min() - value > FAR * (high - low))


def is_label_map(slices: Sequence[np.ndarray]) -> str:
    """Why these slices of one scan are a label map, or nothing if they are not.

    Label maps hold whole numbers: few different ones, or so many as there are structures, in
    regions so flat that a voxel mostly equals its neighbour. Noise keeps images from that, even
    those in 8 bits.
    """
    some = [slices[n] for n in np.unique(np.linspace(0, len(slices) - 1, 12).astype(int))]
    values = np.concatenate([slice_.ravel() for slice_ in some])
    values = values[np.isfinite(values)]
    if not len(values) or (values != np.rint(values)).any():
        return ""
    different, counts = np.unique(values, return_counts=True)
    if len(different) < 2:
        return ""
    if len(different) <= FEW_VALUES and _few_values(slices):
        return f"is a label map, no image: at most {FEW_VALUES} different whole numbers"
    background = different[counts.argmax()]
    middle = np.median(values[values != background])
    equal = pairs = 0
    for slice_ in some:
        for first, second in ((slice_[1:], slice_[:-1]), (slice_[:, 1:], slice_[:, :-1])):
            inside = (first >= middle) & (second >= middle)
            inside &= (first != background) & (second != background)
            equal += int(((first == second) & inside).sum())
            pairs += int(inside.sum())
    if pairs >= FEW_PAIRS and equal > FLAT * pairs:
        return "is a label map, no image: whole numbers in flat regions"
    return ""


def _few_values(slices: Sequence[np.ndarray]) -> bool:
    different = np.unique(np.concatenate([np.unique(slice_) for slice_ in slices]))
    return len(different) <= FEW_VALUES
