"""Whose scans these are, told from all their paths together."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from vqgen_utils.data.names import (
    MASK_FOLDERS,
    NOBODY,
    REPEAT,
    Said,
    Scan,
    natural,
    read_name,
    split_of,
    stem_of,
    whole,
    words_of,
)

_CHANNEL = re.compile(r"(.+)_([0-9]{4})")
_MOST_CHANNELS = 8  # of a case; more files of one name are slices or repeats
Ids = dict[str, tuple[str, str, bool]]  # head of a name -> the id, the rest, whether that is sure
_ASIDE = ("derivatives", "sourcedata")  # of BIDS: copies of scans that lie elsewhere


@dataclass
class Path:
    """One file's path, word by word."""

    file: str
    said: Said
    folders: list[tuple[str, Said]]  # from the top down, but for those without a meaning
    split: str = ""
    aside: str = ""  # why this is no image, "": it is one
    labels: bool = False  # it is set aside as a label map, mask or probability map


@dataclass
class Found:
    """What names alone say of a folder."""

    layout: str
    volumes: list[list[Scan]]  # each a list of its files, in the order of patient and week
    dropped: list[dict]  # {"file", "reason"}, and "broken" or "labels" as in `Survey.drop`
    notes: list[str]
    unknown: str = ""  # a sentence on whose scans nobody knows, unless a pattern tells


def read_paths(files: Iterable[str]) -> list[Path]:
    """Each file's path; endings like `_0000` and `_0001` are contrasts where nothing else fits."""
    files = list(files)
    stems = {file: unicodedata.normalize("NFC", stem_of(file)) for file in files}
    channels = _channels(stems)
    # a file alone shares its folders with none, so each of them may be a name
    common = common_folders([file.split("/")[:-1] for file in files]) if len(files) > 1 else 0
    paths = []
    for file in files:
        *folders, name = stems[file].split("/")
        if folders and stem_of(folders[-1]).casefold() == name.casefold():
            folders.pop()  # a folder of the file's own name
        path = Path(file, Said(), [])
        for level, folder in enumerate(folders):
            _read_folder(path, folder, level < common)
        channel = channels.get(file, "")
        name = name.removesuffix(f"_{channel}") if channel else name
        around = [one for one in folders if name.casefold().startswith(one.casefold())]
        path.said = read_name(name, around[-1] if around else "")
        path.said.contrast += [channel] if channel else []
        if path.said.mask and not path.aside:
            path.aside = f"is a label map, mask or probability map by its name ('{path.said.mask}')"
            path.labels = True
        paths.append(path)
    return paths


def _channels(stems: dict[str, str]) -> dict[str, str]:
    """file -> its channel "0000", "0001", ... of nnU-Net, where names mean that.

    Labels have no channel there: where one is called `amos_0001` as its image is, that is an id.
    """
    cases, last, labels = defaultdict(set), set(), set()
    matches = {}
    for file, stem in stems.items():
        parent, _, name = stem.rpartition("/")
        last.add(name)
        if MASK_FOLDERS.intersection(words_of(parent)):
            labels.add(name)
        elif match := _CHANNEL.fullmatch(stem):
            cases[match[1]].add(match[2])
            matches[file] = match
    if any(match[0].rpartition("/")[2] in labels for match in matches.values()):
        return {}
    labelled = [case for case in cases if case.rpartition("/")[2] in last]
    alike = all("0000" in numbers and len(numbers) <= _MOST_CHANNELS for numbers in cases.values())
    if not (alike and (len(cases) > 1 or labelled)):
        return {}
    return {file: match[2] for file, match in matches.items()}


def common_folders(folders: Iterable[Sequence[str]]) -> int:
    """How many folders, from the top down, all these paths share."""
    levels = zip(*folders, strict=False)
    return sum(takewhile(bool, (len(set(level)) == 1 for level in levels)))


def _read_folder(path: Path, folder: str, common: bool) -> None:
    """Add what one folder of the path says."""
    words = words_of(folder)
    if folder.casefold() in _ASIDE:
        path.aside = path.aside or f"lies in '{folder}', among copies and maps made from scans"
        return
    rest = [word for word in words if word not in NOBODY]
    if split := split_of(folder):
        path.split = split
        return
    masks = MASK_FOLDERS.intersection(words)
    if masks and (len(rest) == 1 or not common):
        if not path.aside:
            path.aside, path.labels = f"lies in '{folder}', a folder of label maps or masks", True
        return
    said = read_name(folder)
    if said.patient or not common:
        path.folders.append((folder, said))


def scans_of(paths: list[Path], root: str, notes: list[str]) -> list[tuple[Scan, tuple[str, ...]]]:
    """The scan behind each image's path, and the words of its contrast.

    Args:
        root: the folder's own name, for slices in it that have no other.
        notes: gets a sentence on patients whose name is spelled in several ways.
    """
    names, folders = _recurring(paths), _recurring_folders(paths)
    for path in paths:
        if not path.said.patient and path.said.head.casefold() in names:
            path.said.contrast.append(path.said.head.casefold())
            path.said.head = ""  # `hip.nii` in every patient's folder
        for _, folder in path.folders:
            if folder.head.casefold() in folders:  # `tse/` in every patient's folder
                folder.contrast.append(folder.head.casefold())
                folder.head = ""
    heads = {path.said.head for path in paths if path.said.head and not path.said.patient}
    ids = _ids(heads)
    within = {one.head for path in paths for _, one in path.folders if one.head and not one.patient}
    ids_of_folders = _ids(within)
    stems = Counter(stem_of(path.file).rpartition("/")[2] for path in paths)
    spellings: dict[tuple, list[str]] = defaultdict(list)
    scans = []
    for path in paths:
        said = path.said
        patient, named, rest = _patient(path, ids, ids_of_folders)
        if not patient:
            parent, _, stem = stem_of(path.file).rpartition("/")
            patient = stem if stems[stem] == 1 else f"{parent}/{stem}".strip("/")
            if said.slice is not None or (said.contrast and not said.head):
                patient = parent or root
            named = False
        spelled = spellings[tuple(natural(patient.casefold()))]  # sub-1 is SUB-001
        spelled += [] if patient in spelled else [patient]
        patient = spelled[0]
        folders = [one for _, one in path.folders]
        sessions = list(dict.fromkeys(part for one in (*folders, said) for part in one.session))
        numbers = re.search("[0-9]", rest) is not None
        session = "-".join([*sessions, rest] if numbers else sessions)
        contrast = [*(word for one in folders for word in one.contrast), *said.contrast]
        contrast += [rest] if rest and not numbers else []
        number = said.number
        if number is None and said.head.isdecimal():
            number = whole(said.head)
        parent = path.file.rpartition("/")[0]
        series = "/".join((patient, session, *contrast, parent)).casefold()
        scan = Scan(
            path.file,
            patient,
            slice=said.slice,
            split=path.split,
            session=session,
            number=number,
            series=series,
            named=named,
        )
        scans.append((scan, tuple(dict.fromkeys(contrast))))
    several = [" and ".join(spelled) for spelled in spellings.values() if len(spelled) > 1]
    if several:
        notes.append(
            "Patients whose names differ in case or in leading zeros alone count as one: "
            f"{len(several)} (the first: {several[0]})."
        )
    return scans


def _recurring(paths: list[Path]) -> set[str]:
    """The names without a number that files in several folders have."""
    places = defaultdict(set)
    for path in paths:
        if path.said.head and not re.search("[0-9]", path.said.head) and path.folders:
            places[path.said.head.casefold()].add(path.file.rpartition("/")[0])
    return {head for head, folders in places.items() if len(folders) > 1}


def _recurring_folders(paths: list[Path]) -> set[str]:
    """The names without a number that folders in several folders have."""
    places = defaultdict(set)
    for path in paths:
        names = [name for name, _ in path.folders]
        for level, (_, folder) in enumerate(path.folders):
            if folder.head and not folder.patient and not re.search("[0-9]", folder.head):
                places[folder.head.casefold()].add(tuple(names[:level]))
    return {head for head, parents in places.items() if len(parents) > 1}


def _patient(path: Path, ids: Ids, ids_of_folders: Ids) -> tuple[str, bool, str]:
    """Whose scan a path is ("": nobody's), whether that is sure, and the rest of the name."""
    said = path.said
    if said.patient:
        return said.patient, said.sure, ""
    for _, folder in reversed(path.folders):
        if folder.patient:
            return folder.patient, folder.sure, said.head if said.head.isalpha() else ""
    bare = said.head.isdecimal() and not said.contrast
    if not said.head or bare:
        for _, folder in reversed(path.folders):
            digits = any(c.isdecimal() for c in folder.head)
            if folder.head and (digits or not bare):
                numbered = said.number is not None or bare
                found, rest, sure = ids_of_folders[folder.head]
                return found, digits and sure and not numbered, rest
        return "", False, ""
    found, rest, sure = ids[said.head]
    digits = any(c.isdecimal() for c in found)
    if not digits and not (said.session or said.contrast or said.slice is not None):
        return "", False, ""
    counted = re.match(r"[^\W\d_]*", found.casefold())[0] in NOBODY | REPEAT  # `MR3_mueller`
    known = (sure and not counted) if digits else bool(said.session)
    stem = stem_of(path.file).rpartition("/")[2]
    if found.isdecimal() and not (said.contrast and stem.startswith(found)):
        known = False  # of `T2_1` and `T2_2` nobody knows; `1_T2` and `1_ADC` are a case's
    return found, known, rest


def _ids(heads: set[str]) -> Ids:
    """head -> (id, the rest of it, whether that is sure): the first number that differs is the id.

    `prostate_03` beside `prostate_04` is an id; of `OAS1_0001_MR1` beside `OAS1_0001_MR2` and
    `OAS1_0002_MR1` it is `OAS1_0001`, and the rest could be anything.
    """
    fields = {head: re.split("([0-9]+)", head.casefold()) for head in heads}
    ends: dict[str, int] = {}

    def settle(group: list[str], at: int) -> None:
        texts = defaultdict(list)
        for head in group:
            texts[fields[head][at]].append(head)
        for members in texts.values():
            longer = [head for head in members if len(fields[head]) > at + 2]
            ends.update(dict.fromkeys(set(members) - set(longer), at + 1))
            if len({fields[head][at + 1] for head in longer}) > 1:
                ends.update(dict.fromkeys(longer, at + 2))
            elif longer:
                settle(longer, at + 2)

    settle(sorted(heads), 0)
    cut = {head: len("".join(re.split("([0-9]+)", head)[: ends[head]])) for head in heads}
    rests = defaultdict(set)
    for head in heads:
        rests[head[: cut[head]].casefold()].add(head[cut[head] :].casefold().strip("_-. "))
    several = {
        fields[head][0]
        for head in heads
        if sum(bool(re.search("[0-9]", rest)) for rest in rests[head[: cut[head]].casefold()]) > 1
    }
    found = {}
    for head in heads:
        one = head[: cut[head]].strip("_-. ")
        rest = head[cut[head] :].strip("_-. ").casefold()
        rest = rest if len(rests[head[: cut[head]].casefold()]) > 1 else ""
        found[head] = one, rest, fields[head][0] not in several
    return found


def numbered(volumes: list[list[Scan]]) -> list[list[Scan]]:
    """Volumes in the order of patient and session, with weeks as written if these are numbers.

    Where that does not tell a patient's volumes apart, they are counted from 0.
    """
    patients = defaultdict(list)
    for volume in volumes:
        patients[volume[0].patient].append(volume)
    done = []
    for patient in sorted(patients, key=natural):
        theirs = sorted(
            patients[patient], key=lambda v: (natural(v[0].session), natural(v[0].file))
        )
        weeks = [whole(volume[0].session or "0") for volume in theirs]
        if None in weeks or len(set(weeks)) < len(weeks):
            labels = list(dict.fromkeys(volume[0].session for volume in theirs))
            alike = len(labels) == len(theirs)
            weeks = [labels.index(v[0].session) for v in theirs] if alike else range(len(theirs))
        for week, volume in sorted(zip(weeks, theirs, strict=True), key=lambda pair: pair[0]):
            done.append([replace(scan, week=week) for scan in volume])
    return done


def join_slices(volumes: list[list[Scan]], flat: set[str]) -> list[list[Scan]]:
    """Volumes, the 2D files among them (`flat`) that differ by a bare number joined to one each."""
    series, others = defaultdict(list), []
    for volume in volumes:
        alone = volume[0]
        bare = len(volume) == 1 and alone.slice is None and alone.number is not None
        if bare and alone.file in flat:
            series[alone.patient, alone.series].append(alone)
        else:
            others.append(volume)
    joined = []
    for scans in series.values():
        numbers = [scan.number for scan in scans]
        if len(scans) > 1 and len(set(numbers)) == len(numbers):
            scans = [replace(scan, slice=scan.number, named=_digits(scan)) for scan in scans]
            joined.append(sorted(scans, key=lambda scan: scan.slice))
        else:
            others += [[scan] for scan in scans]
    return numbered(others + joined) if joined else volumes


def _digits(scan: Scan) -> bool:
    return scan.named or any(c.isdecimal() for c in scan.patient)
