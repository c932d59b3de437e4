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
from vqgen_utils.data.layouts import find, let_in, tell_patients
from vqgen_utils.data.listing import kind_of_scans
from vqgen_utils.data.names import Scan
from vqgen_utils.data.nifti import PLANES, Head, acquired_axis, by, known
from vqgen_utils.data.png import find_png
from vqgen_utils.data.reading import read_head
from vqgen_utils.data.sessions import find_dicom
from vqgen_utils.data.volumes import Found, join_slices
from vqgen_utils.errors import InputError

AXIAL = PLANES.index("axial")
MIN_SIDE = 8  # voxels; a thinner slice is a volume cut along the wrong axis
MAX_ASPECT = 16  # of a slice's sides in mm; beyond it the voxel sizes are wrong
LIKELY = (1, 5000)  # mm, of the longer side of a slice; beyond it the unit is another
MAX_RATIO = 5  # between fields of view; beyond it the voxel sizes are in another unit

Progress = Callable[[str, int, int], None]  # what is being done, how much is done, of how much


@dataclass
class Survey:
    """What a folder holds, from the names and headers of its files."""

    folder: Path
    layout: str = ""  # of the folder, by its names
    volumes: list[list[Scan]] = field(default_factory=list)  # one scan session each
    frame: Frame | None = None  # None: there is nothing to frame
    slice_axis: int = AXIAL  # that volumes are cut across
    plane: str | None = None  # one of PLANES; None: slices whose files do not say how they lie
    # median mm along rows, columns and from slice to slice (None: unknown)
    voxel_mm: tuple[float, float, float | None] | None = None
    shape: tuple[int, int] | None = None  # (H, W), median pixels of a slice as it lies in its file
    square_pixels: bool = False  # the study: take pixels as 1 mm and slices as they are stored
    notes: list[str] = field(default_factory=list)
    damaged: list[dict] = field(default_factory=list)  # {"file", "reason"}: somebody should look
    flat: set[str] = field(default_factory=set)  # files of one slice
    copies: list[tuple[str, str]] = field(default_factory=list)  # files of the same voxels
    unused: list[dict] = field(default_factory=list)  # {"file", "reason"}: whole, but of no use
    label_maps: set[str] = field(default_factory=set)  # the files among `unused` that hold labels

    def drop(
        self, file: str, reason: InputError | str, *, broken: bool = True, labels: bool = False
    ) -> None:
        reason = str(reason).removeprefix(f"{self.folder / file}: ")
        (self.damaged if broken else self.unused).append({"file": file, "reason": reason})
        if labels:
            self.label_maps.add(file)

    def in_words(self) -> str:
        """The shape, spacing and plane of the slices, or nothing where there are none."""
        if self.shape is None:
            return ""
        spacing = "voxel sizes unknown"
        if self.voxel_mm:
            row, column, between = self.voxel_mm
            spacing = f"pixels of {row:.3g} x {column:.3g} mm"
            spacing += f", {between:.3g} mm from slice to slice" if between else ""
        plane = f"{self.plane} slices" if self.plane else "slices of unknown plane"
        return f"{plane} of {by(self.shape)}, {spacing}"

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
    survey = Survey(folder)
    found = _find(folder, files, config, progress)
    survey.layout, survey.notes, volumes = found.layout, found.notes, found.volumes
    survey.square_pixels = survey.layout == "hipmri-2d"
    for entry in found.dropped:
        survey.drop(**{"broken": False} | entry)
    heads = _heads(survey, [scan for volume in volumes for scan in volume], progress)
    _choose_plane(survey, volumes, heads, config.slice_axis)
    views = _views(survey, heads)
    if views:
        choose = _frame_study if survey.square_pixels else _frame_any
        choose(survey, views, config)
        _measure(survey, views, heads)
    kept = ([scan for scan in volume if scan.file in views] for volume in volumes)
    survey.volumes = join_slices([volume for volume in kept if volume], survey.flat)
    return survey


def _find(folder: Path, files: list[str], config: DataConfig, progress: Progress) -> Found:
    """The volumes of a folder, by the names of its files or, for DICOM, by their headers."""
    kind = kind_of_scans(files)
    if kind == "NIfTI" or config.data_source != "nifti":
        return find(folder, files, config)
    files, dropped = let_in(folder, files, config)
    found = find_dicom(folder, files, progress) if kind == "DICOM" else find_png(files)
    if config.patient_pattern:
        tell_patients(found, folder, config.patient_pattern)
    elif found.unknown:
        found.notes.append(found.unknown)
    found.dropped = dropped + found.dropped
    return found


def _heads(survey: Survey, scans: list[Scan], progress: Progress) -> dict[str, Head]:
    """file -> what its header says, of those that can be images; the others are dropped."""
    heads = {}
    for done, scan in enumerate(scans, start=1):
        progress("reading headers", done, len(scans))
        path, more = survey.folder / scan.file, [survey.folder / file for file in scan.more]
        try:
            head = read_head(path, frame=scan.frame, as_stored=survey.square_pixels, more=more)
        except InputError as error:
            survey.drop(scan.file, error)
            continue
        if head.no_image:
            survey.drop(scan.file, head.no_image, broken=False, labels=head.labels)
        elif len(head.shape) == 3 and scan.slice is not None and 1 not in head.shape:
            reason = f"is named as one slice but holds a volume of {by(head.shape)}"
            survey.drop(scan.file, reason)
        else:
            heads[scan.file] = head
    if not survey.square_pixels:
        survey.notes += _notes_on_headers(heads)
    return heads


def _notes_on_headers(heads: dict[str, Head]) -> list[str]:
    """Sentences on headers that do not say how large the voxels are, or where the axes lead."""
    notes = []
    without = sum(not known(head.sizes) for head in heads.values())
    if without:
        notes.append(f"Files that give no voxel size, where 1 mm was assumed: {without}.")
    differ = [file for file, head in heads.items() if head.sizes_differ]
    if differ:
        notes.append(
            f"Files whose pixdim disagrees with their affine, which was believed: {len(differ)} "
            f"(the first: {differ[0]})."
        )
    leads = Counter(head.leads for head in heads.values() if head.leads)
    if len(leads) > 1:
        counts = ", ".join(f"{count} to {axes}" for axes, count in leads.most_common())
        notes.append(
            "2D slices are taken as they are stored, but by their headers the axes of some lead "
            f"elsewhere, so that some may be mirrored: {counts}."
        )
    volumes = [head for head in heads.values() if len(head.shape) == 3]
    lost = sum(not head.directed for head in volumes)
    if lost:
        notes.append(
            "Volumes whose header does not say where their axes lead, taken as right to left, back "
            f"to front and foot to head: {lost}."
        )
    return notes


def _choose_plane(
    survey: Survey, volumes: list[list[Scan]], heads: dict[str, Head], told: int | None
) -> None:
    """Set the plane that slices lie in: as told, else the one that most scans were acquired in.

    Scans that were acquired in another are left out, unless it was told: then volumes are cut
    across. Isotropic volumes can be cut any way, and are axial where they are most.
    """
    if survey.square_pixels:
        survey.plane = PLANES[survey.slice_axis]  # as the study is
        return
    axes = {file: acquired_axis(head) for file, head in heads.items()}
    whole = {file for file, head in heads.items() if len(head.shape) == 3}
    scans = Counter()
    for volume in volumes:
        files = {scan.file for scan in volume} & axes.keys()
        scans.update({axes[file] for file in files if file in whole or axes[file] is not None})
    if not scans:
        return
    votes = scans + Counter({AXIAL: scans[None]})
    del votes[None]
    commonest = max(votes, key=lambda axis: (votes[axis], axis == AXIAL, -axis))
    survey.slice_axis = commonest if told is None else told
    survey.plane = PLANES[survey.slice_axis]
    across = [file for file, axis in axes.items() if axis not in (None, survey.slice_axis)]
    for file in across:
        if told is None or file not in whole or 1 in heads[file].shape:
            reason = f"is {PLANES[axes[file]]}, the slices that are used are {survey.plane}"
            survey.drop(file, reason, broken=False)
            del heads[file]
    if across:
        kinds = [(axis, PLANES[axis]) for axis in (2, 0, 1)] + [(None, "isotropic")]
        counts = ", ".join(f"{scans[axis]} {name}" for axis, name in kinds if scans[axis])
        choice = f"the {survey.plane} ones are used, and slice_axis chooses others"
        if told is not None:
            choice = f"all volumes are cut into {survey.plane} slices, as slice_axis says"
        survey.notes.append(f"Scans by the plane they were acquired in: {counts}; {choice}.")


def _views(survey: Survey, heads: dict[str, Head]) -> dict[str, tuple]:
    """file -> shape (2,) in pixels and extent (2,) in mm of its slices; others are dropped."""
    views = {}
    for file, head in heads.items():
        shape, sizes = head.shape, head.sizes
        if survey.square_pixels or not known(sizes):
            sizes = np.ones(len(shape))
        flat = len(shape) == 2
        if not flat:
            shape, sizes = np.delete(shape, survey.slice_axis), np.delete(sizes, survey.slice_axis)
        if min(shape) < MIN_SIDE:
            survey.drop(file, f"has slices of {by(shape)} pixels; choose another slice_axis")
            continue
        extent = np.multiply(shape, sizes)
        if extent.max() > MAX_ASPECT * extent.min():
            survey.drop(file, f"has slices of {by(extent)} mm; check its voxel sizes")
            continue
        views[file] = np.array(shape), extent
        if flat or 1 in head.shape:
            survey.flat.add(file)
    return views


def _measure(survey: Survey, views: dict[str, tuple], heads: dict[str, Head]) -> None:
    """Set the median shape of the slices, and of their voxels where they are known."""
    survey.shape = tuple(int(n) for n in np.median([shape for shape, _ in views.values()], axis=0))
    if survey.square_pixels:
        return
    voxels = []
    for head in map(heads.get, views):
        if len(head.shape) == 3:
            between = head.sizes[survey.slice_axis]
            sizes = np.append(np.delete(head.sizes, survey.slice_axis), between)
        else:
            sizes = np.append(head.sizes, head.thickness)
        if known(sizes[:2]):
            voxels.append(sizes if known(sizes) else [*sizes[:2], np.nan])
    if voxels:
        row, column = np.median(voxels, axis=0)[:2].tolist()
        gaps = [sizes[2] for sizes in voxels if not np.isnan(sizes[2])]
        survey.voxel_mm = row, column, float(np.median(gaps)) if gaps else None


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
    if not LIKELY[0] <= typical.max() <= LIKELY[1]:
        survey.notes.append(
            f"By their voxel sizes slices are about {by(typical)} mm, so these sizes seem to be in "
            "another unit. Proportions are right all the same."
        )
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
            f"{'of theirs' if survey.square_pixels else 'mm'} wide, and what is left is black."
        )
