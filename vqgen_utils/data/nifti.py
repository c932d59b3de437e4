"""Read one NIfTI file safely: believe nothing its header says before checking it.

nibabel parses the header; the voxels are read here, in one go from start to end, because only then
is gzip's checksum compared (nibabel stops before it and passes damaged voxels on) and because a
study is thousands of small files. Both functions take `.nii` and `.nii.gz`, gzipped or not whatever
the name says, and raise `InputError` with one sentence for every file that is not a 2D or 3D image
of single numbers.
"""

import contextlib
import gzip
import math
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import apply_orientation, axcodes2ornt, io_orientation, ornt_transform
from nibabel.spatialimages import HeaderDataError

from vqgen_utils.errors import InputError

ENDINGS = (".nii", ".nii.gz")
AXES = "LAS"  # where a volume's axes lead: left, front, head; as the study's slices and MR consoles
MAX_BYTES = 4 * 2**30  # of one volume as float32; a larger claim is refused unread
MAX_OFFSET = 2**28  # bytes before the voxels: the header and what programs add to it
MAX_DEFLATE = 1032  # the most that gzip can shrink anything
_NIFTI_1, _NIFTI_2 = nib.Nifti1Header, nib.Nifti2Header
_DAMAGE = (
    *(EOFError, zlib.error, OSError, ValueError, OverflowError, KeyError, MemoryError),
    *(ImageFileError, HeaderDataError),
)


def read_header(path: Path, *, frame: int | None = None) -> tuple[tuple[int, ...], np.ndarray]:
    """What `read_volume` would return, without reading the voxels.

    Args:
        path, frame: as for `read_volume`.

    Returns:
        Shape (2 or 3 lengths) and voxel sizes in mm, one an axis; a size is 0 or NaN where the
        header gives none.

    Raises:
        InputError: as `read_volume`.
    """
    path = Path(path)
    with _open(path) as stream:
        header = _checked_header(path, stream, frame)
    shape, sizes = _shape(header), _voxel_sizes(header)
    if len(shape) == 2:
        return shape, sizes[:2]
    order = np.argsort(_orientation(path, header)[:, 0])
    return tuple(shape[axis] for axis in order), sizes[order]


def read_volume(path: Path, *, frame: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Read one slice or volume.

    Args:
        path: a `.nii` or `.nii.gz` file.
        frame: which frame of a 4D file to take, from 0. Without it a 4D file is refused.

    Returns:
        The voxels, float32 with the file's slope and intercept applied, and the voxel sizes in
        mm, one an axis (0 or NaN where the header gives none). A file of one slice gives (H, W)
        as stored. A volume gives (X, Y, Z), turned so that the axes run from the patient's right
        to left, back to front and foot to head. Trailing axes of length one are gone.

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
    array = array.reshape(_shape(header))
    sizes = _voxel_sizes(header)
    if array.ndim == 2:
        return array, sizes[:2]
    orientation = _orientation(path, header)
    return apply_orientation(array, orientation), sizes[np.argsort(orientation[:, 0])]


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


def _voxel_sizes(header) -> np.ndarray:
    """(3,) mm as written: nibabel's own zooms silently turn 0 into 1."""
    return np.abs(np.asarray(header["pixdim"][1:4], dtype=np.float64))


def _orientation(path: Path, header) -> np.ndarray:
    """nibabel's (3, 2) axis order and flips towards right-left, back-front, foot-head.

    A file whose affine is no rotation and scaling keeps its axes as stored.
    """
    stored = np.array([[0, 1], [1, 1], [2, 1]])
    try:
        with np.errstate(all="ignore"):
            affine = header.get_best_affine()
            if not np.isfinite(affine).all() or np.linalg.matrix_rank(affine[:3, :3]) < 3:
                return stored
            axes = io_orientation(affine)
    except (HeaderDataError, ValueError) as error:
        raise InputError(f"{path}: its orientation is not valid NIfTI; export it again.") from error
    if not np.isfinite(axes).all():  # so far from a rotation that an axis leads nowhere
        return stored
    return ornt_transform(axes, axcodes2ornt(AXES)).astype(int)


def _what_is_wrong(error: Exception) -> str:
    """A sentence for the person who owns the file; the exception itself is chained for us."""
    if isinstance(error, FileNotFoundError):
        return "does not exist; check the path."
    if isinstance(error, PermissionError):
        return "may not be read; change its permissions."
    if isinstance(error, MemoryError):
        return "does not fit into memory; cut it into smaller files."
    if isinstance(error, OSError) and error.errno:  # gzip's own complaints have no number
        return f"cannot be read ({error.strerror}); check the path and the disk."
    if isinstance(error, ImageFileError):
        return "is not a NIfTI file, whatever its name says; export it again or remove it."
    if isinstance(error, (HeaderDataError, KeyError)):  # KeyError: a data type it does not know
        return f"its header is not valid NIfTI ({error}); export it again."
    return "is cut short or damaged; copy or export it again."


def by(lengths) -> str:
    """(256, 128) -> "256 x 128"."""
    return " x ".join(f"{length:g}" for length in lengths)
