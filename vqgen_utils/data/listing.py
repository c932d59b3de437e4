"""What lies in a folder of scans, by name alone. Nothing there is passed over in silence."""

import os
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vqgen_utils.data.nifti import ENDINGS


@dataclass
class Listing:
    """What lies in a folder of scans, by name alone."""

    files: list[tuple[str, int, int]]  # path relative to the folder, bytes, time changed in ns
    dropped: list[dict]  # {"file", "reason"}: what is there but cannot be read
    others: Counter  # ending -> how many files that are no NIfTI; "hidden": whatever begins with .

    def others_in_words(self) -> str:
        """A sentence on `others`."""
        counts = ", ".join(f"{count} {ending}" for ending, count in self.others.most_common(6))
        rest = len(self.others) - 6
        more = f" and {rest} more kinds" if rest > 0 else ""
        return f"Not looked at, since they are no NIfTI files or hidden: {counts}{more}."


def list_files(folder: Path) -> Listing:
    """Every NIfTI file below `folder`, in the order of the paths, and what was left aside.

    Links to folders are not followed, since a link can lead round in a circle.
    """
    listing, pending, misnamed = Listing([], [], Counter()), [""], []
    while pending:
        below = pending.pop()
        for entry in _entries(listing, folder, below):
            name = below + entry.name
            is_scan = entry.name.lower().endswith(ENDINGS)
            try:
                if entry.name.startswith("."):
                    listing.others["hidden"] += 1
                elif entry.is_dir(follow_symlinks=False):
                    pending.append(name + "/")
                    misnamed += [name] if is_scan else []
                elif entry.is_dir():
                    _drop(listing, name, "a link to a folder is not followed")
                elif not is_scan:
                    ending = os.path.splitext(_printable(entry.name))[1].lower()
                    listing.others[ending or "without ending"] += 1
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
    return listing


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
