"""Tell from DICOM headers whose scans they are, and which series of a session is read.

Patients get numbers in the order of a hash of their PatientID, and sessions their rank by date:
the same for the same folder, and saying nothing about anybody.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vqgen_utils.data.dicom import File, Image, fault, read_file, without_copies
from vqgen_utils.data.names import Scan, natural, split_among
from vqgen_utils.data.volumes import Found
from vqgen_utils.errors import InputError


@dataclass(frozen=True)
class _Series:
    """One sound series."""

    first: File  # what it says about itself stands for all
    files: tuple[str, ...]  # relative to the folder, in the order of their names
    slices: int

    @property
    def person(self) -> tuple[bool, str]:
        """Whether nobody knows whose it is, and a hash to tell persons apart."""
        return (not self.first.patient, self.first.patient or self.first.study)

    @property
    def session(self) -> tuple[tuple[bool, str], str]:
        return self.person, self.first.study


def find_dicom(folder: Path, files: list[str], progress) -> Found:
    """The volumes of a folder of DICOM files: one series a session, of the kind most sessions have.

    A patient is a PatientID, a session a StudyInstanceUID. Each entry of what was dropped says by
    "broken" whether somebody should look at it.
    """
    dropped: list[dict] = []
    groups = _groups(folder, files, dropped, progress)
    found = [one for group in groups.values() if (one := _sound(folder, group, dropped))]
    if not found:
        return Found("dicom", [], dropped, [])
    chosen, notes = _choose(found, dropped)
    people = _pseudonyms(found)
    weeks = _weeks(found)
    scans = [
        Scan(
            *(one.files[0], people[one.person], weeks[one.session]),
            split=_split(one.files),
            more=one.files[1:],
            named=not one.person[0],
        )
        for one in chosen
    ]
    scans.sort(key=lambda scan: (natural(scan.patient), scan.week))
    volumes = [[scan] for scan in scans]
    notes.append(
        "Patients are numbered; no name, number or date of theirs is kept, but the names of files "
        "are, so rename files that are called after somebody."
    )
    return Found("dicom", volumes, dropped, notes, _on_unknown_people(chosen))


def _groups(folder: Path, files: list[str], dropped: list[dict], progress) -> dict:
    """The files of each series; those that can be no slice are dropped."""
    groups = defaultdict(list)
    for done, name in enumerate(sorted(files, key=natural), start=1):
        progress("reading DICOM headers", done, len(files))
        try:
            file = read_file(folder / name)
        except InputError as error:
            reason = str(error).removeprefix(f"{folder / name}: ")
            dropped.append({"file": name, "reason": reason, "broken": True})
            continue
        if file.unfit:
            dropped.append({"file": name, "reason": file.unfit, "broken": False})
        else:
            groups[file.series].append(file)
    return groups


def _sound(folder: Path, group: list[File], dropped: list[dict]) -> _Series | None:
    """A series without copies of its files, or None where its slices are no even stack."""

    def name(path: Path) -> str:
        return path.relative_to(folder).as_posix()

    images: list[Image] = [image for file in group for image in file.images]
    images, copies = without_copies(images)
    for copy, first in copies.items():
        file, reason = name(copy), f"is the same image as {name(first)}"
        apart = _split([file]) != _split([name(first)])
        reason += ", on both sides of the split; remove one" if apart else ""
        dropped.append({"file": file, "reason": reason, "broken": apart})
    files = tuple(name(file.path) for file in group if file.path not in copies)
    if found := fault(images):
        reason, broken = found
        dropped += [{"file": file, "reason": reason, "broken": broken} for file in files]
        return None
    return _Series(group[0], files, len(images))


def _choose(found: list[_Series], dropped: list[dict]) -> tuple[list[_Series], list[str]]:
    """One series of each session, of one kind in the whole folder, so that contrasts do not mix.

    Of several, an original one before those computed from it, then the one with most slices, then
    the first by name.
    """
    sessions = defaultdict(list)
    for one in found:
        sessions[one.session].append(one)
    kinds = Counter(kind for group in sessions.values() for kind in {o.first.kind for o in group})
    slices = Counter()
    for one in found:
        slices[one.first.kind] += one.slices
    usual = max(kinds, key=lambda kind: (kinds[kind], slices[kind], kind))
    chosen = []
    for group in sessions.values():
        group.sort(
            key=lambda o: (o.first.kind != usual, o.first.derived, -o.slices, natural(o.files[0]))
        )
        has_usual = group[0].first.kind == usual
        chosen += group[:has_usual]
        for one in group[has_usual:]:
            what = ", ".join(one.first.kind)
            reason = f"is of another kind ({what}) than is read ({', '.join(usual)})"
            if one.first.kind == usual:
                reason = f"is another series ({what}) of a session of which one is read"
            dropped += [{"file": file, "reason": reason, "broken": False} for file in one.files]
    notes = []
    if len(found) > len(chosen):
        notes.append(
            f"One series of each session is read, {', '.join(usual)}, the kind that most sessions "
            f"have; series left out: {len(found) - len(chosen)}."
        )
    return chosen, notes


def _split(files: Sequence[str]) -> str:
    """The owner's split, where all files lie in folders that say the same one."""
    splits = {split_among(file.split("/")[:-1]) for file in files}
    return splits.pop() if len(splits) == 1 else ""


def _pseudonyms(found: list[_Series]) -> dict[tuple[bool, str], str]:
    """person -> "dicom-0001", or "unknown-0001" where no PatientID says who it is."""
    people = sorted({one.person for one in found})
    numbers = {False: 0, True: 0}
    names = {}
    for person in people:
        numbers[person[0]] += 1
        names[person] = f"{'unknown' if person[0] else 'dicom'}-{numbers[person[0]]:04d}"
    return names


def _weeks(found: list[_Series]) -> dict[tuple, int]:
    """session -> its rank among those of its patient, by date."""
    sessions = defaultdict(dict)
    for one in found:
        sessions[one.person][one.session] = (one.first.when, one.first.study)
    return {
        session: week
        for dates in sessions.values()
        for week, session in enumerate(sorted(dates, key=dates.get))
    }


def _on_unknown_people(chosen: list[_Series]) -> str:
    unknown = len({one.person for one in chosen if one.person[0]})
    if not unknown:
        return ""
    return (
        f"Studies that do not say whose they are, for want of a PatientID: {unknown}. Each "
        "counts as a patient of its own, so one patient can be on both sides of the split. Say "
        "who is who with --patient-pattern, by the names of files."
    )
