"""How a folder of scans is laid out, and so what its volumes are, by the names alone."""

import dataclasses
import fnmatch
import itertools
import re
from collections.abc import Iterable
from pathlib import Path

from vqgen_utils.config import DataConfig
from vqgen_utils.data.contrasts import choose
from vqgen_utils.data.names import Scan, natural, read_name, stem_of, whole
from vqgen_utils.data.whose import Found, numbered, read_paths, scans_of
from vqgen_utils.errors import InputError

_PLACE = re.compile(
    r"keras_(?:\w+_)?slices_(?P<seg>seg_)?(?P<split>train|val|validate|validation|test)",
    re.IGNORECASE,
)
_VOLUME_PLACE = re.compile(r"semantic_(?P<kind>MRs|labels)(?:_\w+)?", re.IGNORECASE)
_SLICE = re.compile(
    r"(?:case|seg)_([0-9]{1,9})(?:_week_?([0-9]{1,9}))?_slice_([0-9]{1,9})(?![0-9])", re.IGNORECASE
)
_DECATHLON = re.compile(r"images(tr|ts|val?)", re.IGNORECASE)
_OUTSIDE = "is not in a folder of the release"
_RELEASES = ("hipmri-2d", "hipmri-3d")


def find(folder: Path, files: Iterable[str], config: DataConfig) -> Found:
    """The volumes of a folder, whatever its layout, as far as `config` lets them in.

    Raises:
        InputError: when nothing is left, when all is label maps, or when the folder is not laid
            out as `config.data_source` says.
    """
    files, dropped = let_in(folder, list(files), config)
    layout = layout_of(folder, files)
    source = config.data_source
    if source in ("hipmri", "phantom") and layout not in _RELEASES:
        raise InputError(
            f"{folder}: holds no image slices in keras_slices_train, _validate or _test and no "
            "volumes in semantic_MRs; give the folder that holds these, or choose data_source "
            "'nifti' for any other folder."
        )
    if source == "msd-prostate" and layout not in ("decathlon", "nnunet"):
        raise InputError(
            f"{folder}: holds no scans in imagesTr or imagesTs; give the folder Task05_Prostate, "
            "or leave data_dir out and fetch it with: vqgen data download msd-prostate"
        )
    if layout == "hipmri-2d":
        found = _find_slices(folder, files)
    elif layout == "hipmri-3d":
        found = _find_volumes(folder, files)
    else:
        found = _find_any(folder, files, layout, config.patient_pattern)
    found.dropped = dropped + found.dropped
    if source == "msd-prostate" and found.layout != "decathlon":
        found.notes.append("This is nnU-Net's layout, not the Decathlon's, and is read as such.")
    if config.patient_pattern and layout in _RELEASES:
        volumes = []
        for volume in found.volumes:
            patients: dict[str, list[Scan]] = {}
            for scan in _by_pattern(volume, config.patient_pattern, found.dropped):
                patients.setdefault(scan.patient, []).append(scan)
            volumes += patients.values()
        found.volumes = numbered(volumes)
    if not found.volumes:
        raise InputError(
            f"{folder}: the patient pattern '{config.patient_pattern}' matches none of "
            f"{len(files)} files; it is looked for in their paths below the folder."
        )
    found.notes += _notes(found.volumes)
    return found


def layout_of(folder: Path, files: Iterable[str]) -> str:
    """The study's release or the Decathlon's folders, by the folders around the files; or ""."""
    parents = {file.rpartition("/")[0] for file in files}
    places = [place for parent in parents for place in (folder.name, *parent.split("/"))]
    if any((m := _PLACE.fullmatch(place)) and not m["seg"] for place in places):
        return "hipmri-2d"
    if any((m := _VOLUME_PLACE.fullmatch(p)) and m["kind"].lower() == "mrs" for p in places):
        return "hipmri-3d"
    return "decathlon" if any(map(_DECATHLON.fullmatch, places)) else ""


def is_study(folder: Path, files: Iterable[str]) -> bool:
    """Whether these paths below `folder` are those of one of the study's releases."""
    return layout_of(folder, files) in _RELEASES


def let_in(folder: Path, files: list[str], config: DataConfig) -> tuple[list[str], list[dict]]:
    """The files that the patterns `include` and `exclude` let in, and the others."""
    kept, dropped = [], []
    include, exclude = split_patterns(config.include), split_patterns(config.exclude)
    for file in files:
        if include and not any(matches(file, pattern) for pattern in include):
            dropped.append({"file": file, "reason": f"is not included ({config.include})"})
        elif out := [pattern for pattern in exclude if matches(file, pattern)]:
            dropped.append({"file": file, "reason": f"is excluded ({out[0]})"})
        else:
            kept.append(file)
    if not kept:
        raise InputError(
            f"{folder}: include '{config.include}' and exclude '{config.exclude}' leave none of "
            f"its {len(files)} files; give other patterns."
        )
    return kept, dropped


def split_patterns(text: str) -> list[str]:
    """`a*, b*` as ["a*", "b*"]."""
    return [pattern.strip() for pattern in text.split(",") if pattern.strip()]


def matches(file: str, pattern: str) -> bool:
    """Whether a path below the folder, or the name at its end, is like a glob; without case."""
    file, pattern = f"/{file}".casefold(), pattern.casefold()
    return fnmatch.fnmatchcase(file[1:], pattern) or fnmatch.fnmatchcase(file, f"*/{pattern}")


def _by_pattern(scans: list[Scan], pattern: str, dropped: list[dict]) -> list[Scan]:
    """Scans with patients named by a regular expression; what it misses goes into `dropped`."""
    rule, kept = re.compile(pattern), []
    for scan in scans:
        match = rule.search(scan.file)
        name = (match[1] if rule.groups else match[0]) if match else ""
        if name:
            kept.append(dataclasses.replace(scan, patient=name, named=True))
        else:
            reason = f"does not match the patient pattern '{pattern}'"
            dropped.append({"file": scan.file, "reason": reason})
    return kept


def _find_slices(folder: Path, files: list[str]) -> Found:
    """The volumes of the study's 2D release, each the slices of a week."""
    images, labels, dropped = {}, {}, []
    for file in files:
        place, said = _place(folder, file, _PLACE), _SLICE.match(file.rpartition("/")[2])
        if not place:
            dropped.append({"file": file, "reason": _OUTSIDE})
        elif not said:
            dropped.append({"file": file, "reason": "is not named case_N_week_N_slice_N"})
        else:
            patient, week, number = (int(group or 0) for group in said.groups())
            split = "validate" if place["split"].lower().startswith("val") else place["split"]
            key = (patient, week, split.lower(), number)
            _keep_first(labels if place["seg"] else images, key, file, dropped)
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


def _find_volumes(folder: Path, files: list[str]) -> Found:
    """The volumes of the study's 3D release, or of a course's copy of it, with their labels."""
    images, labels, dropped = {}, {}, []
    for file in files:
        place, name = _place(folder, file, _VOLUME_PLACE), stem_of(file).rpartition("/")[2]
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
            _keep_first(kind, key, file, dropped)
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


def _place(folder: Path, file: str, rule: re.Pattern) -> re.Match | None:
    """The folder of the release that a file lies in."""
    places = (folder.name, *file.split("/")[:-1])
    return next(filter(None, map(rule.fullmatch, reversed(places))), None)


def _find_any(folder: Path, files: list[str], layout: str, pattern: str) -> Found:
    """The volumes of any other folder: a file each, or the slices of one patient's session."""
    dropped, stems = [], {}
    for file in files:
        _keep_first(stems, stem_of(file), file, dropped)
    paths = read_paths(stems.values())
    inside = [path for path in paths if not path.aside]
    if layout == "decathlon":
        for path in inside:
            if not _place(folder, path.file, _DECATHLON):
                path.aside = "is not in imagesTr, imagesTs or labelsTr"
        inside = [path for path in inside if not path.aside]
    dropped += [{"file": path.file, "reason": path.aside} for path in paths if path.aside]
    if not inside or folder.name.casefold() in ("labelstr", "labelsts"):
        first = dropped[0] if dropped else {"file": files[0], "reason": "holds labels"}
        raise InputError(
            f"{folder}: holds only label maps, masks or what was made from scans ({len(files)} "
            f"files; {first['file']} {first['reason']}); give the folder of the scans."
        )
    described = scans_of(inside, folder.name)
    if pattern:
        words = {scan.file: contrast for scan, contrast in described}
        renamed = _by_pattern([scan for scan, _ in described], pattern, dropped)
        described = [(scan, words[scan.file]) for scan in renamed]
    scans, notes = choose(described, dropped)
    channels = any(re.fullmatch("[0-9]{4}", word) for _, words in described for word in words)
    if layout == "decathlon" and not channels and scans:
        scans = [dataclasses.replace(scan, frame=0) for scan in scans]
        notes.append(
            "Each file holds two contrasts, T2-weighted and ADC; the first is read."
            if "prostate" in f"{folder.name}/{scans[0].file}".casefold()
            else "Where a file holds several contrasts (4D), the first is read."
        )
    labels = sum("label map" in path.aside for path in paths)
    if labels:
        notes.append(
            f"Files of labels that are not used: {labels}. Nothing says that they are the study's "
            "tissues; zones of an organ or a lesion would call the rest of a body background."
        )
    layout = "nnunet" if channels else layout or _kind(scans)
    volumes = _volumes(scans, dropped)
    return Found(layout, volumes, dropped, notes)


def _volumes(scans: list[Scan], dropped: list[dict]) -> list[list[Scan]]:
    groups: dict[tuple, dict] = {}
    for scan in sorted(scans, key=lambda scan: natural(scan.file)):
        alone = scan.file if scan.slice is None else scan.series
        slices = groups.setdefault((scan.patient, scan.session, alone), {})
        _keep_first(slices, scan.slice, scan, dropped)
    volumes = [sorted(one.values(), key=lambda scan: scan.slice or 0) for one in groups.values()]
    return numbered(volumes)


def _kind(scans: list[Scan]) -> str:
    """The layout's name where no folder gives it, by what most files are like."""
    half = len(scans) / 2
    if sum(scan.slice is not None for scan in scans) > half:
        return "slices-2d"
    if sum(scan.patient.casefold().startswith("sub-") for scan in scans) > half:
        return "bids"
    inside = (scan.file.casefold().split("/")[:-1] for scan in scans)
    own = sum(
        any(scan.patient.casefold() in part for part in parts)
        for scan, parts in zip(scans, inside, strict=True)
    )
    return "folder-per-patient" if own > half else "files"


def _notes(volumes: list[list[Scan]]) -> list[str]:
    notes, unnamed = [], sum(not volume[0].named for volume in volumes)
    if unnamed and len(volumes) > 1:
        notes.append(
            f"The names of {unnamed} scans do not say for sure whose scan they are, so whether a "
            "patient is on both sides of the split is unknown. Say it with a pattern, such as "
            "--patient-pattern '^([^_]+)_', or name the files sub-01_ses-01 and so on."
        )
    twice = {
        volume[0].patient
        for one, volume in itertools.pairwise(volumes)
        if one[0].patient == volume[0].patient
        and one[0].session == volume[0].session
        and one[0].number == volume[0].number
        and one[0].split == volume[0].split
        and one[0].file.rpartition("/")[0] != volume[0].file.rpartition("/")[0]
    }
    if twice:
        names = ", ".join(sorted(twice, key=natural)[:6])
        notes.append(
            f"Patients of one name in several folders count as one patient: {len(twice)} ({names})."
        )
    return notes


def _keep_first(kept: dict, key, one: Scan | str, dropped: list[dict]) -> None:
    """Put `one` into `kept`, unless its place is taken."""
    if kept.setdefault(key, one) is not one:
        first, second = (getattr(each, "file", each) for each in (kept[key], one))
        dropped.append({"file": second, "reason": f"is the same slice or scan as {first}"})
