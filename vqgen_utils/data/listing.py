"""What lies in a folder of scans, by name alone. Nothing there is passed over in silence."""

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vqgen_utils.data.nifti import ENDINGS

DICOM_ENDINGS = (".dcm", ".ima", ".dicom")
KINDS = ("NIfTI", "DICOM", "PNG")  # of scans; the first that a folder has is read


@dataclass
class Listing:
    """What lies in a folder of scans, by name alone."""

    files: list[tuple[str, int, int]]  # path relative to the folder, bytes, time changed in ns
    dropped: list[dict]  # {"file", "reason"}: what is there but cannot be read
    others: Counter  # ending -> how many files of no or another kind; "hidden": begins with .
    kind: str = "NIfTI"  # of `files`, one of KINDS

    def others_in_words(self) -> str:
        """A sentence on `others`."""
        counts = ", ".join(f"{count} {ending}" for ending, count in self.others.most_common(6))
        rest = len(self.others) - 6
        more = f" and {rest} more kinds" if rest > 0 else ""
        return f"Not looked at, since they are no {self.kind} files or hidden: {counts}{more}."


def list_files(folder: Path) -> Listing:
    """Every scan below `folder`, in the order of the paths, and what was left aside.

    Scans are of one kind of KINDS: a DICOM series beside NIfTI files may be the same scan, and
    pictures beside either are mostly made from it. Links to folders are not followed, since a link
    can lead round in a circle.
    """
    listing, pending, misnamed = Listing([], [], Counter()), [""], []
    while pending:
        below = pending.pop()
        for entry in _entries(listing, folder, below):
            name = below + entry.name
            is_scan = bool(kind_by_name(entry.name))
            try:
                if entry.name.startswith("."):
                    listing.others["hidden"] += 1
                elif entry.is_dir(follow_symlinks=False):
                    pending.append(name + "/")
                    misnamed += [name] if is_scan else []
                elif entry.is_dir():
                    _drop(listing, name, "a link to a folder is not followed")
                elif not is_scan and not (entry.is_file() and starts_like_dicom(entry.path)):
                    listing.others[_ending(entry.name)] += 1
                elif _printable(name) != name:
                    _drop(listing, name, "its name holds unreadable characters; rename it")
                elif entry.is_file():
                    stat = entry.stat()
                    listing.files.append((name, stat.st_size, stat.st_mtime_ns))
                else:
                    _drop(listing, name, "is no file, or a link to nothing")
            except OSError as error:  # a link that leads to itself, a file just deleted
                _drop(listing, name, f"cannot be read ({error.strerror})")
    listing.files.sort()
    for name in misnamed:
        if not any(file.startswith(name + "/") for file, _, _ in listing.files):
            _drop(listing, name, "is a folder without scans, whatever its name says")
    listing.dropped.sort(key=lambda entry: entry["file"])
    _keep_one_kind(listing)
    return listing


def kind_by_name(name: str) -> str:
    """The kind of KINDS that a file's ending tells, or an empty string."""
    endings = dict(zip(KINDS, (ENDINGS, DICOM_ENDINGS, (".png",)), strict=True))
    return next((kind for kind in KINDS if name.lower().endswith(endings[kind])), "")


def kind_of_scans(names: Iterable[str]) -> str:
    """The kind that is read of the scans of a listing: the first of KINDS among them."""
    kinds = {kind_by_name(name) or "DICOM" for name in names}  # DICOM needs no ending
    return next((kind for kind in KINDS if kind in kinds), KINDS[0])


def starts_like_dicom(path: str | Path) -> bool:
    """Whether a file, whatever its name, has DICOM's four letters after 128 bytes."""
    try:
        with open(path, "rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _keep_one_kind(listing: Listing) -> None:
    """Scans of one kind; the rest goes to `listing.others`."""
    listing.kind = kind_of_scans(name for name, _, _ in listing.files)
    kept = []
    for file in listing.files:
        if kind_of_scans(file[:1]) == listing.kind:
            kept.append(file)
        else:
            listing.others[_ending(file[0])] += 1
    listing.files = kept


def _ending(name: str) -> str:
    return os.path.splitext(_printable(name))[1].lower() or "without ending"


def _entries(listing: Listing, folder: Path, below: str) -> Iterator[os.DirEntry]:
    """What lies in one folder, entry by entry, since all entries of a large one are heavy."""
    try:
        with os.scandir(os.path.join(folder, below)) as entries:
            yield from entries
    except OSError as error:
        _drop(listing, below or ".", f"cannot be read ({error.strerror})")


def _drop(listing: Listing, name: str, reason: str) -> None:
    listing.dropped.append({"file": _printable(name), "reason": reason})


def _printable(name: str) -> str:
    """`name` with whatever would break a line, a table or UTF-8 written as an escape."""
    bad = ("Cc", "Cs", "Zl", "Zp")  # control characters, undecodable bytes, ends of lines
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in bad else c for c in name
    )
