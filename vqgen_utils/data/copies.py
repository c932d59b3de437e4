"""The same scan under two names, found by its voxels before they are scaled."""

import hashlib
from collections import Counter

import numpy as np
import pandas as pd

from vqgen_utils.data.names import Scan, natural

_LOOKED_AT = 1000  # pixels of a slice that say whether it is distinctive
_DISTINCT = 16  # values among them; slices with fewer, such as a rim of the body, can be alike


class Copies:
    """Every slice seen so far, by its voxels."""

    def __init__(self):
        self._seen: dict[bytes, Scan] = {}  # fingerprint -> first scan of its volume

    def look_at(self, volume: list[Scan], slices: list[np.ndarray]) -> tuple[Scan | None, bool]:
        """Which earlier volume holds slices of this one, if any, and whether it holds them all.

        Args:
            volume: the files of one scan.
            slices: each (h, w) float32, as stored.
        """
        prints = [one for one in map(fingerprint, slices) if one]
        before = Counter(self._seen[one] for one in prints if one in self._seen)
        for one in prints:
            self._seen.setdefault(one, volume[0])
        if not before:
            return None, False
        (scan, count), *_ = before.most_common(1)
        return scan, count == len(prints)


def fingerprint(voxels: np.ndarray) -> bytes | None:
    """16 bytes that stand for a slice (h, w), None where many slices could look the same."""
    sample = voxels.ravel()[:: max(1, voxels.size // _LOOKED_AT)]
    if len(np.unique(sample)) < _DISTINCT:
        return None
    digest = hashlib.blake2b(f"{voxels.shape}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(voxels) + np.float32(0))  # -0 is 0
    return digest.digest()


def join_copies(
    index: pd.DataFrame, copies: list[tuple[str, str]]
) -> tuple[pd.DataFrame, list[list[str]]]:
    """`index` with patients that share a scan made one, and what was joined.

    Args:
        index: columns patient, week, split and file.
        copies: pairs of files that hold the same voxels.

    Returns:
        The index, and for each joined person the names that they had.
    """
    owner = dict(zip(index["file"], index["patient"], strict=True))
    joined: dict[str, set[str]] = {}  # patient -> all the names of that person
    for one, other in copies:
        if one in owner and other in owner and owner[one] != owner[other]:
            names = {owner[one], owner[other]}
            names |= set().union(*(joined.get(name, set()) for name in names))
            joined |= dict.fromkeys(names, names)
    people = {tuple(sorted(names, key=natural)) for names in joined.values()}
    for first, *others in sorted(people):
        for name in others:
            index = _rename(index, name, first)
    return index, [list(names) for names in sorted(people)]


def _rename(index: pd.DataFrame, name: str, first: str) -> pd.DataFrame:
    """`index` with the scans of `name` given to `first`, after that one's weeks if they clash."""
    theirs, known = index["patient"] == name, index["patient"] == first
    weeks = set(index.loc[theirs, "week"])
    clash = bool(weeks & set(index.loc[known, "week"]))
    shift = int(index.loc[known, "week"].max()) + 1 - min(weeks) if clash else 0
    return index.assign(
        patient=index["patient"].where(~theirs, first),
        week=index["week"].where(~theirs, index["week"] + shift),
    )


def groups(copies: list[tuple[str, str]]) -> list[list[str]]:
    """Pairs of files as groups: [[a, b], [b, c]] -> [[a, b, c]]."""
    found: dict[str, list[str]] = {}
    for one, other in copies:
        members = sorted({*found.get(one, [one]), *found.get(other, [other])}, key=natural)
        found |= dict.fromkeys(members, members)
    return [list(group) for group in dict.fromkeys(map(tuple, found.values()))]
