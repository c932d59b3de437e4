"""Whose scans these are, told from all their paths together."""

import functools
import re
from collections import Counter, defaultdict

from vqgen_utils.data.names import (
    GROUP,
    NOBODY,
    REPEAT,
    SITE,
    Said,
    Scan,
    natural,
    stem_of,
    whole,
)
from vqgen_utils.data.paths import Path

Ids = dict[str, tuple[str, str, bool]]  # head of a name -> the id, the rest, whether that is sure
_SPM = re.compile("[amrsuw]{1,5}|[mrsw]{0,4}[cp][0-6]|i?y_")  # what SPM writes before a name


def scans_of(paths: list[Path], root: str, notes: list[str]) -> list[tuple[Scan, tuple[str, ...]]]:
    """The scan behind each image's path, and the words of its contrast.

    Args:
        root: the folder's own name, for slices in it that have no other.
        notes: gets a sentence on patients whose name is spelled in several ways.
    """
    told = _tell(paths, root)
    patients = spelled_alike([patient for patient, _, _ in told], notes)
    return [
        _scan(path, patient, named, rest)
        for path, patient, (_, named, rest) in zip(paths, patients, told, strict=True)
    ]


def _tell(paths: list[Path], root: str) -> list[tuple[str, bool, str]]:
    """For each path what `_patient` says, with a name of its own where that is nobody."""
    names, folders = _recurring(paths), _recurring_folders(paths)
    for path in paths:
        if not path.said.patient and path.said.head.casefold() in names:
            path.said.contrast.append(path.said.head.casefold())
            path.said.head = ""  # `hip.nii` in every patient's folder
        for _, folder in path.folders:
            if folder.head.casefold() in folders:  # `tse/` in every patient's folder
                folder.contrast.append(folder.head.casefold())
                folder.head = ""
    _take_prefixes(paths)
    ids = _ids({path.said.head for path in paths if path.said.head and not path.said.patient})
    within = {one.head for path in paths for _, one in path.folders if one.head and not one.patient}
    ids_of_folders = _ids(within)
    _doubt_words([path.said for path in paths if not path.said.patient], ids)
    _doubt_words([one for path in paths for _, one in path.folders], ids_of_folders)
    _doubt_folders(paths, ids, ids_of_folders)
    stems = Counter(stem_of(path.file).rpartition("/")[2] for path in paths)
    told = []
    for path in paths:
        said, (patient, named, rest) = path.said, _patient(path, ids, ids_of_folders)
        if not patient:
            parent, _, stem = stem_of(path.file).rpartition("/")
            patient = stem if stems[stem] == 1 else f"{parent}/{stem}".strip("/")
            if said.slice is not None or (said.contrast and not said.head):
                patient = parent or root
            if said.slice is not None and said.number is not None:
                patient = f"{patient}/{said.number}"  # `volume_1_slice_2`
            named = False
        told.append((patient, named, rest))
    return told


def _scan(path: Path, patient: str, named: bool, rest: str) -> tuple[Scan, tuple[str, ...]]:
    """The scan behind a path, and the words of its contrast, by what `_patient` said."""
    said, folders = path.said, [one for _, one in path.folders]
    sessions = list(dict.fromkeys(part for one in (*folders, said) for part in one.session))
    numbers = re.search("[0-9]", rest) is not None
    session = "-".join([*sessions, rest] if numbers else sessions)
    contrast = [*(word for one in folders for word in one.contrast), *said.contrast]
    contrast += [rest] if rest and not numbers else []
    number, counted = said.number, re.fullmatch("[^0-9]*([0-9]+)", rest)
    if number is None and said.head.isdecimal():
        number = whole(said.head)
    of_series = [patient, session, *contrast, path.file.rpartition("/")[0]]
    if said.slice is not None:
        of_series.append(str(number))  # `volume_1_slice_2`, `run-1_slice-2`
    elif number is None and counted:
        number, of_series[1] = whole(counted[1]), "-".join(sessions)  # `P01_2`
    scan = Scan(
        path.file,
        patient,
        slice=said.slice,
        split=path.split,
        session=session,
        number=number,
        series="/".join(of_series).casefold(),
        named=named,
        doubted=not said.sure,
    )
    return scan, tuple(dict.fromkeys(contrast))


def spelled_alike(patients: list[str], notes: list[str]) -> list[str]:
    """Names of patients, each as it is first spelled: `sub-1` is `SUB-001`, which is noted."""
    spellings: dict[tuple, dict[str, None]] = defaultdict(dict)
    keys = [_spelling(patient) for patient in patients]
    for key, patient in zip(keys, patients, strict=True):
        spellings[key][patient] = None
    several = [" and ".join(spelled) for spelled in spellings.values() if len(spelled) > 1]
    if several:
        notes.append(
            "Patients whose names differ in case, in signs or in leading zeros alone count as one: "
            f"{len(several)} (the first: {several[0]})."
        )
    return [next(iter(spellings[key])) for key in keys]


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
    bare = _is_bare(said)
    if not said.head or bare:
        numbered = [one for _, one in path.folders if re.search("[0-9]", one.head)]
        people = [one for one in numbered if not _is_counted(one.head)]
        for folder in people or numbered:  # from the top down: of accession numbers in a patient's
            found, rest, sure = ids_of_folders[folder.head]
            said.sure = said.sure and folder.sure and len(people) == 1
            return found, sure and said.sure and said.number is None and not bare, rest
        for _, folder in reversed([] if bare else path.folders):
            if folder.head:
                found, rest, _ = ids_of_folders[folder.head]
                return found, False, rest
        return "", False, ""
    found, rest, sure = ids[said.head]
    digits = any(c.isdecimal() for c in found)
    if not digits and not (said.session or said.contrast or said.slice is not None):
        return "", False, ""
    known = (sure and not _is_counted(found)) if digits else bool(said.session)
    stem = stem_of(path.file).rpartition("/")[2]
    if found.isdecimal() and not (said.contrast and stem.startswith(found)):
        known = False  # of `T2_1` and `T2_2` nobody knows; `1_T2` and `1_ADC` are a case's
    return found, known and said.sure, rest


def _is_bare(said: Said) -> bool:
    """Whether a name is a number and no more."""
    return said.head.isdecimal() and not said.contrast


@functools.lru_cache(2**14)
def _is_counted(name: str) -> bool:
    """Whether a name counts scans or groups of patients (`MR3`, `fold_1`), is a year, or `3T`."""
    name = name.casefold()
    first = re.match(r"[^\W\d_]*", name)[0]
    other = re.fullmatch(r"(19|20)[0-9]{2}|[0-9](\.[0-9])?t", name)
    return bool(other) or first in NOBODY | REPEAT | SITE | GROUP


def _take_prefixes(paths: list[Path]) -> None:
    """Tell what is made from a scan: `brain_P01` and SPM's `c1P01` beside `P01`."""
    names = {path.said.patient or path.said.head for path in paths}
    names = {name.casefold() for name in names if re.search(r"[^\W\d_].*[0-9]", name)}
    bare = {path.said.patient for path in paths if not path.said.head} - {""}
    for path in paths:
        if path.said.patient in bare and path.said.head:
            path.said.contrast.append(path.said.head.casefold())
        head = "" if path.said.patient else path.said.head
        words = [(head[: one.start()], one.end()) for one in re.finditer("[-_. ]+", head)]
        spm = [(head[:end], end) for end in range(1, 8) if _SPM.fullmatch(head[:end])]
        for before, end in words + spm:
            if head[end:].casefold() in names:
                path.said.head = head[end:]
                path.said.contrast.append(before.casefold())
                break


def _doubt_words(names: list[Said], ids: Ids) -> None:
    """Doubt `mueller_1` where there is `schmidt_1`: patients of two groups, or scans of two people?

    Codes of a few letters, as in `HC01` and `AD01`, and names with a session are patients.
    """
    matches = {
        head: re.fullmatch(r"([^0-9]{4,}|[^0-9]+[-_. ])([0-9]+)", found.casefold())
        for head, (found, _, _) in ids.items()
    }
    matches = {head: match for head, match in matches.items() if match}
    words = defaultdict(set)
    for match in matches.values():
        words[int(match[2])].add(match[1].strip("-_. "))
    doubtful = set().union(*(several for several in words.values() if len(several) > 1))
    for said in names:
        match = matches.get(said.head)
        if match and match[1].strip("-_. ") in doubtful and not (said.session or said.patient):
            said.sure = False


def _doubt_folders(paths: list[Path], ids: Ids, ids_of_folders: Ids) -> None:
    """Doubt names that recur in folders of somebody: is `P01` or `b0` in `P01/b0` the patient?

    Nobody knows; what there are more of is taken for the patients. In folders without a number
    names such as `P01` are sure where they are more: `pre/P01`. Bare numbers of files, as of series
    in `P01/3_t2`, never are, and the patient is the folder's if that has a number.
    """
    inside = defaultdict(list)  # letters before the number -> what `_inside` returns
    for path in paths:
        named = path.said.patient or any(one.patient for _, one in path.folders)
        if not named and (found := _inside(path, ids, ids_of_folders)):
            inside[re.match("[^0-9]*", found[1])[0]].append(found)
    for letters, several in inside.items():
        names, folders = ({one[at] for one in several} for at in (1, 2))
        recurring = len({one[1:3] for one in several}) > len(names)
        fewer = recurring and len(names) <= len(folders)
        for path, name, _, numbered, inner in several:
            if letters and not (fewer or (recurring and numbered)):
                continue
            path.said.sure = False
            if not (fewer or (numbered and not letters)):
                continue
            if path.said.head:
                path.said.number = whole(re.findall("[0-9]+", name)[-1])
            for said in inner:
                said.head = ""


def _inside(path: Path, ids: Ids, ids_of_folders: Ids):
    """A name with a number inside a folder that may be called after a patient, if there is one.

    Returns:
        The path, the name, that of the folder, whether the folder's has a number, and all names
        that are no patient's if the folder's is.
    """
    folders = [one for _, one in path.folders if one.head]
    people = [one for one in folders if re.search("[0-9]", one.head) and not _is_counted(one.head)]
    name = ids[path.said.head][0].casefold() if path.said.head in ids else ""
    if re.search("[0-9]", name):
        around, inner = people[:1] or folders[-1:], [path.said]
    elif people:
        name = f"/{ids_of_folders[people[0].head][0].casefold()}"
        around, inner = folders[: folders.index(people[0])][-1:], people
    if not (re.search("[0-9]", name) and around) or (people and _is_bare(path.said)):
        return None
    folder = ids_of_folders[around[0].head][0].casefold()
    alike = name == folder or (name.startswith(folder) and not name[0].isdecimal())
    alike |= folder.endswith(name) and len(name) > 2  # as no number of a series does
    return None if alike else (path, name, folder, around[0] in people, inner)


@functools.lru_cache(2**14)
def _spelling(patient: str) -> tuple:
    """The same for all ways to write a name: sub-1, SUB-001, sub 1."""
    name = re.sub("[-_. ]+", "_", patient.casefold()).strip("_") or patient
    return tuple(natural(re.sub(r"(?<=[^\W\d])_(?=[0-9])|(?<=[0-9])_(?=[^\W\d])", "", name)))


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
