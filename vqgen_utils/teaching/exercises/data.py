"""The exercises of notebook 01: intensities, file names, patients."""

import functools
from collections.abc import Callable, Iterable
from numbers import Real

import numpy as np
import pandas as pd

from vqgen_utils.data import phantom
from vqgen_utils.data.tissues import TISSUES
from vqgen_utils.teaching.exercises.feedback import NotYet, call, check, close, same_shape

WANTED = 0.02  # share of the pixels that exercise 1 asks to cut


# ---- 1: one number ------------------------------------------------------------------------------


@functools.cache
def _hips() -> tuple[np.ndarray, np.ndarray]:
    """Three slices of one phantom patient through the hips, and their labels: (3, 256, 128)."""
    pairs = [phantom.render_slice(patient=1, week=0, slice=number) for number in (26, 31, 36)]
    images, labels = zip(*pairs, strict=True)
    return np.stack(images), np.stack(labels)


@check
def check_percentile(top: float) -> str:
    """`top`: the percentile to scale to 1, so that one pixel in fifty is cut."""
    if isinstance(top, bool) or not isinstance(top, Real):
        raise NotYet(f"a number is wanted, not {top!r}.")
    if 0 < top < 1:
        raise NotYet("np.percentile counts from 0 to 100, not from 0 to 1.")
    if not 0 <= top <= 100:
        raise NotYet(f"there is no percentile {top}: they run from 0 to 100.")
    images, labels = _hips()
    cut = images > np.percentile(images, top)
    if close(top, 100 * WANTED):
        raise NotYet(
            f"{top} in 100 pixels lie *below* percentile {top}, so {cut.mean():.0%} of them are "
            "cut. You want that share above it."
        )
    if not close(cut.mean(), WANTED, 0.001):
        share = f"one pixel in {1 / cut.mean():.0f}" if cut.any() else "nothing"
        raise NotYet(f"that cuts {share}. Which share of the pixels lies above percentile {top}?")
    shares = np.bincount(labels[cut], minlength=len(TISSUES)) / cut.sum()
    tissue = TISSUES[shares.argmax()]
    return (
        f"in three slices through the hips, {shares.max():.0%} of what is cut there is {tissue}: "
        "the brightest tissue is cut, and what could be seen inside it is lost."
    )


# ---- 2: slices in order --------------------------------------------------------------------------


@check
def check_in_order(in_order: Callable[[list[str]], list[str]]) -> str:
    """`in_order`: names of one scan's slices -> the same names from the lowest slice to the top."""
    numbers = (10, 2, 33, 1, 20, 0, 11, 9, 100)
    names = [f"case_017_week_2_slice_{number}.nii.gz" for number in numbers]
    wanted = [f"case_017_week_2_slice_{number}.nii.gz" for number in sorted(numbers)]
    got = call(in_order, list(names))
    if not isinstance(got, Iterable) or isinstance(got, str):
        raise NotYet(f"in_order returns a {type(got).__name__}: return a list of names.")
    got = list(got)
    if sorted(map(str, got)) != sorted(names):
        raise NotYet("some names are missing or changed: return the names themselves, every one.")
    if got == sorted(names):
        raise NotYet(
            "this is the order of the alphabet: slice_10 and slice_100 come before slice_2, since "
            "'1' comes before '2'. Compare the numbers as numbers, with int()."
        )
    if got == wanted[::-1]:
        raise NotYet("this runs from the top slice to the lowest: turn it round.")
    if got == names:
        raise NotYet(
            "the names come back in the order they had. Do you compare the patient's or the week's "
            "number? Those are the same in all of them; the slice's number is the last one."
        )
    if got != wanted:
        found, belongs = next(pair for pair in zip(got, wanted, strict=True) if pair[0] != pair[1])
        raise NotYet(f"{found} stands where {belongs} belongs.")
    return (
        "slice 2 comes before slice 10. Sorted by the alphabet, neighbours in the list would be no "
        "neighbours in the body, and no error message would tell you."
    )


# ---- 3: the leak ---------------------------------------------------------------------------------


@functools.cache
def _scans() -> tuple[pd.DataFrame, str]:
    """A study's scans, laid out in splits, and the patient who is in two of them."""
    rng = np.random.default_rng(4)
    sizes = {"train": 26, "validate": 4, "test": 6}
    splits = [split for split, size in sizes.items() for _ in range(size)]
    leaking = 17
    rows = []
    for number, split in enumerate(splits, start=1):
        weeks = 4 if number == leaking else rng.integers(1, 5)
        for week in range(weeks):
            strays = number == leaking and week == 2
            rows.append((f"{number:03d}", week, "test" if strays else split, 60))
    table = pd.DataFrame(rows, columns=["patient", "week", "split", "slices"])
    order = table["split"].map(list(sizes).index)
    return table.iloc[np.argsort(order, kind="stable")].reset_index(drop=True), f"{leaking:03d}"


def suspicious_split() -> pd.DataFrame:
    """The scans of a study: a row each, with its patient, week, split and number of slices."""
    return _scans()[0].copy()


@check
def check_leak(leaking: Iterable[str]) -> str:
    """`leaking`: the patients who are in more than one split of `suspicious_split`."""
    table, culprit = _scans()
    if isinstance(leaking, str) or not isinstance(leaking, Iterable):
        raise NotYet(f"a list of patients is wanted, such as ['001', '002'], not {leaking!r}.")
    if isinstance(leaking, pd.DataFrame):
        raise NotYet("a list of patients is wanted, such as ['001', '002'], not a table.")
    named, known = set(leaking), set(table["patient"])
    if strange := named - known:
        raise NotYet(
            f"{next(iter(strange))!r} is no patient of the table; their names are text: '001'."
        )
    if not named:
        raise NotYet("there is a leak. For each patient, count the *different* splits.")
    if innocent := sorted(named - {culprit}):
        own = table[table["patient"] == innocent[0]]
        scans = "1 scan" if len(own) == 1 else f"{len(own)} scans"
        raise NotYet(
            f"patient {innocent[0]} has {scans}, all in {own['split'].iloc[0]}: coming back in "
            "another week is no leak, coming back in another split is."
        )
    rows = table[table["patient"] == culprit]
    stray = rows[rows["split"] != rows["split"].mode()[0]].iloc[0]
    return (
        f"patient {culprit} is in {rows['split'].mode()[0]}, but week {stray['week']} lies in "
        f"{stray['split']}: {stray['slices']} test slices whose anatomy was seen in training."
    )


# ---- 4: the robust scale -------------------------------------------------------------------------


def _reference(volume: np.ndarray, low: float = 0.5, high: float = 99.9, axis=None) -> np.ndarray:
    low, high = np.percentile(volume, (low, high), axis=axis, keepdims=axis is not None)
    return np.clip((volume - low) / (high - low), 0, 1)


@check
def check_scale(scale: Callable[[np.ndarray], np.ndarray]) -> str:
    """`scale`: a volume of any intensities -> float32 in [0, 1], by percentiles 0.5 and 99.9."""
    rng = np.random.default_rng(0)
    gain = np.linspace(0.6, 1.4, 8)[:, None, None]  # slices of different brightness
    volume = (gain * rng.normal(400, 90, (8, 24, 16))).astype(np.int16)
    volume[3, 5, 7] = 30_000  # one hot voxel
    given = volume.copy()
    with np.errstate(all="ignore"):  # what goes wrong is said in words
        got = call(scale, given)
        constant = call(scale, np.full((2, 4, 4), 7, np.int16))
    same_shape("the scaled volume", got, volume.shape)
    got = np.asarray(got)
    if not np.array_equal(given, volume):
        raise NotYet("your function changes the volume it is given: work on a copy.")
    _explain_values(volume, got)
    if got.dtype != np.float32:
        raise NotYet(
            f"the values are right, but of type {got.dtype}: networks learn on float32. End with "
            ".astype(np.float32)."
        )
    constant = np.asarray(constant)
    if not np.isfinite(constant).all():
        raise NotYet(
            "a constant volume becomes NaN: its percentiles are equal, so the division is by zero. "
            "Return zeros in that case."
        )
    same_shape("the scaled constant volume", constant, (2, 4, 4))
    if constant.any():
        raise NotYet(f"a constant volume becomes {constant.flat[0]}: return zeros in that case.")
    if constant.dtype != np.float32:
        raise NotYet(f"a constant volume comes back as {constant.dtype}: return float32 there too.")
    return (
        "one voxel of 30,000 became 1 and the rest kept its contrast; a constant volume is zeros "
        "and not NaN, which would have spread through a whole network."
    )


def _explain_values(volume: np.ndarray, got: np.ndarray) -> None:
    """Raises `NotYet` with the likeliest reason why `got` is not the scaled `volume`."""
    low, high = np.percentile(volume, (0.5, 99.9))
    unclipped = (volume - low) / (high - low)
    mistakes = [
        (unclipped, "voxels outside the percentiles lie below 0 or above 1: clip them."),
        (
            (volume - volume.min()) / (volume.max() - volume.min()),
            "the scale runs from minimum to maximum, so one hot voxel is 1 and half of the others "
            f"lie below {np.median(volume) / volume.max():.2f}. Use the percentiles.",
        ),
        (
            _reference(volume, axis=(1, 2)),
            "each slice got a scale of its own, so a tissue would change its brightness from slice "
            "to slice. Take the percentiles over the whole volume.",
        ),
        (
            _reference(volume, 0.005, 0.999),
            "np.percentile counts from 0 to 100, not from 0 to 1: 99.9, not 0.999.",
        ),
        (np.clip(volume / high, 0, 1), "subtract the low percentile first: it must become 0."),
        (
            np.clip((volume - low) / high, 0, 1),
            "the high percentile does not become 1: divide by the distance from low to high.",
        ),
        (np.clip(volume, 0, 255) / 255, "this cuts at 255, and with it most of the picture."),
    ]
    if got.dtype.kind in "iub":
        raise NotYet(
            f"the values are of type {got.dtype}, which has no fractions: all contrast is gone. "
            "Divide in floating point."
        )
    if close(got, _reference(volume)):
        return
    for wrong, words in mistakes:
        if close(got, wrong):
            raise NotYet(words)
    if not np.isfinite(got).all():
        raise NotYet("some values are NaN or infinite: print low and high, and look.")
    raise NotYet(
        f"the values run from {got.min():.3g} to {got.max():.3g} with a median of "
        f"{np.median(got):.3g}; {np.median(_reference(volume)):.3g} is wanted. Map percentile 0.5 "
        "to 0 and percentile 99.9 to 1 by a straight line, then clip."
    )


# ---- 5: a split by patient -----------------------------------------------------------------------


@check
def check_hold_out(hold_out: Callable[[np.ndarray, int], np.ndarray]) -> str:
    """`hold_out`: (patient of each slice (N,), seed) -> (N,) bool, a fifth of the patients True."""
    count = 40
    names = np.array([f"{number:03d}" for number in range(1, count + 1)])
    patients = np.repeat(names, 1 + np.arange(count) ** 2 % 23)  # (N,), 1 to 19 slices each
    masks = []
    for seed in range(6):
        mask = call(hold_out, patients.copy(), seed)
        same_shape("the answer", mask, patients.shape)
        mask = np.asarray(mask)
        if mask.dtype != bool:
            raise NotYet(
                f"the answer is of type {mask.dtype}: return True or False for each slice, such as "
                "np.isin gives."
            )
        _whole_patients(names, patients, mask)
        masks.append(mask)
        if not np.array_equal(mask, np.asarray(call(hold_out, patients.copy(), seed))):
            raise NotYet(
                f"seed {seed} gave two different splits: make a generator from the seed inside the "
                "function, np.random.default_rng(seed)."
            )
    if all(np.array_equal(mask, masks[0]) for mask in masks):
        raise NotYet(
            "every seed holds out the same patients. Numbers often follow the date of the scan or "
            "the hospital, so draw the patients at random."
        )
    shuffled = np.random.default_rng(1).permutation(len(patients))
    if not np.array_equal(np.asarray(call(hold_out, patients[shuffled], 0)), masks[0][shuffled]):
        raise NotYet(
            "the same seed holds out other patients when the slices come in another order, as they "
            "may on another computer. Sort the patients before you draw; np.unique does."
        )
    fewer = patients[np.isin(patients, names[:25])]
    _whole_patients(names[:25], fewer, np.asarray(call(hold_out, fewer.copy(), 0)))
    return (
        "nobody is on both sides, and all who know the seed get the same split. Here a fifth "
        f"of the patients has {masks[0].mean():.0%} of the slices, since patients come whole."
    )


def _whole_patients(names: np.ndarray, patients: np.ndarray, mask: np.ndarray) -> None:
    """Raises `NotYet` unless a fifth of the patients is held out with all of their slices."""
    shares = np.array([mask[patients == name].mean() for name in names])
    divided = names[(shares > 0) & (shares < 1)]
    if len(divided):
        raise NotYet(
            f"{len(divided)} patients are on both sides, the first is {divided[0]}. Draw patients, "
            "not slices; then look up which slices are theirs."
        )
    held_out, wanted = int(shares.sum()), len(names) // 5
    if held_out == len(names) - wanted:
        raise NotYet("four fifths of the patients are held out: turn the answer round.")
    if held_out != wanted:
        raise NotYet(
            f"{held_out} of {len(names)} patients are held out, a fifth is {wanted}. Shuffle the "
            "patients and take the first fifth; a coin for each would give any number."
        )
