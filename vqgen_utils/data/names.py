"""Tell from the names of files whose scans they are."""

import dataclasses
import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vqgen_utils.errors import InputError

_PLACE = re.compile(r"keras_slices_(?P<seg>seg_)?(?P<split>train|validate|test)")
_VOLUME_PLACE = re.compile(r"(?:.*/)?semantic_(?P<kind>MRs|labels)_anon")
_STUDY = re.compile(
    r"(?:case|seg)_([0-9]{1,9})_week_?([0-9]{1,9})(?:_slice_([0-9]{1,9}))?(?![0-9])", re.IGNORECASE
)
_OUTSIDE = "is not in a folder of the release"
_BIDS = re.compile(r"(sub-[a-z0-9]+)", re.IGNORECASE)
_SESSION = re.compile(r"ses-([a-z0-9]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Scan:
    """One scan, or slice of a scan, and whose it is."""

    file: str  # relative to the folder, with forward slashes
    patient: str
    week: int = 0
    slice: int | None = None  # None: the file is a whole volume, or a slice without a number
    split: str = ""  # empty: the folder gives none
    label_file: str = ""  # empty: none
    frame: int | None = None  # the frame to take of a 4D file; None: 4D is refused
    more: tuple[str, ...] = ()  # the other files of a DICOM series


# Volumes, each a list of its files in the order of patient and week; what was dropped, {"file",
# "reason"}; and notes for the reader.
Found = tuple[list[list[Scan]], list[dict], list[str]]


def find_study(folder: Path, files: Iterable[str]) -> Found:
    """The volumes of a folder laid out like the study's 2D release, each the slices of a week.

    Raises:
        InputError: when no image lies in a folder of the release.
    """
    images, labels, dropped = {}, {}, []
    for file in files:
        parent, _, name = file.rpartition("/")
        place, said = _PLACE.fullmatch(parent), _STUDY.match(name)
        if not place:
            dropped.append({"file": file, "reason": _OUTSIDE})
        elif not said or said[3] is None:
            dropped.append({"file": file, "reason": "is not named case_N_week_N_slice_N"})
        else:
            patient, week, number = map(int, said.groups())
            key = (patient, week, place["split"], number)
            _keep_first(labels if place["seg"] else images, key, file, dropped)
    if not images:
        raise InputError(
            f"{folder}: holds no image slices in keras_slices_train, _validate or _test; give the "
            "folder that holds these, or choose data_source 'nifti' for any other folder."
        )
    scans = []
    for key, file in sorted(images.items()):
        patient, week, split, number = key
        scans.append(Scan(file, _number(patient), week, number, split, labels.pop(key, "")))
    dropped += [
        {"file": file, "reason": "labels of a slice that is not there"} for file in labels.values()
    ]
    volumes = itertools.groupby(scans, key=lambda scan: (scan.patient, scan.week, scan.split))
    return [list(slices) for _, slices in volumes], dropped, []


def is_volume_release(files: Iterable[str]) -> bool:
    """Whether these are the study's 3D release, `semantic_MRs_anon/Case_004_Week0_LFOV.nii.gz`."""
    parents = {file.rpartition("/")[0] for file in files}
    return any(map(_VOLUME_PLACE.fullmatch, parents)) and not any(map(_PLACE.fullmatch, parents))


def find_study_volumes(files: Iterable[str]) -> Found:
    """The volumes of the study's 3D release, with their labels."""
    inside, dropped = [], []
    for file in files:
        if _VOLUME_PLACE.fullmatch(file.rpartition("/")[0]):
            inside.append(file)
        else:
            dropped.append({"file": file, "reason": _OUTSIDE})
    volumes, more, notes = find_scans(inside)
    return volumes, dropped + more, notes


def find_prostates(folder: Path, files: Iterable[str]) -> Found:
    """The volumes of the Medical Segmentation Decathlon's Task05.

    Each file is one patient's, 4D: frame 0 is T2-weighted, frame 1 the diffusion coefficient (ADC).

    Raises:
        InputError: when no image lies in a folder of that task.
    """
    images, labels, dropped = {}, 0, []
    for file in files:
        parent, _, name = file.rpartition("/")
        kind = parent.rpartition("/")[2]
        if kind in ("imagesTr", "imagesTs"):
            _keep_first(images, name.partition(".")[0], file, dropped)
        elif kind == "labelsTr":
            labels += 1
        else:
            dropped.append({"file": file, "reason": "is not in imagesTr, imagesTs or labelsTr"})
    if not images:
        raise InputError(
            f"{folder}: holds no scans in imagesTr or imagesTs; give the folder Task05_Prostate, "
            "or leave data_dir out and fetch it with: vqgen data download msd-prostate"
        )
    notes = ["Each file holds two contrasts, T2-weighted and ADC; the first is read."]
    if labels:
        notes.append(
            f"Files of labels that are not used: {labels}. They know the prostate's two zones, but "
            "not the body around it."
        )
    patients = sorted(images, key=natural)
    return [[Scan(images[patient], patient, frame=0)] for patient in patients], dropped, notes


def find_scans(files: Iterable[str]) -> Found:
    """The volumes of any folder: a file each, or the slices that one name and week belong to.

    Patient and week are told from names like the study's (`case_004_week_0`) or BIDS's
    (`sub-04_ses-02`, also as folders). Any other file is a patient of its own. Labels are known
    by their folder in the study's 3D release: `semantic_labels_anon/Case_004_Week0_SEMANTIC_LFOV`.
    """
    stems, labels, dropped = {}, {}, []
    for file in files:
        stem = re.sub(r"\.nii(\.gz)?$", "", file, flags=re.IGNORECASE)
        place = _VOLUME_PLACE.fullmatch(stem.rpartition("/")[0])
        if place and place["kind"] == "labels":
            _keep_first(labels, _image_of(stem), file, dropped)
        else:
            _keep_first(stems, stem, file, dropped)
    scans, notes = _whose(stems)
    scans = [dataclasses.replace(scan, label_file=labels.pop(stem, "")) for stem, scan in scans]
    dropped += [
        {"file": file, "reason": "labels of a scan that is not there"} for file in labels.values()
    ]

    def volume(scan: Scan):
        alone = scan.file if scan.slice is None else scan.file.rpartition("/")[0]
        return natural(scan.patient), scan.week, scan.slice is None, natural(alone)

    scans.sort(key=lambda scan: (volume(scan), scan.slice or 0))
    volumes = []
    for _, group in itertools.groupby(scans, key=volume):
        slices = {}
        for scan in group:
            _keep_first(slices, scan.slice, scan, dropped)
        volumes.append(list(slices.values()))
    return volumes, dropped, notes


def _keep_first(kept: dict, key, one: Scan | str, dropped: list[dict]) -> None:
    """Put `one` into `kept`, unless its place is taken."""
    if kept.setdefault(key, one) is not one:
        first, second = (getattr(each, "file", each) for each in (kept[key], one))
        dropped.append({"file": second, "reason": f"is the same slice or scan as {first}"})


def _whose(stems: dict[str, str]) -> tuple[list[tuple[str, Scan]], list[str]]:
    """The scan of each file, by its name without ending, and notes for the reader."""
    names = Counter(stem.rpartition("/")[2] for stem in stems)
    sessions = defaultdict(set)
    for stem in stems:
        if (bids := _BIDS.search(stem)) and (session := _SESSION.search(stem)):
            sessions[bids[0]].add(session[1])

    scans, nameless = [], 0
    for stem, file in stems.items():
        study, bids, session = (rule.search(stem) for rule in (_STUDY, _BIDS, _SESSION))
        name = stem.rpartition("/")[2]
        if study:
            number = None if study[3] is None else int(study[3])
            scan = Scan(file, _number(int(study[1])), int(study[2]), number)
        elif bids and session:
            label, order = session[1], sorted(sessions[bids[0]], key=natural)
            week = int(label) if re.fullmatch("[0-9]{1,9}", label) else order.index(label)
            scan = Scan(file, bids[0], week)
        elif bids:
            scan = Scan(file, bids[0])
        else:
            nameless += 1
            scan = Scan(file, name if names[name] == 1 else stem)
        scans.append((stem, scan))
    notes = []
    if nameless > 1:
        notes.append(
            f"The names of {nameless} files do not say whose scan they are, so each counts as a "
            "patient of its own. If some belong to one patient, name them sub-01_ses-01 and so on; "
            "else that patient can be on both sides of the split."
        )
    return scans, notes


def _image_of(stem: str) -> str:
    """The image that labels of the 3D release belong to, both without their ending."""
    parent, _, name = stem.rpartition("/")
    images = parent.removesuffix("semantic_labels_anon") + "semantic_MRs_anon"
    return f"{images}/{re.sub('_semantic', '', name, flags=re.IGNORECASE)}"


def natural(text: str) -> list:
    """A sort key that puts `case_10` after `case_9`."""
    return [(part.isdecimal(), int(part) if part.isdecimal() else part) for part in _parts(text)]


def _parts(text: str) -> list[str]:
    return [part for part in re.split(r"([0-9]+)", text) if part]


def _number(patient: int) -> str:
    """The study's way to write a patient, so that `case_4` and `case_004` are one."""
    return f"{patient:03d}"
