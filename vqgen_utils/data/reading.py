"""Read one scan, whatever kind of file it is: NIfTI, a DICOM series or a PNG slice."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vqgen_utils.data import dicom, nifti, png
from vqgen_utils.data.listing import kind_by_name, starts_like_dicom
from vqgen_utils.data.nifti import Head


def read_head(
    path: Path,
    *,
    frame: int | None = None,
    as_stored: bool = False,
    more: Sequence[Path] | None = None,
) -> Head:
    """What `read_volume` would return, and what else the file says, without reading the voxels.

    Raises:
        InputError: as `read_volume`.
    """
    kind = _kind(path)
    if kind == "DICOM":
        shape, sizes = dicom.read_header(path, more=more)
        return Head(shape, sizes, directed=len(shape) == 3)
    if kind == "PNG":
        return Head(*png.read_header(path))
    return nifti.read_head(path, frame=frame, as_stored=as_stored)


def read_header(
    path: Path, *, frame: int | None = None, more: Sequence[Path] | None = None
) -> tuple[tuple[int, ...], np.ndarray]:
    """Shape (2 or 3 lengths) and voxel sizes in mm, one an axis, as `read_volume` returns them.

    A size is 0 or NaN where the file gives none.

    Raises:
        InputError: as `read_volume`.
    """
    head = read_head(path, frame=frame, more=more)
    return head.shape, head.sizes


def read_volume(
    path: Path,
    *,
    frame: int | None = None,
    as_stored: bool = False,
    more: Sequence[Path] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Read one slice or volume.

    Args:
        path: a NIfTI file, a PNG, or any file of a DICOM series.
        frame: which frame of a 4D NIfTI file to take, from 0. Without it a 4D file is refused.
        as_stored: leave a single NIfTI slice as it is stored, whatever its header says.
        more: the other files of a DICOM series. None: those in the folder of `path`.

    Returns:
        The voxels, float32 with slope and intercept applied, and the voxel sizes in mm, one an
        axis (0 or NaN where the file gives none). A slice gives (H, W): of NIfTI as stored or the
        usual way round (`nifti.cut`), of PNG and DICOM so that `imshow(slice.T, origin="lower")`
        shows it as a viewer does. A volume gives (X, Y, Z), turned so that the axes run from the
        patient's right to left, back to front and foot to head. Trailing axes of length one are
        gone.

    Raises:
        InputError: "PATH: what is wrong; what to do", for a file that is missing, of no such kind,
            cut short or damaged, complex or coloured, not 2D or 3D, or impossibly large, and for a
            DICOM series whose slices are no even stack.
    """
    kind = _kind(path)
    if kind == "DICOM":
        return dicom.read_volume(path, more=more)
    if kind == "PNG":
        return png.read_volume(path)
    return nifti.read_volume(path, frame=frame, as_stored=as_stored)


def _kind(path: Path) -> str:
    return kind_by_name(Path(path).name) or ("DICOM" if starts_like_dicom(path) else "NIfTI")
