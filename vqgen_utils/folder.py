"""Find the scans in a folder, tell from their names whose they are, and split them by patient."""

import itertools
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vqgen_utils.errors import InputError
from vqgen_utils.nifti import ENDINGS

SPLITS = ("train", "validate", "test")
_PLACE = re.compile(r"keras_slices_(?P<seg>seg_)?(?P<split>train|validate|test)")
_STUDY = re.compile(r"(?:case|seg)_(\d+)_week_?(\d+)(?:_slice_(\d+))?", re.IGNORECASE)
_BIDS = re.compile(r"(sub-[a-z0-9]+)", re.IGNORECASE)
_SESSION = re.compile(r"ses-([a-z0-9]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Scan:
    """One NIfTI file and what its name says."""

    file: str  # relative to the folder, with forward slashes
    patient: str
    week: int = 0
    slice: int | None = None  # None: the file is a whole volume, or a slice without a number
    split: str = ""  # empty: the folder gives none
    label_file: str = ""  # empty: none


def list_files(folder: Path) -> tuple[list[tuple[str, int, int]], list[dict]]:
    """Every NIfTI file below `folder`, and what could not be looked at.

    Hidden files and links to folders are left out (a link can lead round in a circle).

    Returns:
        (path relative to `folder`, bytes, modification time in ns) in the order of the paths; and
        {"file", "reason"} for every folder or file that may not be read.
    """
    found, dropped, pending = [], [], [""]
    while pending:
        below = pending.pop()
        try:
            entries = list(os.scandir(os.path.join(folder, below)))
        except OSError as error:
            dropped.append({"file": below or ".", "reason": f"cannot be read ({error.strerror})"})
            continue
        for entry in entries:
            name = below + entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                pending.append(name + "/")
            elif entry.is_dir():
                dropped.append({"file": name, "reason": "a link to a folder is not followed"})
            elif entry.name.lower().endswith(ENDINGS):
                if entry.is_file():
                    stat = entry.stat()
                    found.append((name, stat.st_size, stat.st_mtime_ns))
                else:
                    dropped.append({"file": name, "reason": "is no file, or a link to nothing"})
    return sorted(found), sorted(dropped, key=lambda entry: entry["file"])


def find_study(folder: Path, files: Iterable[str]) -> tuple[list[list[Scan]], list[dict]]:
    """The volumes of a folder laid out like the study's release, each a list of its slices.

    Returns:
        Volumes in the order of patient and week, slices in the order of their numbers; and what
        was dropped.

    Raises:
        InputError: when no image lies in a folder of the release.
    """
    images, labels, dropped = [], {}, []
    for file in files:
        parent, _, name = file.rpartition("/")
        place, said = _PLACE.fullmatch(parent), _STUDY.match(name)
        if not place:
            dropped.append({"file": file, "reason": "is not in a folder of the release"})
        elif not said or said[3] is None:
            dropped.append({"file": file, "reason": "is not named case_N_week_N_slice_N"})
        else:
            patient, week, number = map(int, said.groups())
            key = (patient, week, place["split"], number)
            if place["seg"]:
                labels[key] = file
            else:
                images.append((key, file))
    if not images:
        raise InputError(
            f"{folder}: holds no image slices in keras_slices_train, _validate or _test; give the "
            "folder that holds these, or choose data_source 'nifti' for any other folder."
        )
    scans = []
    for key, file in sorted(images):
        patient, week, split, number = key
        scans.append(Scan(file, _number(patient), week, number, split, labels.pop(key, "")))
    dropped += [
        {"file": file, "reason": "labels of a slice that is not there"} for file in labels.values()
    ]
    volumes = itertools.groupby(scans, key=lambda scan: (scan.patient, scan.week, scan.split))
    return [list(slices) for _, slices in volumes], dropped


def find_scans(files: Iterable[str]) -> tuple[list[list[Scan]], list[str]]:
    """The volumes of any folder: a file each, or the slices that one name and week belong to.

    Patient and week are told from names like the study's (`case_004_week_0`) or BIDS's
    (`sub-04_ses-02`, also as folders). Any other file is a patient of its own.

    Returns:
        Volumes in the order of patient and week; and notes for the reader.
    """
    stems = {file: re.sub(r"\.nii(\.gz)?$", "", file, flags=re.IGNORECASE) for file in files}
    names = Counter(stem.rpartition("/")[2] for stem in set(stems.values()))
    sessions = defaultdict(set)
    for stem in stems.values():
        if (bids := _BIDS.search(stem)) and (session := _SESSION.search(stem)):
            sessions[bids[0]].add(session[1])

    scans, nameless = [], 0
    for file, stem in stems.items():
        study, bids, session = (rule.search(stem) for rule in (_STUDY, _BIDS, _SESSION))
        name = stem.rpartition("/")[2]
        if study:
            number = None if study[3] is None else int(study[3])
            scans.append(Scan(file, _number(int(study[1])), int(study[2]), number))
        elif bids and session:
            label, order = session[1], sorted(sessions[bids[0]], key=natural)
            week = int(label) if label.isdecimal() else order.index(label)
            scans.append(Scan(file, bids[0], week))
        elif bids:
            scans.append(Scan(file, bids[0]))
        else:
            nameless += 1
            scans.append(Scan(file, name if names[name] == 1 else stem))
    notes = []
    if nameless > 1:
        notes.append(
            f"The names of {nameless} files do not say whose scan they are, so each counts as a "
            "patient of its own. If some belong to one patient, name them sub-01_ses-01 and so on; "
            "else that patient can be on both sides of the split."
        )

    def volume(scan: Scan):
        alone = scan.file if scan.slice is None else scan.file.rpartition("/")[0]
        return natural(scan.patient), scan.week, scan.slice is None, natural(alone)

    scans.sort(key=lambda scan: (volume(scan), scan.slice or 0))
    return [list(slices) for _, slices in itertools.groupby(scans, key=volume)], notes


def natural(text: str) -> list:
    """A sort key that puts `case_10` after `case_9`."""
    return [(part.isdecimal(), int(part) if part.isdecimal() else part) for part in _parts(text)]


def _parts(text: str) -> list[str]:
    return [part for part in re.split(r"([0-9]+)", text) if part]


def _number(patient: int) -> str:
    """The study's way to write a patient, so that `case_4` and `case_004` are one."""
    return f"{patient:03d}"


# ---- Who is held out ---------------------------------------------------------------------------


def overlap(index: pd.DataFrame) -> dict[tuple[str, str], set[str]]:
    """The patients that each two splits share; all sets are empty in an honest split."""
    patients = {split: set(index["patient"][index["split"] == split].unique()) for split in SPLITS}
    return {(a, b): patients[a] & patients[b] for a, b in itertools.combinations(SPLITS, 2)}


def split_by_patient(patients: Iterable[str], seed: int) -> dict[str, str]:
    """patient -> split: about 80/10/10, at least one held out each way; two: train and test."""
    patients = sorted(set(patients), key=natural)
    order = [patients[i] for i in np.random.default_rng(seed).permutation(len(patients))]
    held_out = max(1, round(len(patients) / 10))
    validate = held_out if len(patients) > 2 else 0
    splits = ["test"] * held_out + ["validate"] * validate + ["train"] * len(patients)
    return dict(zip(order, splits, strict=False))


def split_in_blocks(height: np.ndarray) -> np.ndarray:
    """The split of each slice of a single patient: blocks of heights, 80/10/10 from below.

    Slices that lie next to each other look alike, so a small gap (empty string) is left between
    the blocks. Fewer than five heights are all for training.
    """
    levels, rank = np.unique(height, return_inverse=True)
    held_out, gap = max(1, round(len(levels) / 10)), max(1, round(len(levels) / 50))
    train = len(levels) - 2 * (held_out + gap)
    if train < 1:
        return np.full(len(height), "train", dtype=object)
    blocks = ["train"] * train + [""] * gap + ["validate"] * held_out + [""] * gap
    return np.array(blocks + ["test"] * held_out, dtype=object)[rank]


def assign_splits(index: pd.DataFrame, seed: int) -> tuple[np.ndarray, list[str]]:
    """The split of every row of `index`, and notes: as the folders say, unless they are unsound.

    Args:
        index: columns patient, height and split (the folder's, or empty).
        seed: which patients are held out where the folder does not say so.
    """
    notes = []
    given = set(index["split"])
    if given <= set(SPLITS):
        shared = set().union(*overlap(index).values())
        if not shared and {"train", "test"} <= given:
            if "validate" not in given:
                notes.append("The folder has no slices to validate on.")
            return index["split"].to_numpy(), notes
        if shared:
            names = ", ".join(sorted(shared, key=natural))
            notes.append(
                f"{len(shared)} patients lie in more than one of the folders train, validate and "
                f"test ({names}), so the slices were split anew, by patient."
            )
        else:
            notes.append("The folder lacks train or test slices, so they were split by patient.")
    patients = index["patient"].unique()
    if len(patients) == 1:
        notes.append(
            "All slices are of one patient, so the split is NOT patient-disjoint: training, "
            "validation and test are blocks of neighbouring slices, and scores will flatter."
        )
        return split_in_blocks(index["height"].to_numpy()), notes
    if len(patients) == 2:
        notes.append("There are two patients: one to train on, one to test on, none to validate.")
    return index["patient"].map(split_by_patient(patients, seed)).to_numpy(dtype=object), notes
