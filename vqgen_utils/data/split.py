"""Who is held out: the split by patient, and what two splits share."""

import difflib
import itertools
from collections.abc import Iterable

import numpy as np
import pandas as pd

from vqgen_utils.config import DataConfig
from vqgen_utils.data.names import natural
from vqgen_utils.errors import InputError

SPLITS = ("train", "validate", "test")


def shared_patients(index: pd.DataFrame) -> dict[tuple[str, str], set[str]]:
    """The patients that each two splits share; all sets are empty in an honest split."""
    patients = {split: set(index["patient"][index["split"] == split].unique()) for split in SPLITS}
    return {(a, b): patients[a] & patients[b] for a, b in itertools.combinations(SPLITS, 2)}


def split_by_patient(patients: Iterable[str], seed: int) -> dict[str, str]:
    """patient -> split: about 80/10/10, at least one held out each way; two: train and test."""
    order = shuffled(patients, seed)
    held_out = max(1, round(len(order) / 10))
    return held_out_first(order, held_out)


def shuffled(patients: Iterable[str], seed: int) -> list[str]:
    """Every patient once, in an order that the names and the seed alone decide."""
    patients = sorted(set(patients), key=natural)
    return [patients[i] for i in np.random.default_rng(seed).permutation(len(patients))]


def held_out_first(order: list[str], test: int) -> dict[str, str]:
    """patient -> split: the first `test` are tested, a tenth of all validates if one is left."""
    validate = min(max(1, round(len(order) / 10)), len(order) - test - 1)
    splits = ["test"] * test + ["validate"] * validate + ["train"] * len(order)
    return dict(zip(order, splits, strict=False))


def split_in_folds(patients: Iterable[str], seed: int, folds: int, fold: int) -> dict[str, str]:
    """patient -> split: the patients dealt into `folds` parts, of which `fold` is the test.

    Over all folds every patient is tested once. The parts differ by one patient at most, and those
    who validate are the next in line, so that folds differ in them too.

    Raises:
        InputError: for more folds than patients.
    """
    order = shuffled(patients, seed)
    if folds > len(order):
        raise InputError(
            f"folds is {folds} but there are {len(order)} patients: give {len(order)} at most."
        )
    starts = [len(order) * i // folds for i in range(folds + 1)]
    first, last = starts[fold], starts[fold + 1]
    return held_out_first(order[first:] + order[:first], last - first)


def split_by_names(patients: Iterable[str], seed: int, names: str) -> dict[str, str]:
    """patient -> split: the patients in `names`, with commas between, are the test.

    Raises:
        InputError: for a name that nobody has, or when nobody is left to train on.
    """
    order = shuffled(patients, seed)
    wanted = dict.fromkeys(name.strip() for name in names.split(",") if name.strip())
    for name in wanted:
        if name not in order:
            close = difflib.get_close_matches(name, order, n=5, cutoff=0.5)
            hint = "did you mean" if close else "choose among"
            some = ", ".join(sorted(close or order, key=natural)[:10])
            raise InputError(f"test_patients: there is no patient '{name}'; {hint} {some}?")
    rest = [name for name in order if name not in wanted]
    if not wanted or not rest:
        raise InputError(
            f"test_patients names {len(wanted)} of {len(order)} patients: name one at least, and "
            "leave one at least to train on."
        )
    return held_out_first([*wanted, *rest], len(wanted))


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
                    "The split is the owner's, by folders or names with train, validate (val) and "
                    "test, which share no patient by name."
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


def chosen_splits(
    index: pd.DataFrame, config: DataConfig, *, known: bool
) -> tuple[np.ndarray, list[str]]:
    """The split of every row of `index`, and notes: by `folds` or `test_patients`, as asked for.

    Args:
        index: columns patient and split (the folder's, or empty).
        config: says which.
        known: whether names say whose each scan is.

    Raises:
        InputError: for more folds than patients, or names that nobody has.
    """
    patients, seed = index["patient"], config.data_seed
    if config.folds:
        asked = f"fold {config.fold} of {config.folds} (counted from 0)"
        splits = split_in_folds(patients, seed, config.folds, config.fold)
    else:
        asked = "the chosen test patients"
        splits = split_by_names(patients, seed, config.test_patients)
    everyone = set(splits)
    tested = sorted((name for name in everyone if splits[name] == "test"), key=natural)
    notes = [f"Split as asked: {asked}. Tested: {_some(tested)}, of {len(everyone)} patients."]
    if set(index["split"]) & set(SPLITS):
        notes.append("The folder's own split is set aside for it.")
    if "validate" not in splits.values():
        notes.append("There are too few patients to validate on any.")
    if not known:
        notes.append(
            "Names do not say whose each scan is: somebody with two scans may be in two splits. "
            "patient_pattern tells who is who."
        )
    return patients.map(splits).to_numpy(dtype=object), notes


def _some(names: list[str]) -> str:
    """The first ten names, for a sentence."""
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
