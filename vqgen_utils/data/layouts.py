"""How a folder of scans is laid out, and so what its volumes are, by the names alone."""

import dataclasses
import fnmatch
import itertools
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from vqgen_utils.config import DataConfig
from vqgen_utils.data.contrasts import choose
from vqgen_utils.data.names import Scan, natural, stem_of
from vqgen_utils.data.paths import read_paths
from vqgen_utils.data.releases import (
    DECATHLON,
    RELEASES,
    find_slices,
    find_volumes,
    keep_first,
    layout_of,
    place_of,
)
from vqgen_utils.data.volumes import Found, numbered
from vqgen_utils.data.whose import scans_of, spelled_alike
from vqgen_utils.errors import InputError


def find(folder: Path, files: Iterable[str], config: DataConfig) -> Found:
    """The volumes of a folder, whatever its layout, as far as `config` lets them in.

    Raises:
        InputError: when nothing is left, when all is label maps, or when the folder is not laid
            out as `config.data_source` says.
    """
    files, dropped = let_in(folder, list(files), config)
    layout = layout_of(folder, files)
    source = config.data_source
    if source in ("hipmri", "phantom") and layout not in RELEASES:
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
        found = find_slices(folder, files)
    elif layout == "hipmri-3d":
        found = find_volumes(folder, files)
    else:
        found = _find_any(folder, files, layout, config.patient_pattern)
    if layout in RELEASES and config.patient_pattern:
        tell_patients(found, folder, config.patient_pattern)
    found.dropped = dropped + found.dropped
    if source == "msd-prostate" and found.layout != "decathlon":
        found.notes.append("This is nnU-Net's layout, not the Decathlon's, and is read as such.")
    found.notes += _notes(found.volumes)
    return found


def tell_patients(found: Found, folder: Path, pattern: str) -> None:
    """Name the patients of volumes by a regular expression; no volume keeps two of them.

    Raises:
        InputError: when it matches no file.
    """
    scans = [scan for volume in found.volumes for scan in volume]
    renamed = _by_pattern(folder, scans, pattern, found.dropped, found.notes)
    told = {scan.file: scan for scan in renamed}
    volumes: dict[tuple[int, str], list[Scan]] = {}
    for number, volume in enumerate(found.volumes):
        for scan in (told[scan.file] for scan in volume if scan.file in told):
            volumes.setdefault((number, scan.patient), []).append(scan)
    found.volumes = numbered(list(volumes.values()))


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
    file, pattern = (unicodedata.normalize("NFC", one).casefold() for one in (f"/{file}", pattern))
    return fnmatch.fnmatchcase(file[1:], pattern) or fnmatch.fnmatchcase(file, f"*/{pattern}")


def _by_pattern(
    folder: Path, scans: list[Scan], pattern: str, dropped: list[dict], notes: list[str]
) -> list[Scan]:
    """Scans with patients named by a regular expression; what it misses goes into `dropped`."""
    rule, kept = re.compile(unicodedata.normalize("NFC", pattern)), []
    for scan in scans:
        match = rule.search(unicodedata.normalize("NFC", scan.file))
        name = (match[1] if rule.groups else match[0]) if match else ""
        if name:
            kept.append(dataclasses.replace(scan, patient=name, named=True))
        else:
            reason = f"does not match the patient pattern '{pattern}'"
            dropped.append({"file": scan.file, "reason": reason})
    if scans and not kept:
        raise InputError(
            f"{folder}: the patient pattern '{pattern}' matches none of {len(scans)} files; it is "
            "looked for in their paths below the folder."
        )
    names = spelled_alike([scan.patient for scan in kept], notes)
    return [dataclasses.replace(scan, patient=name) for scan, name in zip(kept, names, strict=True)]


def _find_any(folder: Path, files: list[str], layout: str, pattern: str) -> Found:
    """The volumes of any other folder: a file each, or the slices of one patient's session."""
    dropped, stems = [], {}
    for file in files:
        keep_first(stems, stem_of(file), file, dropped)
    paths = read_paths(stems.values())
    inside = [path for path in paths if not path.aside]
    if layout == "decathlon":
        for path in inside:
            if not place_of(folder, path.file, DECATHLON):
                path.aside = "is not in imagesTr, imagesTs or labelsTr"
        inside = [path for path in inside if not path.aside]
    dropped += [
        {"file": path.file, "reason": path.aside, "labels": path.labels}
        for path in paths
        if path.aside
    ]
    if not inside or folder.name.casefold() in ("labelstr", "labelsts"):
        first = dropped[0] if dropped else {"file": files[0], "reason": "holds labels"}
        raise InputError(
            f"{folder}: holds only label maps, masks or what was made from scans ({len(files)} "
            f"files; {first['file']} {first['reason']}); give the folder of the scans."
        )
    spelled: list[str] = []
    described = scans_of(inside, folder.name, spelled)
    if pattern:
        words = {scan.file: contrast for scan, contrast in described}
        spelled = []
        scans = [scan for scan, _ in described]
        renamed = _by_pattern(folder, scans, pattern, dropped, spelled)
        described = [(scan, words[scan.file]) for scan in renamed]
    scans, notes = choose(described, dropped)
    notes += spelled
    channels = any(re.fullmatch("[0-9]{4}", word) for _, words in described for word in words)
    if layout == "decathlon" and not channels and scans:
        scans = [dataclasses.replace(scan, frame=0) for scan in scans]
        notes.append(
            "Each file holds two contrasts, T2-weighted and ADC; the first is read."
            if "prostate" in f"{folder.name}/{scans[0].file}".casefold()
            else "Where a file holds several contrasts (4D), the first is read."
        )
    labels = sum(path.labels for path in paths)
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
        keep_first(slices, scan.slice, scan, dropped)
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
            "patient is on both sides of the split is unknown. Say it with a pattern whose "
            "brackets hold the patient's part of a file's path (--patient-pattern '^([^_]+)_' is "
            "all before the first _), or name the files sub-01_ses-01 and so on."
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
