"""What a folder of scans holds, from the names and headers of its files, and the frame it needs.

Nothing is left out silently: a file that is not used is in `Survey.damaged` or `Survey.unused` with
the reason, and what the reader should know about the rest is in `Survey.notes`.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vqgen_utils.config import DataConfig
from vqgen_utils.data.framing import Frame, choose_frame
from vqgen_utils.data.layouts import find
from vqgen_utils.data.names import Scan
from vqgen_utils.data.nifti import by, read_header
from vqgen_utils.data.whose import join_slices
from vqgen_utils.errors import InputError

MIN_SIDE = 8  # voxels; a thinner slice is a volume cut along the wrong axis
MAX_ASPECT = 16  # of a slice's sides in mm; beyond it the voxel sizes are wrong
MAX_RATIO = 5  # between fields of view; beyond it the voxel sizes are in another unit

Progress = Callable[[str, int, int], None]  # what is being done, how much is done, of how much


@dataclass
class Survey:
    """What a folder holds, from the names and headers of its files."""

    folder: Path
    layout: str = ""  # of the folder, by its names
    volumes: list[list[Scan]] = field(default_factory=list)  # one scan session each
    frame: Frame | None = None  # None: there is nothing to frame
    slice_axis: int = 2
    square_pixels: bool = False  # take every pixel as 1 mm, whatever the header says
    notes: list[str] = field(default_factory=list)
    damaged: list[dict] = field(default_factory=list)  # {"file", "reason"}: somebody should look
    flat: set[str] = field(default_factory=set)  # files of one slice
    copies: list[tuple[str, str]] = field(default_factory=list)  # files of the same voxels
    unused: list[dict] = field(default_factory=list)  # {"file", "reason"}: whole, but of no use

    def drop(self, file: str, error: InputError | str, *, broken: bool = True) -> None:
        reason = str(error).removeprefix(f"{self.folder / file}: ")
        (self.damaged if broken else self.unused).append({"file": file, "reason": reason})

    @property
    def dropped(self) -> list[dict]:
        """{"file", "reason"} of everything that is not used."""
        return self.damaged + self.unused


def survey_headers(
    folder: Path, files: list[str], config: DataConfig, progress: Progress
) -> Survey:
    """Look at every header below `folder`.

    Raises:
        InputError: when the folder is not laid out as `config.data_source` says.
    """
    survey = Survey(folder, slice_axis=config.slice_axis)
    found = find(folder, files, config)
    survey.layout, survey.notes, volumes = found.layout, found.notes, found.volumes
    survey.square_pixels = survey.layout == "hipmri-2d"
    for entry in found.dropped:
        survey.drop(entry["file"], entry["reason"], broken=False)
    views = _views(survey, [scan for volume in volumes for scan in volume], progress)
    if views:
        choose = _frame_study if survey.square_pixels else _frame_any
        choose(survey, views, config)
    kept = ([scan for scan in volume if scan.file in views] for volume in volumes)
    survey.volumes = join_slices([volume for volume in kept if volume], survey.flat)
    return survey


def _views(survey: Survey, scans: list[Scan], progress: Progress) -> dict[str, tuple]:
    """file -> shape (2,) in pixels and extent (2,) in mm of its slices; others are dropped."""
    views, no_size = {}, 0
    for done, scan in enumerate(scans, start=1):
        progress("reading headers", done, len(scans))
        try:
            shape, sizes = read_header(survey.folder / scan.file, frame=scan.frame)
        except InputError as error:
            survey.drop(scan.file, error)
            continue
        if len(shape) == 3 and scan.slice is not None:
            survey.drop(scan.file, f"is named as one slice but holds a volume of {by(shape)}")
            continue
        if survey.square_pixels or not known(sizes):
            no_size += not survey.square_pixels
            sizes = np.ones(len(shape))
        flat = len(shape) == 2
        if not flat:
            shape, sizes = np.delete(shape, survey.slice_axis), np.delete(sizes, survey.slice_axis)
        if min(shape) < MIN_SIDE:
            survey.drop(scan.file, f"has slices of {by(shape)} pixels; choose another slice_axis")
            continue
        extent = np.multiply(shape, sizes)
        if extent.max() > MAX_ASPECT * extent.min():
            survey.drop(scan.file, f"has slices of {by(extent)} mm; check its voxel sizes")
            continue
        views[scan.file] = np.array(shape), extent
        if flat:
            survey.flat.add(scan.file)
    if no_size:
        survey.notes.append(f"Files that give no voxel size, where 1 mm was assumed: {no_size}.")
    return views


def _frame_study(survey: Survey, views: dict[str, tuple], config: DataConfig) -> None:
    """The study: pixels count, not mm; slices of another shape than most are dropped or cropped."""
    shapes = {file: tuple(shape.tolist()) for file, (shape, _) in views.items()}
    usual, _ = Counter(shapes.values()).most_common(1)[0]
    others = [file for file, shape in shapes.items() if shape != usual]
    if others and config.other_shapes == "crop":
        survey.notes.append(
            f"Slices of another shape, cropped or padded to {by(usual)}: {len(others)}."
        )
    elif others:
        for file in others:
            reason = f"is {by(shapes[file])}, most slices are {by(usual)}"
            survey.drop(file, reason, broken=False)
            del views[file]
    _set_frame(survey, np.array(usual), np.array(usual), config)


def _frame_any(survey: Survey, views: dict[str, tuple], config: DataConfig) -> None:
    """Any other folder: the frame shows the median field of view."""
    typical = np.median([extent for _, extent in views.values()], axis=0)
    for file, (_, extent) in list(views.items()):
        if max(*(extent / typical), *(typical / extent)) > MAX_RATIO:
            reason = f"is {by(extent)} mm, others about {by(typical)}; check its voxel sizes"
            survey.drop(file, reason)
            del views[file]
    if not views:
        return
    _set_frame(survey, typical, np.median([shape for shape, _ in views.values()], axis=0), config)
    frame = np.array([survey.frame.height + 1, survey.frame.width + 1]) * survey.frame.spacing
    cut = sum(bool((extent > frame).any()) for _, extent in views.values())
    if cut:
        survey.notes.append(
            f"Files whose slices are larger than the frame and lose their edges: {cut}."
        )


def _set_frame(survey: Survey, extent: np.ndarray, shape: np.ndarray, config: DataConfig) -> None:
    profile = (config.image_height, config.image_width)
    survey.frame = choose_frame(extent, shape, *profile)
    frame = (survey.frame.height, survey.frame.width)
    if frame != profile:
        survey.notes.append(
            f"Slices are packed as {by(frame)} pixels, not the profile's {by(profile)}, to show "
            f"them whole and in their own proportions; a pixel is {survey.frame.spacing:.3g} "
            f"{'of theirs' if survey.square_pixels else 'mm'} wide."
        )


def known(sizes: np.ndarray) -> bool:
    """Whether these can be voxel sizes in mm, a nanometre to a kilometre, and not zeros or NaN."""
    return bool(((sizes >= 1e-6) & (sizes <= 1e6)).all())
