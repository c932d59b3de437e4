"""Read one DICOM series safely, and keep nothing of it that says who was scanned.

pydicom parses the files and decodes their pixels; what lies where is computed here from positions
and directions, since slice thickness and instance numbers say neither. Errors never quote what a
file holds, and whatever a damaged file makes pydicom stumble over is told in one sentence.
"""

import contextlib
import functools
import hashlib
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from nibabel.orientations import apply_orientation, axcodes2ornt, io_orientation, ornt_transform
from pydicom import uid
from pydicom.errors import InvalidDicomError
from pydicom.pixels import get_decoder

from vqgen_utils.data.listing import starts_like_dicom
from vqgen_utils.data.nifti import AXES, MAX_BYTES, PLANES
from vqgen_utils.errors import InputError
from vqgen_utils.machine.files import why_unreadable

CLASSES = {
    **dict.fromkeys(("MRImageStorage", "EnhancedMRImageStorage"), "MR"),
    **dict.fromkeys(("CTImageStorage", "EnhancedCTImageStorage"), "CT"),
    **dict.fromkeys(("PositronEmissionTomographyImageStorage", "EnhancedPETImageStorage"), "PET"),
    "LegacyConvertedEnhancedMRImageStorage": "MR",
    "LegacyConvertedEnhancedCTImageStorage": "CT",
    "LegacyConvertedEnhancedPETImageStorage": "PET",
}
LONG_ECHO = 45  # ms; T2-weighted spin echoes are above it, T1 and proton density below
NOT_SLICES = {
    "LOCALIZER": "is a localiser",
    "PROJECTION IMAGE": "is a projection and no slice",
    "MOSAIC": "is a mosaic of many slices; export it as single slices",
}
NO_ID = (
    *("anon", "anonymous", "anonymized", "anonymised", "unknown", "none", "na", "n/a", "null"),
    *("noid", "no id", "patient", "subject", "deidentified", "de-identified", "removed"),
    "redacted",
)
SAME_PLACE = 0.01  # mm
UNEVEN = 0.05  # of the distance between slices; a missing slice is 1
_TAGS = [
    *("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"),
    *("PatientID", "StudyDate", "StudyTime", "ImageType", "ScanningSequence", "EchoTime"),
    *("EchoPlanarPulseSequence", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel"),
    *("PhotometricInterpretation", "ImagePositionPatient", "ImageOrientationPatient"),
    *("PixelSpacing", "RescaleSlope", "RescaleIntercept", "ModalityLUTSequence"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
]


@dataclass(frozen=True)
class Image:
    """One image of a file, where it lies, in mm towards the patient's left, back and head."""

    path: Path
    frame: int | None  # of a file with many; None: the file is one image
    instance: str
    shape: tuple[int, int]  # rows, columns
    spacing: tuple[float, float]  # mm from row to row, from column to column
    directions: tuple[float, ...]  # 6: along a row, along a column
    position: tuple[float, ...]  # 3: the centre of the first pixel
    slope: float
    intercept: float

    @property
    def normal(self) -> np.ndarray:
        return np.cross(self.directions[:3], self.directions[3:])

    @property
    def place(self) -> float:
        """mm along the normal."""
        return float(self.normal @ self.position)


@dataclass(frozen=True)
class File:
    """What a file says about itself. `patient`, `study` and `series` are hashes: never shown."""

    path: Path
    unfit: str  # why it cannot be a slice, though nothing is wrong with it; empty: it can
    patient: str = ""  # empty: it does not say
    study: str = ""
    when: str = ""  # of the study; only to sort by
    series: str = ""
    derived: bool = False  # computed from other images
    kind: tuple[str, ...] = ()  # what it shows and how: ("MR", "axial", "long echo")
    images: tuple[Image, ...] = ()


def read_header(
    path: Path, *, more: Sequence[Path] | None = None
) -> tuple[tuple[int, ...], np.ndarray]:
    """What `read_volume` would return, without reading the voxels: the shape, and sizes in mm.

    Args:
        path, more: as for `read_volume`.

    Raises:
        InputError: as `read_volume`.
    """
    images = _series(path, more)
    turn, sizes = _turn(images)
    lengths = (*images[0].shape[::-1], len(images))
    shape = tuple(lengths[axis] for axis in np.argsort(turn[:, 0]))
    if len(images) > 1:
        return shape, sizes
    across = int(turn[2, 0])
    return shape[:across] + shape[across + 1 :], np.delete(sizes, across)


def read_volume(path: Path, *, more: Sequence[Path] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Read one series.

    Args:
        path: a file of it.
        more: its other files, in any order. None: those in the folder of `path`.

    Returns:
        The voxels, float32 with slope and intercept applied, and their sizes in mm, one an axis;
        the distance of slices is that of their positions. A volume is (X, Y, Z), turned so that
        its axes run from the patient's right to left, back to front and foot to head. A series of
        one slice is that volume without the axis across the slice.

    Raises:
        InputError: "PATH: what is wrong; what to do", for a file that is missing, damaged, of
            another kind or compressed in a way that cannot be undone here, and for a series
            whose slices are no even stack of one size and direction.
    """
    images = _series(path, more)
    voxels = math.prod(images[0].shape) * len(images)
    if 4 * voxels > MAX_BYTES:
        raise InputError(f"{path}: its series has {voxels:,} voxels, too many to read at once.")
    slices = np.empty((len(images), *images[0].shape), np.float32)
    places = {(image.path, image.frame): number for number, image in enumerate(images)}
    for file in dict.fromkeys(image.path for image in images):
        for frame, pixels in _pixels(file):
            if (number := places.get((file, frame))) is not None:
                image = images[number]
                if pixels.shape != image.shape:
                    raise InputError(f"{file}: is cut short or damaged; copy or export it again.")
                slices[number] = pixels * np.float32(image.slope) + np.float32(image.intercept)
    turn, sizes = _turn(images)
    array = apply_orientation(slices.T, turn)  # slices.T: (columns, rows, slices)
    if len(images) > 1:
        return array, sizes
    across = int(turn[2, 0])
    return array.squeeze(across), np.delete(sizes, across)


def read_file(path: Path) -> File:
    """What one file says about itself, but for its pixels.

    Raises:
        InputError: when it is missing, damaged, or compressed in a way that cannot be undone here.
    """
    with _quietly(path):
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=_TAGS)
        unfit = _unfit(header)
        if unfit:
            return File(path, unfit)
        _check_compression(path, header)
        images = tuple(_images(path, header))
        if not images or not all(map(_is_placed, images)):
            return File(path, "does not say where in the body it lies, or how large its pixels are")
        patient = " ".join(_text(header, "PatientID").split()).casefold()
        study = _text(header, "StudyInstanceUID")
        return File(
            path,
            unfit="",
            patient=_hash(patient) if patient.strip("0x-. ") and patient not in NO_ID else "",
            study=_hash(study),
            when=_text(header, "StudyDate") + _text(header, "StudyTime"),
            series=_hash(patient, study, _text(header, "SeriesInstanceUID")),
            derived="DERIVED" in _image_type(header),
            kind=_kind(header, images[0]),
            images=images,
        )


def without_copies(images: Iterable[Image]) -> tuple[list[Image], dict[Path, Path]]:
    """Images without those that are there twice, and the files of these: copy -> first."""
    firsts: dict[tuple, Image] = {}
    copies = {}
    for image in images:
        first = firsts.setdefault((image.instance, image.frame, image.position), image)
        if first is not image:
            copies[image.path] = first.path
    return list(firsts.values()), copies


def fault(images: list[Image]) -> tuple[str, bool] | None:
    """Why these are no even stack of slices, and whether somebody should look; None: they are."""
    first = images[0]
    spacings, directions = (
        np.ptp([getattr(image, name) for image in images], axis=0).max()
        for name in ("spacing", "directions")
    )
    if len({image.shape for image in images}) > 1 or spacings > 1e-3 * min(first.spacing):
        return "its series holds images of several sizes", False
    if directions > 1e-3:
        return "its series holds images of several directions, as localisers do", False
    if len(images) == 1:
        return None
    ordered = in_order(images)
    gaps = np.diff([image.place for image in ordered])
    if gaps.min() < SAME_PLACE:
        what = "several images of one place (echoes, times, b-values)"
        return f"its series holds {what}; export the wanted ones as a series of their own", False
    if np.ptp(gaps) > UNEVEN * np.median(gaps):
        apart = f"{gaps.min():.3g} to {gaps.max():.3g} mm apart"
        return f"slices of its series are missing: they lie {apart}; export it again, whole", True
    steps = np.diff([image.position for image in ordered], axis=0)  # (slices - 1, 3) mm
    aside = np.cumsum(steps - gaps[:, None] * first.normal, axis=0)
    if np.abs(aside).max() > min(first.spacing) / 2:
        return "its slices are shifted against each other, as by a tilted gantry", False
    return None


def in_order(images: Iterable[Image]) -> list[Image]:
    """Sorted along their normal."""
    return sorted(images, key=lambda image: image.place)


def _series(path: Path, more: Sequence[Path] | None) -> list[Image]:
    """The images of one series, in order."""
    path = Path(path)
    files = [read_file(path)]
    if more is None:
        files += (file for file in _neighbours(path) if file.series == files[0].series)
    else:
        files += map(read_file, map(Path, more))
    for file in files:
        if file.unfit:
            raise InputError(f"{file.path}: {file.unfit}.")
    images, _ = without_copies(itertools.chain.from_iterable(file.images for file in files))
    if found := fault(images):
        raise InputError(f"{path}: {found[0]}.")
    return in_order(images)


def _neighbours(path: Path) -> Iterator[File]:
    for other in sorted(path.parent.iterdir()):
        with contextlib.suppress(InputError):
            if other.is_file() and other != path and starts_like_dicom(other):
                yield read_file(other)


def _turn(images: list[Image]) -> tuple[np.ndarray, np.ndarray]:
    """nibabel's (3, 2) turn of (columns, rows, slices) towards `AXES`, and (3,) mm once turned."""
    first, last = images[0], images[-1]
    gap = (last.place - first.place) / (len(images) - 1) if len(images) > 1 else 1.0
    sizes = np.array([first.spacing[1], first.spacing[0], gap])
    left_back_head = np.column_stack([first.directions[:3], first.directions[3:], first.normal])
    affine = np.diag([-1.0, -1.0, 1.0, 1.0])  # NIfTI counts to the right and to the front
    affine[:3, :3] = affine[:3, :3] @ left_back_head * sizes
    turn = ornt_transform(io_orientation(affine), axcodes2ornt(AXES)).astype(int)
    return turn, sizes[np.argsort(turn[:, 0])]


def _pixels(path: Path) -> Iterator[tuple[int | None, np.ndarray]]:
    """(frame, (rows, columns) as stored) of every image of a file."""
    with _quietly(path):
        array = pydicom.dcmread(path).pixel_array
    yield from [(None, array)] if array.ndim == 2 else []
    yield from enumerate(array if array.ndim == 3 else [])


@contextlib.contextmanager
def _quietly(path: Path) -> Iterator[None]:
    """pydicom without warnings, and with every failure told in a sentence: both quote the file."""
    try:
        with pydicom.config.disable_value_validation(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except InputError:
        raise
    except (FileNotFoundError, PermissionError) as error:
        raise InputError(f"{path}: {why_unreadable(error)}") from None
    except InvalidDicomError:
        what = "is not a DICOM file, whatever its name says; export it again or remove it."
        raise InputError(f"{path}: {what}") from None
    except Exception:  # a damaged file makes pydicom stumble in a hundred ways
        what = "is cut short or damaged; copy or export it again."
        raise InputError(f"{path}: {what}") from None


def _unfit(header: pydicom.Dataset) -> str:
    """Why a file can be no slice of MR, CT or PET, or an empty string."""
    kind = uid.UID(_text(header, "SOPClassUID"))
    if kind.keyword not in CLASSES:
        # the name of a class, only where it is one of the standard's
        name = f" ({kind.name})" if kind.keyword else ""
        return f"is no image of MR, CT or PET{name}"
    if not header.get("Rows") or not header.get("Columns"):
        return "holds no image"
    colours = _text(header, "PhotometricInterpretation")
    if header.get("SamplesPerPixel", 1) != 1 or not colours.startswith("MONOCHROME"):
        return "is in colour"
    if colours == "MONOCHROME1":
        return "is stored as a negative, white for the smallest value"
    if "ModalityLUTSequence" in header:
        return "translates its values by a table; export it without"
    if not _text(header, "SeriesInstanceUID"):
        return "does not say which series it belongs to"
    return next((why for word, why in NOT_SLICES.items() if word in _image_type(header)), "")


def _check_compression(path: Path, header: pydicom.Dataset) -> None:
    syntax = uid.UID(_text(header.file_meta, "TransferSyntaxUID"))
    with contextlib.suppress(NotImplementedError):  # a way of storing that pydicom does not know
        if get_decoder(syntax).is_available:
            return
    how = syntax.name if syntax.keyword else "in a way of its own"
    raise InputError(
        f"{path}: is compressed ({how}), which cannot be undone here; decompress it with dcmdjpeg, "
        "dcmdjpls or gdcmconv --raw."
    )


def _images(path: Path, header: pydicom.Dataset) -> Iterator[Image]:
    """Every image of a file; none where it does not say where they lie."""
    shared = _item(header, "SharedFunctionalGroupsSequence")
    frames = header.get("PerFrameFunctionalGroupsSequence") or []
    count = int(header.get("NumberOfFrames") or 1)
    make = functools.partial(
        Image,
        path=path,
        instance=_hash(_text(header, "SOPInstanceUID")),
        shape=(int(header.Rows), int(header.Columns)),
    )
    if not frames and count == 1:
        yield make(frame=None, **_geometry(header, header, header, header))
    for number, frame in enumerate(frames if len(frames) == count else []):
        groups = [
            _item(frame, name) or _item(shared, name)
            for name in (
                *("PlanePositionSequence", "PlaneOrientationSequence"),
                *("PixelMeasuresSequence", "PixelValueTransformationSequence"),
            )
        ]
        # the pixels of a single frame come without an axis of frames
        yield make(frame=number if count > 1 else None, **_geometry(*groups))


def _geometry(position, orientation, measures, values) -> dict:
    """The numbers of an `Image`, each from the data set that has it."""
    slope, intercept = values.get("RescaleSlope"), values.get("RescaleIntercept")
    return {
        "position": _numbers(position, "ImagePositionPatient"),
        "directions": _numbers(orientation, "ImageOrientationPatient"),
        "spacing": _numbers(measures, "PixelSpacing"),
        "slope": 1.0 if slope is None else float(slope),
        "intercept": 0.0 if intercept is None else float(intercept),
    }


def _is_placed(image: Image) -> bool:
    """Whether an image says where it lies, in numbers that can be true."""
    numbers = (*image.position, *image.directions, *image.spacing)
    if len(numbers) != 11 or len(image.spacing) != 2 or len(image.position) != 3:
        return False
    axes = np.reshape(image.directions, (2, 3))
    return (
        bool(np.isfinite((*numbers, image.slope, image.intercept)).all())
        and bool(np.allclose(axes @ axes.T, np.eye(2), atol=1e-2))
        and 1e-6 <= min(image.spacing) <= max(image.spacing) <= 1e6
    )


def _kind(header: pydicom.Dataset, image: Image) -> tuple[str, ...]:
    """What a series shows and how, as coarse as its plane and the weighting of MR."""
    modality = CLASSES[uid.UID(_text(header, "SOPClassUID")).keyword]
    plane = PLANES[int(np.abs(image.normal).argmax())]  # by the axis that the normal is closest to
    if modality != "MR":
        return modality, plane
    sequences = _text(header, "ScanningSequence").split("\\")
    echo = header.get("EchoTime")
    if echo is None:
        groups = ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence")
        echoes = (_item(_item(header, group), "MREchoSequence") for group in groups)
        echo = next((item.get("EffectiveEchoTime") for item in echoes if item), None)
    if "EP" in sequences or _text(header, "EchoPlanarPulseSequence") == "YES":
        return modality, plane, "echo planar"
    if "IR" in sequences:
        return modality, plane, "inversion recovery"
    if echo is None:
        return modality, plane
    return modality, plane, "long echo" if float(echo) >= LONG_ECHO else "short echo"


def _text(header: pydicom.Dataset, name: str) -> str:
    """A tag as text, several values joined by backslashes; empty where it is missing."""
    value = header.get(name)
    if value is None:
        return ""
    if isinstance(value, (list, pydicom.multival.MultiValue)):
        return "\\".join(map(str, value))
    return str(value).strip().rstrip("\0")


def _image_type(header: pydicom.Dataset) -> list[str]:
    return [word.strip().upper() for word in _text(header, "ImageType").split("\\")]


def _numbers(item: pydicom.Dataset, name: str) -> tuple[float, ...]:
    value = item.get(name)
    return tuple(map(float, value)) if value is not None and not np.isscalar(value) else ()


def _item(header: pydicom.Dataset, name: str) -> pydicom.Dataset:
    """The first item of a sequence; empty where there is none."""
    return (header.get(name) or [pydicom.Dataset()])[0]


def _hash(*values: str) -> str:
    return hashlib.sha256("\n".join(values).encode("utf-8", "replace")).hexdigest()
