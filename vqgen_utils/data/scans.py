"""One scan at a time, from its files to slices worth learning from, so that memory stays flat.

Slices that are constant or hold NaN are dropped; the rest of a scan is scaled together, so that a
tissue keeps its brightness from slice to slice, and brought into the frame.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vqgen_utils.data.copies import Copies
from vqgen_utils.data.framing import fit_image, fit_labels
from vqgen_utils.data.names import Scan
from vqgen_utils.data.nifti import read_volume
from vqgen_utils.data.survey import Progress, Survey, known
from vqgen_utils.data.tissues import TISSUES
from vqgen_utils.errors import InputError

STUDY_SLICES = 60  # in every volume of the study
LOW, HIGH = 0.5, 99.9  # percentiles of a scan's intensities that become 0 and 1
FEW_VALUES = 16  # in 10,000 voxels; a scan has hundreds
CONSTANT = "constant, nothing to learn from"
BROKEN = "NaN or infinite values, or beyond 1e30; repair or remove them"
LARGEST, SMALLEST = 1e30, 1e-30  # of an intensity, of a range: beyond them float32 overflows


@dataclass
class Slice:
    """One slice, ready to be packed."""

    row: dict  # of the index
    image: np.ndarray  # (H, W) float32 in [0, 1]
    labels: np.ndarray | None  # (H, W) uint8


@dataclass
class _Picture:
    """One slice as it lies in its file."""

    scan: Scan
    number: int
    height: float  # 0 for the lowest slice of its volume, 1 for the highest
    voxels: np.ndarray  # (h, w) float32
    labels: np.ndarray | None  # (h, w) uint8
    sizes: np.ndarray  # (2,) mm


def read_slices(survey: Survey, progress: Progress) -> Iterator[Slice]:
    """Every usable slice of a survey, scan by scan, scaled and framed.

    Adds to `survey.dropped` and, at the end, to `survey.notes`.
    """
    bright, flat, copies = {}, [], Copies()
    for done, volume in enumerate(survey.volumes, start=1):
        progress("reading scans", done, len(survey.volumes))
        pictures = _usable(survey, _read_pictures(survey, volume))
        if not pictures or _is_copy(survey, copies, volume, pictures):
            continue
        values = np.concatenate([picture.voxels.ravel() for picture in pictures])
        low, high = map(float, np.percentile(values, (LOW, HIGH)))
        if not high - low > SMALLEST:
            for file in dict.fromkeys(picture.scan.file for picture in pictures):
                survey.drop(file, CONSTANT, broken=False)
            continue
        clipped = float(np.mean(values > high))
        times = (float(values.max()) - low) / (high - low)
        if clipped > 0.002 or times > 2:
            bright[volume[0].file] = times
        if len(np.unique(values[:: max(1, len(values) // 10_000)])) <= FEW_VALUES:
            flat.append(volume[0].file)
        del values  # before the next scan is read
        for picture in pictures:
            yield _finish(survey, picture, low, high, clipped)
    survey.notes += _notes(bright, flat)


def _notes(bright: dict[str, float], flat: list[str]) -> list[str]:
    """Sentences on scans with outliers (file -> brightest voxel, 1 = shown as 1) or few values."""
    notes = []
    if bright:
        file = max(bright, key=bright.get)
        notes.append(
            f"Scans with voxels far brighter than the {HIGH} % that become 0 to 1: {len(bright)} "
            f"(most in {file}: {bright[file]:.1f} times). These voxels are shown as 1, and the "
            "column `clipped` of the index has their share."
        )
    if flat:
        notes.append(
            f"Scans with at most {FEW_VALUES} different values: {len(flat)} (the first: "
            f"{flat[0]}). If they are label maps, move them out of the folder."
        )
    return notes


def _read_pictures(survey: Survey, volume: list[Scan]) -> list[_Picture]:
    """The slices of one scan; a file that cannot be read is dropped."""
    largest = max(scan.slice or 0 for scan in volume)
    top = max(STUDY_SLICES - 1, largest)
    pictures = []
    for scan in volume:
        try:
            array, sizes = read_volume(survey.folder / scan.file, frame=scan.frame)
        except InputError as error:
            survey.drop(scan.file, error)
            continue
        labels = _read_labels(survey, scan, array.shape)
        if survey.square_pixels or not known(sizes):
            sizes = np.ones(array.ndim)
        if array.ndim == 2:
            number = scan.slice or 0
            height = 0.5 if scan.slice is None else number / top
            pictures.append(_Picture(scan, number, height, array, labels, sizes))
            continue
        slices = np.moveaxis(array, survey.slice_axis, 0)
        their_labels = [None] * len(slices)
        if labels is not None:
            their_labels = np.moveaxis(labels, survey.slice_axis, 0)
        sizes = np.delete(sizes, survey.slice_axis)
        for number, (voxels, labels) in enumerate(zip(slices, their_labels, strict=True)):
            height = number / (len(slices) - 1) if len(slices) > 1 else 0.5
            pictures.append(_Picture(scan, number, height, voxels, labels, sizes))
    return pictures


def _usable(survey: Survey, pictures: list[_Picture]) -> list[_Picture]:
    """The pictures without those that are constant or hold NaN, which are dropped."""
    good, bad = [], {}
    for picture in pictures:
        low, high = picture.voxels.min(), picture.voxels.max()
        if not -LARGEST < low <= high < LARGEST:
            bad.setdefault((picture.scan, BROKEN), []).append(picture.number)
        elif low == high:
            bad.setdefault((picture.scan, CONSTANT), []).append(picture.number)
        else:
            good.append(picture)
    for (scan, reason), numbers in bad.items():
        alone = scan.slice is not None or len(pictures) == 1
        where = "" if alone else f"slices {ranges(numbers)}: "
        survey.drop(scan.file, where + reason, broken=reason == BROKEN)
    return good


def _is_copy(survey: Survey, copies: Copies, volume: list[Scan], pictures: list) -> bool:
    """Whether a scan is another one again, and so left out; what is shared is noted in any case."""
    other, whole = copies.look_at(volume, [picture.voxels for picture in pictures])
    if other is None:
        return False
    own = volume[0]
    survey.copies.append((other.file, own.file))
    alike = (own.patient, own.session) == (other.patient, other.session)
    nobody = own.patient != other.patient and not (own.named and other.named)
    if not (whole and (alike or nobody) and own.split == other.split):
        return False
    for file in dict.fromkeys(picture.scan.file for picture in pictures):
        survey.drop(file, f"holds the same voxels as {other.file}", broken=False)
    return True


def _finish(survey: Survey, picture: _Picture, low: float, high: float, clipped: float) -> Slice:
    scan, voxels = picture.scan, picture.voxels
    row = {
        "patient": scan.patient,
        "week": scan.week,
        "slice": picture.number,
        "height": picture.height,
        "split": scan.split,
        "file": scan.file,
        "label_file": scan.label_file if picture.labels is not None else "",
        "rows": voxels.shape[0],
        "columns": voxels.shape[1],
        "low": low,
        "high": high,
        "clipped": clipped,
        "original_min": float(voxels.min()),
        "original_max": float(voxels.max()),
    }
    unit = np.clip((voxels - low) / (high - low), 0, 1)
    labels = picture.labels
    if labels is not None:
        labels = fit_labels(labels, picture.sizes, survey.frame)
    return Slice(row, fit_image(unit, picture.sizes, survey.frame), labels)


def _read_labels(survey: Survey, scan: Scan, shape: tuple[int, ...]) -> np.ndarray | None:
    """The tissue labels of a scan, uint8 of its shape, or None where there are none."""
    if not scan.label_file:
        return None
    try:
        labels, _ = read_volume(survey.folder / scan.label_file)
        if labels.shape != shape:
            raise InputError(f"labels of shape {labels.shape}, image {shape}.")
        if not ((labels == np.rint(labels)) & (labels >= 0) & (labels < len(TISSUES))).all():
            raise InputError(f"labels must be whole numbers from 0 to {len(TISSUES) - 1}.")
    except InputError as error:
        survey.drop(scan.label_file, error)
        return None
    return labels.astype(np.uint8)


def ranges(numbers: list[int]) -> str:
    """[0, 1, 2, 7] -> "0-2, 7"."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
