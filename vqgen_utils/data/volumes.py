"""Scans put together to volumes, in the order of patient and session."""

from collections import defaultdict
from dataclasses import dataclass, replace

from vqgen_utils.data.names import Scan, natural, whole


@dataclass
class Found:
    """What names alone say of a folder."""

    layout: str
    volumes: list[list[Scan]]  # each a list of its files, in the order of patient and week
    dropped: list[dict]  # {"file", "reason"}, and "broken" or "labels" as in `Survey.drop`
    notes: list[str]
    unknown: str = ""  # a sentence on whose scans nobody knows, unless a pattern tells


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
            if len({scan.session for scan in scans}) > 1:  # numbers that could be a patient's
                scans = [replace(scan, slice=scan.number, session="") for scan in scans]
            else:
                scans = [replace(scan, slice=scan.number, named=_digits(scan)) for scan in scans]
            joined.append(sorted(scans, key=lambda scan: scan.slice))
        else:
            others += [[scan] for scan in scans]
    return numbered(others + joined) if joined else volumes


def _digits(scan: Scan) -> bool:
    return scan.named or (not scan.doubted and any(c.isdecimal() for c in scan.patient))
