"""Read one NIfTI file safely: believe nothing its header says before checking it.

nibabel parses the header; the voxels are read here, in one go from start to end, because only then
is gzip's checksum compared (nibabel stops before it and passes damaged voxels on) and because a
study is thousands of small files. Its functions take `.nii` and `.nii.gz`, gzipped or not whatever
the name says, and raise `InputError` with one sentence for every file that is not a 2D or 3D image
of single numbers.

Sizes and directions come from one place, as nibabel takes them: the sform if its code is set, else
the qform if its code is set, else the pixel dimensions, which give no directions.
"""

import contextlib
import gzip
import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import apply_orientation, axcodes2ornt, io_orientation, ornt_transform
from nibabel.spatialimages import HeaderDataError

from vqgen_utils.errors import InputError
from vqgen_utils.machine.files import why_unreadable

ENDINGS = (".nii", ".nii.gz")
AXES = "LAS"  # where a volume's axes lead: left, front, head; as the study's slices and MR consoles
MAX_BYTES = 4 * 2**30  # of one volume as float32; a larger claim is refused unread
MAX_OFFSET = 2**28  # bytes before the voxels: the header and what programs add to it
MAX_DEFLATE = 1032  # the most that gzip can shrink anything
AGREEING = 0.01  # share by which voxel sizes may differ and count as the same
ROUNDING = 1e-4  # by which the squares of a quaternion may exceed one
PLANES = ("sagittal", "coronal", "axial")  # what lies across each axis of a volume
LABELS = {1002: "labels", 1003: "names of brain regions"}  # NIfTI's intents of label maps
STATISTICS = range(2, 25)  # NIfTI's intents of maps of statistics, from correlation to p-values
_NIFTI_1, _NIFTI_2 = nib.Nifti1Header, nib.Nifti2Header
_DAMAGE = (
    *(EOFError, zlib.error, OSError, ValueError, OverflowError, KeyError, MemoryError),
    *(ImageFileError, HeaderDataError),
)


@dataclass(frozen=True)
class Head:
    """What a file holds, in the order of axes in which `read_volume` returns it."""

    shape: tuple[int, ...]  # (H, W) of a slice, (X, Y, Z) of a volume
    sizes: np.ndarray  # (2,) or (3,) mm, one an axis; 0 or NaN where the file gives none
    directed: bool = False  # the file says where its axes lead
    slice_axis: int | None = None  # of a single slice that is directed: the axis it lies across
    thickness: float = math.nan  # mm, of a single slice; NaN where the file gives none
    leads: str = (
        ""  # where the axes of a 2D file lead by its header, such as "LA"; it is not turned
    )
    sizes_differ: bool = False  # the header's two places for voxel sizes do not agree
    no_image: str = ""  # why its intent is no image, or empty
    labels: bool = False  # its intent is that of a label map


def read_head(path: Path, *, frame: int | None = None, as_stored: bool = False) -> Head:
    """What `read_volume` would return, and what else the header says, without reading voxels.

    Raises:
        InputError: as `read_volume`.
    """
    path = Path(path)
    with _open(path) as stream:
        header = _checked_header(path, stream, frame)
    affine = _affine(path, header)
    shape, written = _shape(header), _pixel_dimensions(header)
    sizes = written if affine is None else _column_lengths(affine)
    differ = ~np.isclose(written, sizes, rtol=AGREEING, atol=0)[: len(shape)]
    seen = {"sizes_differ": affine is not None and bool(differ.any())}
    seen |= {"no_image": _intent(header), "labels": int(header["intent_code"]) in LABELS}
    if _is_plain(header, affine, as_stored):
        thickness = math.nan if affine is None else float(sizes[2])
        leads = "" if affine is None else "".join(map(str, nib.aff2axcodes(affine)[:2]))
        return Head(shape, sizes[:2], thickness=thickness, leads=leads, **seen)
    orientation = _orientation(affine)
    order = np.argsort(orientation[:, 0])
    whole, sizes = np.array(_solid(header))[order], sizes[order]
    seen["directed"] = affine is not None
    if len(shape) == 3:
        return Head(shape if affine is None else tuple(whole.tolist()), sizes, **seen)
    axis = int(orientation[2, 0])  # where the axis of one voxel leads
    left = tuple(np.delete(whole, axis).tolist())
    return Head(left, np.delete(sizes, axis), slice_axis=axis, thickness=float(sizes[axis]), **seen)


def read_volume(
    path: Path, *, frame: int | None = None, as_stored: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Read one slice or volume.

    Args:
        path: a `.nii` or `.nii.gz` file.
        frame: which frame of a 4D file to take, from 0. Without it a 4D file is refused.
        as_stored: leave a single slice as it is stored, whatever its header says.

    Returns:
        The voxels, float32 with the file's slope and intercept applied, and the voxel sizes in
        mm, one an axis (0 or NaN where the header gives none). A volume gives (X, Y, Z), turned so
        that the axes run from the patient's right to left, back to front and foot to head. A file
        of one slice gives (H, W): turned the usual way round (see `cut`) if it is a volume of one
        slice whose header gives directions, else as stored. Trailing axes of length one are gone.

    Raises:
        InputError: "PATH: what is wrong; what to do", for a file that is missing, not NIfTI, cut
            short or damaged, complex or coloured, not 2D or 3D, or impossibly large.
    """
    path = Path(path)
    with _open(path) as stream:
        header = _checked_header(path, stream, frame)
        array = _voxels(path, header, stream)
    if frame is not None:
        array = array.reshape(*array.shape[:3], -1)[..., frame]
    affine = _affine(path, header)
    sizes = _pixel_dimensions(header) if affine is None else _column_lengths(affine)
    if _is_plain(header, affine, as_stored):
        return array.reshape(_shape(header)), sizes[:2]
    orientation = _orientation(affine)
    array = apply_orientation(array.reshape(_solid(header)), orientation)
    sizes = sizes[np.argsort(orientation[:, 0])]
    if len(_shape(header)) == 3:
        return array, sizes
    axis = int(orientation[2, 0])
    return cut(array, axis)[0], np.delete(sizes, axis)


def cut(volume: np.ndarray, slice_axis: int) -> np.ndarray:
    """The slices (N, H, W) of a volume (X, Y, Z) across one of its axes, a view of it.

    They lie as radiologists look at them once they are drawn with the first axis to the right and
    the second upwards: axial and coronal slices with the patient's right on the left, sagittal
    slices with the front on the left; the front or the head at the top.
    """
    slices = np.moveaxis(volume, slice_axis, 0)
    return slices[:, ::-1] if PLANES[slice_axis] == "sagittal" else slices


def acquired_axis(head: Head) -> int | None:
    """The axis that slices were acquired across: that of the largest voxel size.

    None where no size is the largest: an isotropic volume can be cut any way, and what the sizes of
    a volume are may be unknown. Where one axis has the length one, the slice lies across it.
    """
    if len(head.shape) == 2:
        return head.slice_axis
    if head.shape.count(1) == 1:
        return head.shape.index(1)
    if not known(head.sizes):
        return None
    *_, second, largest = np.sort(head.sizes)
    return int(np.argmax(head.sizes)) if largest > (1 + AGREEING) * second else None


def known(sizes: np.ndarray) -> bool:
    """Whether these can be voxel sizes in mm, a nanometre to a kilometre, and not zeros or NaN."""
    return bool(((sizes >= 1e-6) & (sizes <= 1e6)).all())


@contextlib.contextmanager
def _open(path: Path):
    """The (unpacked) bytes of a file, with every failure to read them told in a sentence."""
    try:
        with open(path, "rb") as file:
            zipped = file.peek(2)[:2] == b"\x1f\x8b"
            with gzip.GzipFile(fileobj=file) if zipped else file as stream:
                yield stream
    except _DAMAGE as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: {_what_is_wrong(error)}") from error


def _voxels(path: Path, header, stream) -> np.ndarray:
    """The array that follows `header` in `stream`, float32, scaled, with the header's shape."""
    stored, shape = header.get_data_dtype(), header.get_data_shape()
    slope, intercept = header.get_slope_inter()  # None: not scaled
    stream.seek(_offset(header))
    content = stream.read(math.prod(shape) * stored.itemsize)
    if stream.read(1):  # only at the end of the stream does gzip compare its checksum
        raise InputError(
            f"{path}: holds more voxels than its header claims ({by(shape)}); export it again."
        )
    with np.errstate(over="ignore", invalid="ignore"):  # the caller looks for inf and NaN
        array = np.frombuffer(content, stored).reshape(shape, order="F").astype(np.float32)
        if slope is not None and (slope, intercept) != (1, 0):
            array = array * np.float32(slope) + np.float32(intercept)
    return array


@np.errstate(all="ignore")  # nibabel computes with whatever the header says
def _checked_header(path: Path, stream, frame: int | None):
    """The header at the start of `stream`, if it makes sense."""
    start = stream.read(_NIFTI_1.sizeof_hdr)
    if not _NIFTI_1.may_contain_header(start):
        start += stream.read(_NIFTI_2.sizeof_hdr - len(start))
    kinds = [kind for kind in (_NIFTI_1, _NIFTI_2) if kind.may_contain_header(start)]
    if not kinds:
        raise ImageFileError("no NIfTI header")
    header = kinds[0](start[: kinds[0].sizeof_hdr], check=False)
    dtype, shape = header.get_data_dtype(), header.get_data_shape()
    file_bytes = path.stat().st_size
    if header["magic"] == header.pair_magic:
        raise InputError(f"{path}: is one of a pair of files; convert both into one .nii file.")
    if dtype.kind not in "iuf":
        kind = (
            "complex numbers" if dtype.kind == "c" else "colours" if dtype.names else "no numbers"
        )
        raise InputError(f"{path}: holds {kind}; convert it to one real number a voxel.")
    if not shape or min(shape) < 1:
        raise InputError(f"{path}: its header claims the shape {shape}; export it again.")
    if not header.sizeof_hdr <= _offset(header) <= MAX_OFFSET:
        where = f"start at byte {_offset(header):,}"
        raise InputError(f"{path}: its header says that its voxels {where}; export it again.")
    voxels = math.prod(shape)
    claimed = _offset(header) + voxels * dtype.itemsize
    most = file_bytes * (MAX_DEFLATE if isinstance(stream, gzip.GzipFile) else 1)
    if claimed > most:
        raise InputError(
            f"{path}: is cut short: its header claims {claimed:,} bytes, more than a file of "
            f"{file_bytes:,} can hold; copy or export it again."
        )
    if voxels * max(4, dtype.itemsize) > MAX_BYTES:
        raise InputError(
            f"{path}: {voxels:,} voxels are too many to read at once; cut it into smaller files."
        )
    dimensions = len(_squeezed(shape))
    if dimensions == 4 and frame is None:
        raise InputError(
            f"{path}: is 4D with {shape[3]} frames; save the frame you want as a 3D file, or read "
            "it with read_volume(path, frame=0)."
        )
    if dimensions not in (2, 3, 4):
        raise InputError(f"{path}: is {dimensions}D; give 2D slices or 3D volumes.")
    frames = shape[3] if dimensions == 4 else 1
    if frame is not None and not 0 <= frame < frames:
        raise InputError(f"{path}: has frames 0 to {frames - 1}, not {frame}; choose another.")
    return header


def _offset(header) -> int:
    """The byte that the voxels start at."""
    return int(header["vox_offset"]) or header.sizeof_hdr + 4


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """`shape` without its trailing ones, but at least two long (a 1D file stays 1D)."""
    shape = tuple(shape)
    while len(shape) > 2 and shape[-1] == 1:
        shape = shape[:-1]
    return shape[:1] if len(shape) == 2 and shape[1] == 1 else shape


def _shape(header) -> tuple[int, ...]:
    """The shape that a checked file is read as: 2 or 3 lengths."""
    return _squeezed(_squeezed(header.get_data_shape())[:3])


def _solid(header) -> tuple[int, int, int]:
    """`_shape` with three lengths."""
    return (*_shape(header), 1)[:3]


def _is_plain(header, affine: np.ndarray | None, as_stored: bool) -> bool:
    """Whether a file holds one slice that is taken as it is stored."""
    if len(_shape(header)) == 3:
        return False
    stored_in_2d = int(header["dim"][0]) == 2
    return as_stored or stored_in_2d or affine is None


def _pixel_dimensions(header) -> np.ndarray:
    """(3,) mm as written: nibabel's own zooms silently turn 0 into 1."""
    return np.abs(np.asarray(header["pixdim"][1:4], dtype=np.float64))


@np.errstate(all="ignore")
def _column_lengths(affine: np.ndarray) -> np.ndarray:
    """(3,) mm: how far apart the voxels lie along each stored axis, free of float32's noise."""
    lengths = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    return np.array([float(f"{length:.5g}") for length in lengths])


@np.errstate(all="ignore")
def _affine(path: Path, header) -> np.ndarray | None:
    """(4, 4) from stored axes to mm, or None where the header gives none that makes sense."""
    for place, code in (("sform", "sform_code"), ("qform", "qform_code")):
        if header[code] > 0:
            affine = header.get_sform() if place == "sform" else _qform(path, header)
            if _makes_sense(affine):
                return affine
    return None


def _qform(path: Path, header) -> np.ndarray:
    """The header's rotation, with what nibabel's loader mends or its users let pass."""
    header = header.copy()
    header["pixdim"][1:4] = _pixel_dimensions(header)
    if header["pixdim"][0] not in (-1, 1):
        header["pixdim"][0] = 1
    names = ("quatern_b", "quatern_c", "quatern_d")
    squares = sum(float(header[name]) ** 2 for name in names)
    if 1 < squares <= 1 + ROUNDING:
        for name in names:
            header[name] = float(header[name]) / math.sqrt(squares)
    try:
        return header.get_qform()
    except (HeaderDataError, ValueError) as error:
        raise InputError(f"{path}: its orientation is not valid NIfTI; export it again.") from error


def _makes_sense(affine: np.ndarray) -> bool:
    """Whether an affine is near a rotation and scaling, so that every axis leads somewhere."""
    try:
        if not np.isfinite(affine).all() or np.linalg.matrix_rank(affine[:3, :3]) < 3:
            return False
        return bool(np.isfinite(io_orientation(affine)).all())
    except ValueError:  # numbers so large that their products are infinite
        return False


def _orientation(affine: np.ndarray | None) -> np.ndarray:
    """nibabel's (3, 2) axis order and flips towards right-left, back-front, foot-head.

    Without an affine the axes stay as stored.
    """
    if affine is None:
        return np.array([[0, 1], [1, 1], [2, 1]])
    return ornt_transform(io_orientation(affine), axcodes2ornt(AXES)).astype(int)


def _intent(header) -> str:
    """Why a file is no image, if the intent that its header states says so."""
    code = int(header["intent_code"])
    if code in LABELS:
        return f"is a label map, no image: its header's intent says that it holds {LABELS[code]}"
    if code in STATISTICS:
        return "is a map of statistics, no image, as its header's intent says"
    return ""


def _what_is_wrong(error: Exception) -> str:
    """A sentence for the person who owns the file; the exception itself is chained for us."""
    if isinstance(error, ImageFileError):
        return "is not a NIfTI file, whatever its name says; export it again or remove it."
    if isinstance(error, (HeaderDataError, KeyError)):  # KeyError: a data type it does not know
        return f"its header is not valid NIfTI ({error}); export it again."
    return why_unreadable(error)


def by(lengths) -> str:
    """(256, 128) -> "256 x 128"."""
    return " x ".join(f"{length:g}" for length in lengths)
