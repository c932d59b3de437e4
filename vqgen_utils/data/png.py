"""PNG slices: read one safely, and tell from the names of many whose they are."""

import contextlib
import re
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from vqgen_utils.data.contrasts import choose
from vqgen_utils.data.names import CONTRAST, Scan, is_mask, natural, split_among, split_of, words_of
from vqgen_utils.data.paths import common_folders
from vqgen_utils.data.releases import keep_first
from vqgen_utils.data.volumes import Found
from vqgen_utils.errors import InputError
from vqgen_utils.machine.files import why_unreadable

MAX_PIXELS = 2**26  # of one slice; a larger claim is refused unread
_COURSE = re.compile(r"keras_png_slices_(?P<seg>seg_)?(?P<split>train|validate|test)")
_CASE = re.compile(
    r"(?:case|seg)_(?P<patient>[a-z]?[0-9]{1,9})(?:_week_?(?P<week>[0-9]{1,9}))?"
    r"_slice_(?P<number>[0-9]{1,9})"
)
_NUMBERED = re.compile(
    r"(?P<name>.*?)[-_. ]*(?:(?:slices?|slc|sl|images?|img|im|z)[-_. ]*)?(?P<number>[0-9]{1,9})"
)
_CONTRAST = re.compile(
    rf"[-_. ]*(?<![^\W_])(?:{'|'.join(sorted(CONTRAST))})(?![^\W_])", re.IGNORECASE
)


@dataclass(frozen=True)
class _Name:
    """What a path says: the folders without those of a split or contrast, and the file's name."""

    file: str
    split: str
    folders: tuple[str, ...]
    name: str  # before the number of the slice; may be empty
    number: int | None
    contrast: tuple[str, ...]


def read_header(path: Path) -> tuple[tuple[int, ...], np.ndarray]:
    """What `read_volume` would return, without reading the pixels: the shape, and no sizes.

    Raises:
        InputError: as `read_volume`, but for what only the pixels tell.
    """
    with _open(path) as image:
        return image.size, np.zeros(2)


def read_volume(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read one slice.

    Returns:
        The pixels (columns, rows) float32, the first axis from left to right and the second from
        below to above; and (0, 0), since a PNG knows no voxel sizes.

    Raises:
        InputError: "PATH: what is wrong; what to do", for a file that is missing, damaged, no PNG,
            in colour, partly transparent, animated or impossibly large.
    """
    with _open(path) as image:
        if image.mode == "P":
            image = image.convert("RGB")  # (rows, columns, 3), the colours of the palette
        pixels = np.asarray(image, dtype=np.float32)
    if pixels.ndim == 3:
        if (pixels != pixels[..., :1]).any():
            raise InputError(f"{path}: is in colour; export it in grey.")
        pixels = pixels[..., 0]
    return pixels.T[:, ::-1], np.zeros(2)


@contextlib.contextmanager
def _open(path: Path) -> Iterator[Image.Image]:
    """An image whose header makes sense, with every failure to read it told in a sentence."""
    try:
        with warnings.catch_warnings(), Image.open(path, formats=["PNG"]) as image:
            warnings.simplefilter("ignore")  # of size: a limit of our own is below
            _check(path, image)
            yield image
    except InputError:
        raise
    except (FileNotFoundError, PermissionError) as error:
        raise InputError(f"{path}: {why_unreadable(error)}") from None
    except Image.DecompressionBombError:
        raise InputError(_too_large(path)) from None
    except UnidentifiedImageError:
        what = "is not a PNG file, whatever its name says; export it again or remove it."
        raise InputError(f"{path}: {what}") from None
    except Exception as error:  # Pillow raises SyntaxError, struct.error and more
        what = "is cut short or damaged; copy or export it again."
        raise InputError(f"{path}: {what}") from error


def _check(path: Path, image: Image.Image) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise InputError(_too_large(path))
    if getattr(image, "n_frames", 1) > 1:
        raise InputError(f"{path}: is animated; export each slice as a picture of its own.")
    if "A" in image.getbands() or "transparency" in image.info:
        raise InputError(f"{path}: is partly transparent; export it without an alpha channel.")
    with open(path, "rb") as file:
        depth = file.read(25)[24]  # bits of a channel, which Pillow does not tell
    if depth == 16 and image.mode == "RGB":
        raise InputError(f"{path}: has 16 bits a colour, of which 8 would be read; export in grey.")


def _too_large(path: Path) -> str:
    return f"{path}: claims more than {MAX_PIXELS:,} pixels; a slice has fewer, so check it."


def find_png(files: list[str]) -> Found:
    """The volumes of a folder of PNG slices: those of one case, in the order of their numbers.

    The courses' layout says whose they are: `keras_png_slices_train/case_001_slice_0.nii.png`.
    Elsewhere a slice's number ends its name, and the patient is what stands before it (`P01_007`)
    or, where folders differ more than these names, the folder (`P01/slice_007`). Folders called
    train, validate and test are the owner's split.
    """
    if any(_COURSE.fullmatch(part) for file in files for part in file.lower().split("/")[:-1]):
        return _find_course(files)
    images, dropped = [], []
    for file in files:
        if any(is_mask(word) for part in _stem(file).split("/") for word in words_of(part)):
            reason = "is called a label map or mask"
            dropped.append({"file": file, "reason": reason, "labels": True})
        else:
            images.append(file)
    return _find_numbered(images, dropped)


def _find_course(files: list[str]) -> Found:
    """The courses' layout, `keras_png_slices_train` and its kin, at any depth."""
    volumes, labels, dropped = defaultdict(dict), 0, []
    for file in sorted(files, key=natural):
        *folders, name = _stem(file).lower().split("/")
        place = next(filter(None, map(_COURSE.fullmatch, folders)), None)
        said = _CASE.fullmatch(name)
        if not place:
            dropped.append({"file": file, "reason": "is not in a folder of the release"})
        elif not said:
            dropped.append({"file": file, "reason": "is not named case_N_slice_N"})
        elif place["seg"] or name.startswith("seg"):
            labels += 1
            reason = "labels that do not say which tissues they mean"
            dropped.append({"file": file, "reason": reason, "labels": True})
        else:
            patient = said["patient"].upper()
            patient = f"{int(patient):03d}" if patient.isdecimal() else patient
            week, number = int(said["week"] or 0), int(said["number"])
            scan = Scan(file, patient, week, number, place["split"])
            keep_first(volumes[patient, week, place["split"]], number, scan, dropped)
    notes = []
    if labels:
        notes.append(
            f"Files of labels that are not used: {labels}. PNGs do not say what their labels mean, "
            "so they are not taken for the six tissues of the study."
        )
    return Found("png-course", _in_order(volumes), dropped, notes)


def _find_numbered(files: list[str], dropped: list[dict]) -> Found:
    """Any other folder: slices whose names end in a number."""
    names = [_name(file) for file in sorted(files, key=natural)]
    common = common_folders([name.folders for name in names])
    by_folder = len({one.folders for one in names}) > len({one.name for one in names})
    sessions: dict[str, dict] = defaultdict(dict)  # patient -> what tells its volumes apart -> week
    volumes, alone, described = defaultdict(dict), 0, []
    for one in names:
        folders = one.folders[common:]
        patient = folders[0] if folders and (by_folder or not one.name) else one.name or "all"
        if one.number is None:
            alone += 1
        weeks = sessions[patient]
        week = weeks.setdefault((*folders, one.name), len(weeks))
        scan = Scan(one.file, patient, week, one.number, one.split, named=False)
        described.append((scan, one.contrast))
    scans, notes = choose(described, dropped)
    for scan in scans:
        place = scan.file if scan.slice is None else scan.slice
        keep_first(volumes[scan.patient, scan.week, scan.split], place, scan, dropped)
    told = "folders" if by_folder else "what names begin with"
    unknown = (
        f"PNGs do not say whose slices they are; patients told by {told}: {len(sessions)}. "
        "If one person has several of these, that person can be on both sides of the split. "
        "Say who is who with --patient-pattern."
    )
    if alone:
        notes.append(f"PNGs without a number, which are slices of no known place: {alone}.")
    return Found("png", _in_order(volumes), dropped, notes, unknown if names else "")


def _name(file: str) -> _Name:
    *folders, name = _stem(file).split("/")
    split = split_among(folders)
    contrast = tuple(
        word for part in (*folders, name) for word in words_of(part) if word in CONTRAST
    )
    others = tuple(
        folder
        for folder in folders
        if not split_of(folder) and set(words_of(folder) or [folder]) - CONTRAST
    )
    name = _CONTRAST.sub("", name).lstrip("-_. ")
    said = _NUMBERED.fullmatch(name.lower())
    if not said:
        return _Name(file, split, others, name, None, contrast)
    number = int(said["number"])
    return _Name(file, split, others, name[: said.end("name")], number, contrast)


def _in_order(volumes: dict) -> list[list[Scan]]:
    """Each volume's slices by number, the volumes by patient, week and split."""
    return [
        sorted(volumes[key].values(), key=lambda scan: (scan.slice or 0, scan.file))
        for key in sorted(volumes, key=lambda key: (natural(key[0]), *key[1:]))
    ]


def _stem(file: str) -> str:
    return re.sub(r"(\.nii)?\.png$", "", file, flags=re.IGNORECASE)
