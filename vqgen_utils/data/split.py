"""Who is held out: the split by patient, and what two splits share."""

import itertools
from collections.abc import Iterable

import numpy as np
import pandas as pd

from vqgen_utils.data.names import natural

SPLITS = ("train", "validate", "test")


def shared_patients(index: pd.DataFrame) -> dict[tuple[str, str], set[str]]:
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


def decides(rows: pd.DataFrame) -> np.ndarray:
    """Which training slices choose among weights, where no patients are there to validate on.

    Args:
        rows: columns patient and height, of the training slices.

    Returns:
        (n,) bool: those of a tenth of the patients; of a single patient, the blocks of heights that
        `split_in_blocks` holds out for validation. It may be none.
    """
    if rows["patient"].nunique() > 1:
        splits = rows["patient"].map(split_by_patient(rows["patient"], seed=0))
        return (splits == "test").to_numpy()
    return split_in_blocks(rows["height"].to_numpy()) == "test"


def disjoint(index: pd.DataFrame, known: bool) -> bool | None:
    """Whether no patient is in two splits; None: the names do not say, so nobody can know."""
    if any(shared_patients(index).values()):
        return False
    return True if known else None


def assign_splits(
    index: pd.DataFrame, seed: int, *, say: bool = False
) -> tuple[np.ndarray, list[str]]:
    """The split of every row of `index`, and notes: as the folders say, unless they are unsound.

    Args:
        index: columns patient, height and split (the folder's, or empty).
        seed: which patients are held out where the folder does not say so.
        say: whether to note that the folders' own split is kept.
    """
    notes = []
    given = set(index["split"])
    if given - {""} and not given <= set(SPLITS):
        notes.append(
            "Some scans lie outside of the folders train, validate and test, so all were split "
            "anew, by patient."
        )
    if given <= set(SPLITS):
        shared = set().union(*shared_patients(index).values())
        if not shared and {"train", "test"} <= given:
            if "validate" not in given:
                notes.append("The folder has no slices to validate on.")
            if say:
                notes.append(
                    "The split is the owner's, by the folders train, validate (val) and test, "
                    "which share no patient by name."
                )
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
        blocks = split_in_blocks(index["height"].to_numpy())
        if (blocks == "train").all():
            notes.append(
                f"All {len(index)} slices are of one patient and too few to hold any out, so all "
                "are for training, and there are none to score."
            )
            return blocks, notes
        notes.append(
            "All slices are of one patient, so the split is NOT patient-disjoint: training, "
            "validation and test are blocks of neighbouring slices, and scores will flatter."
        )
        return blocks, notes
    if len(patients) == 2:
        notes.append("There are two patients: one to train on, one to test on, none to validate.")
    return index["patient"].map(split_by_patient(patients, seed)).to_numpy(dtype=object), notes
