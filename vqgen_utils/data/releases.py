"""The study's releases: where its images and labels lie, and how they are named."""

import itertools
import re
from collections.abc import Iterable
from pathlib import Path

from vqgen_utils.data.contrasts import choose
from vqgen_utils.data.names import Scan, read_name, stem_of, whole
from vqgen_utils.data.volumes import Found, numbered
from vqgen_utils.errors import InputError

_PLACE = re.compile(
    r"keras_(?!png_)(?:\w+_)?slices_(?P<seg>seg_)?(?P<split>train|val|validate|validation|test)",
    re.IGNORECASE,
)
_VOLUME_PLACE = re.compile(r"semantic_(?P<kind>MRs|labels)(?:_\w+)?", re.IGNORECASE)
_SLICE = re.compile(
    r"(?:case|seg)_([0-9]{1,9})(?:_week_?([0-9]{1,9}))?_slice_([0-9]{1,9})(?![0-9])", re.IGNORECASE
)
DECATHLON = re.compile(r"images(tr|ts|val?)", re.IGNORECASE)
_OUTSIDE = "is not in a folder of the release"
RELEASES = ("hipmri-2d", "hipmri-3d")


def layout_of(folder: Path, files: Iterable[str]) -> str:
    """The study's release or the Decathlon's folders, by the folders around the files; or ""."""
    parents = {file.rpartition("/")[0] for file in files}
    places = [place for parent in parents for place in (folder.name, *parent.split("/"))]
    if any((m := _PLACE.fullmatch(place)) and not m["seg"] for place in places):
        return "hipmri-2d"
    if any((m := _VOLUME_PLACE.fullmatch(p)) and m["kind"].lower() == "mrs" for p in places):
        return "hipmri-3d"
    return "decathlon" if any(map(DECATHLON.fullmatch, places)) else ""


def is_study(folder: Path, files: Iterable[str]) -> bool:
    """Whether these paths below `folder` are those of one of the study's releases."""
    return layout_of(folder, files) in RELEASES


def find_slices(folder: Path, files: list[str]) -> Found:
    """The volumes of the study's 2D release, each the slices of a week."""
    images, labels, dropped = {}, {}, []
    for file in files:
        place, said = place_of(folder, file, _PLACE), _SLICE.match(file.rpartition("/")[2])
        if not place:
            dropped.append({"file": file, "reason": _OUTSIDE})
        elif not said:
            dropped.append({"file": file, "reason": "is not named case_N_week_N_slice_N"})
        else:
            patient, week, number = (int(group or 0) for group in said.groups())
            split = "validate" if place["split"].lower().startswith("val") else place["split"]
            key = (patient, week, split.lower(), number)
            keep_first(labels if place["seg"] else images, key, file, dropped)
    if not images:
        raise InputError(
            f"{folder}: no file in its folders keras_slices_train, _validate and _test is named "
            "like case_004_week_0_slice_0.nii.gz; rename them, or move them into other folders."
        )
    scans = []
    for key, file in sorted(images.items()):
        patient, week, split, number = key
        scans.append(Scan(file, f"{patient:03d}", week, number, split, labels.pop(key, "")))
    dropped += [
        {"file": file, "reason": "labels of a slice that is not there"} for file in labels.values()
    ]
    volumes = itertools.groupby(scans, key=lambda scan: (scan.patient, scan.week, scan.split))
    return Found("hipmri-2d", [list(slices) for _, slices in volumes], dropped, [])


def find_volumes(folder: Path, files: list[str]) -> Found:
    """The volumes of the study's 3D release, or of a course's copy of it, with their labels."""
    images, labels, dropped = {}, {}, []
    for file in files:
        place, name = place_of(folder, file, _VOLUME_PLACE), stem_of(file).rpartition("/")[2]
        said = read_name(name)
        patient = said.patient or said.head
        if not place:
            dropped.append({"file": file, "reason": _OUTSIDE})
        elif not patient or not any(c.isdecimal() for c in patient):
            dropped.append({"file": file, "reason": "is not named like B006_Week0_LFOV"})
        else:
            if number := re.fullmatch(r"case_?([0-9]{1,9})", patient, re.IGNORECASE):
                patient = f"{int(number[1]):03d}"
            view = next((word for word in said.contrast if word.endswith("fov")), "lfov")
            patient = patient.removeprefix("Case_").removeprefix("case_")
            key = (patient.upper(), "-".join(said.session), view)
            kind = labels if place["kind"].lower() == "labels" else images
            keep_first(kind, key, file, dropped)
    scans = []
    for key, file in images.items():
        patient, session, view = key
        said = (view,) if len({k for k in images if k[:2] == key[:2]}) > 1 else ()
        label = labels.pop(key, "")
        scan = Scan(file, patient, whole(session or "0") or 0, label_file=label, session=session)
        scans.append((scan, said))
    if not scans:
        raise InputError(
            f"{folder}: no file in its folder semantic_MRs is named like B006_Week0_LFOV.nii.gz; "
            "rename them, or move them into another folder."
        )
    dropped += [
        {"file": file, "reason": "labels of a scan that is not there"} for file in labels.values()
    ]
    kept, notes = choose(scans, dropped)
    return Found("hipmri-3d", numbered([[scan] for scan in kept]), dropped, notes)


def place_of(folder: Path, file: str, rule: re.Pattern) -> re.Match | None:
    """The folder of the release that a file lies in."""
    places = (folder.name, *file.split("/")[:-1])
    return next(filter(None, map(rule.fullmatch, reversed(places))), None)


def keep_first(kept: dict, key, one: Scan | str, dropped: list[dict]) -> None:
    """Put `one` into `kept`, unless its place is taken."""
    if kept.setdefault(key, one) is not one:
        first, second = (getattr(each, "file", each) for each in (kept[key], one))
        dropped.append({"file": second, "reason": f"is the same slice or scan as {first}"})
