"""One scan at a time, from its files to slices worth learning from, so that memory stays flat.

Slices that are constant or hold single NaN are dropped; the rest of a scan is scaled together, so
that a tissue keeps its brightness from slice to slice, and brought into the frame.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from vqgen_utils.data.copies import Copies
from vqgen_utils.data.framing import fit_image, fit_labels
from vqgen_utils.data.intensities import (
    HIGH,
    LOW,
    TIMES,
    Scale,
    choose_scale,
    is_label_map,
    set_aside_fill,
)
from vqgen_utils.data.names import Scan
from vqgen_utils.data.nifti import cut, known
from vqgen_utils.data.reading import read_head, read_volume
from vqgen_utils.data.survey import Progress, Survey
from vqgen_utils.data.tissues import TISSUES
from vqgen_utils.errors import InputError

STUDY_SLICES = 60  # in every volume of the study
CONSTANT = "constant, nothing to learn from"
BROKEN = "NaN or infinite values, or beyond 1e30; repair or remove them"
BACKGROUND_NAN = 0.01  # share of a scan's voxels that are NaN around a body; fewer are damage
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


@dataclass
class _Oddities:
    """What the reader should know of the intensities of scans, each by its first file."""

    bright: dict[str, float] = field(default_factory=dict)  # brightest voxel; 1 is shown as 1
    dark: dict[str, float] = field(default_factory=dict)  # how far the darkest is below 0
    capped: list[str] = field(default_factory=list)
    filled: dict[str, str] = field(default_factory=dict)  # fill values

    def add(self, file: str, scale: Scale) -> None:
        if scale.capped:
            self.capped.append(file)
        elif scale.clipped > 0.002 or scale.brighter > 2:
            self.bright[file] = scale.brighter
        if scale.darker > 1:
            self.dark[file] = scale.darker

    def notes(self) -> list[str]:
        notes = []
        if self.filled:
            file, values = next(iter(self.filled.items()))
            notes.append(
                "Scans with a fill value outside of the picture, set aside before scaling and "
                f"shown as 0: {len(self.filled)} (the first: {file}: {values})."
            )
        if self.bright:
            file = max(self.bright, key=self.bright.get)
            notes.append(
                f"Scans with voxels far brighter than the {HIGH} % that become 0 to 1: "
                f"{len(self.bright)} (most in {file}: {self.bright[file]:.1f} times). These voxels "
                "are shown as 1, and the column `clipped` of the index has their share."
            )
        if self.dark:
            file = max(self.dark, key=self.dark.get)
            notes.append(
                f"Scans with voxels far darker than the {LOW} % that become 0: {len(self.dark)} "
                f"(most in {file}: {self.dark[file]:.1f} times the range from 0 to 1 below it). "
                "These voxels are shown as 0."
            )
        if self.capped:
            notes.append(
                "Scans whose brightest part, such as fat beside a coil, would have dimmed the "
                f"rest: {len(self.capped)} (the first: {self.capped[0]}). There 1 is {TIMES} times "
                "as bright as most of the tissue, and what is brighter is shown as 1."
            )
        return notes


def read_slices(survey: Survey, progress: Progress) -> Iterator[Slice]:
    """Every usable slice of a survey, scan by scan, scaled and framed.

    Adds to `survey.dropped` and, at the end, to `survey.notes`.
    """
    oddities, copies = _Oddities(), Copies()
    for done, volume in enumerate(survey.volumes, start=1):
        progress("reading scans", done, len(survey.volumes))
        pictures = _images(survey, _read_pictures(survey, volume))
        if not pictures:
            continue
        pictures, filled = _usable(survey, pictures)
        if not pictures or _is_copy(survey, copies, volume, pictures):
            continue
        values = np.concatenate([picture.voxels.ravel() for picture in pictures])
        if filled:
            values = values[~np.isnan(values)]
            oddities.filled[volume[0].file] = ", ".join(filled)
        scale = choose_scale(values, cap=not survey.square_pixels, filled=bool(filled))
        if scale is None or scale.high - scale.low <= SMALLEST:
            for file in dict.fromkeys(picture.scan.file for picture in pictures):
                survey.drop(file, _why_constant(values), broken=False)
            continue
        del values  # before the next scan is read
        oddities.add(volume[0].file, scale)
        for picture in pictures:
            yield _finish(survey, picture, scale)
    survey.notes += oddities.notes()


def _why_constant(values: np.ndarray) -> str:
    """Why values whose percentiles are equal, or nearly so, are of no use."""
    usual = np.median(values)
    share = float(np.mean(values != usual))
    if share == 0 or share > 0.01:
        return CONSTANT
    limit = next(limit for limit in (0.1, 0.6, 1) if 100 * share <= limit)
    return f"under {limit:g} % of its voxels are not background, too few to learn from"


def _images(survey: Survey, pictures: list[_Picture]) -> list[_Picture]:
    """The pictures of one scan, unless it is a label map, which is dropped."""
    reason = is_label_map([picture.voxels for picture in pictures]) if pictures else ""
    if not reason:
        return pictures
    for file in dict.fromkeys(picture.scan.file for picture in pictures):
        survey.drop(file, reason, broken=False, labels=True)
    return []


def _read_pictures(survey: Survey, volume: list[Scan]) -> list[_Picture]:
    """The slices of one scan; a file that cannot be read is dropped."""
    heights = _heights_of_numbers(volume, STUDY_SLICES if survey.square_pixels else None)
    pictures = []
    for scan in volume:
        path, more = survey.folder / scan.file, [survey.folder / file for file in scan.more]
        try:
            array, sizes = read_volume(
                path, frame=scan.frame, as_stored=survey.square_pixels, more=more
            )
        except InputError as error:
            survey.drop(scan.file, error)
            continue
        labels = _read_labels(survey, scan, array.shape)
        if survey.square_pixels or not known(sizes):
            sizes = np.ones(array.ndim)
        if array.ndim == 2:
            number = scan.slice or 0
            height = heights.get(scan.slice, 0.5)
            pictures.append(_Picture(scan, number, height, array, labels, sizes))
            continue
        slices = cut(array, survey.slice_axis)
        their_labels = [None] * len(slices)
        if labels is not None:
            their_labels = cut(labels, survey.slice_axis)
        sizes = np.delete(sizes, survey.slice_axis)
        alone = len(slices) == 1 and scan.slice is not None
        for number, (voxels, labels) in enumerate(zip(slices, their_labels, strict=True)):
            number = scan.slice if alone else number
            height = number / (len(slices) - 1) if len(slices) > 1 else heights.get(scan.slice, 0.5)
            pictures.append(_Picture(scan, number, height, voxels, labels, sizes))
    return pictures


def _heights_of_numbers(volume: list[Scan], study_slices: int | None) -> dict[int, float]:
    """Number of a slice -> its place: 0 for the lowest that its volume has, 1 for the highest.

    The study's volumes have `study_slices` each, whichever of them occur.
    """
    numbers = [scan.slice for scan in volume if scan.slice is not None]
    if not numbers:
        return {}
    low, high = min(numbers), max(numbers)
    if study_slices:
        low, high = 0, max(study_slices - 1, high)
    return {n: (n - low) / (high - low) if high > low else 0.5 for n in numbers}


def _usable(survey: Survey, pictures: list[_Picture]) -> tuple[list[_Picture], list[str]]:
    """The pictures without those that are constant or hold single NaN, which are dropped.

    Also the fill values of the scan; in the pictures that are left they are NaN.
    """
    nan_share = np.mean([np.isnan(picture.voxels).mean() for picture in pictures])
    outside = BACKGROUND_NAN <= nan_share < 1
    whole, bad = [], {}
    for picture in pictures:
        voxels = picture.voxels
        seen = voxels[~np.isnan(voxels)] if outside else voxels
        if seen.size and not (seen.min() > -LARGEST and seen.max() < LARGEST):
            bad.setdefault((picture.scan, BROKEN), []).append(picture.number)
        else:
            whole.append(picture)
    filled = set_aside_fill([picture.voxels for picture in whole]) if whole else []
    good = []
    for picture in whole:
        seen = picture.voxels[~np.isnan(picture.voxels)] if filled else picture.voxels
        if not seen.size or seen.min() == seen.max():
            bad.setdefault((picture.scan, CONSTANT), []).append(picture.number)
        else:
            good.append(picture)
    for (scan, reason), numbers in bad.items():
        alone = scan.slice is not None or len(pictures) == 1
        where = "" if alone else f"slices {ranges(numbers)}: "
        survey.drop(scan.file, where + reason, broken=reason == BROKEN)
    return good, filled


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


def _finish(survey: Survey, picture: _Picture, scale: Scale) -> Slice:
    scan, voxels = picture.scan, picture.voxels
    low, high = scale.low, scale.high
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
        "clipped": scale.clipped,
        "original_min": float(np.nanmin(voxels)),
        "original_max": float(np.nanmax(voxels)),
    }
    unit = np.clip((voxels - low) / (high - low), 0, 1)
    unit[np.isnan(unit)] = 0  # fill
    labels = picture.labels
    if labels is not None:
        labels = fit_labels(labels, picture.sizes, survey.frame)
    return Slice(row, fit_image(unit, picture.sizes, survey.frame), labels)


def _read_labels(survey: Survey, scan: Scan, shape: tuple[int, ...]) -> np.ndarray | None:
    """The tissue labels of a scan, uint8 of its shape, or None where there are none."""
    if not scan.label_file:
        return None
    try:
        labels, _ = read_volume(survey.folder / scan.label_file, as_stored=survey.square_pixels)
        if labels.shape != shape:
            raise InputError(f"labels of shape {labels.shape}, image {shape}.")
        if labels.ndim == 2 and not survey.square_pixels:
            files = (scan.file, scan.label_file)
            image, other = (read_head(survey.folder / file) for file in files)
            if image.slice_axis != other.slice_axis:
                raise InputError("its header does not say that it lies as its image does.")
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
