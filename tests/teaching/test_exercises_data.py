"""Exercises of notebook 01: a wrong answer is told in words what is wrong with it."""

import re

import numpy as np
import pandas as pd
import pytest
from notebook_cells import refusal

from vqgen_utils.teaching.exercises import data as exercises

NUMBER = re.compile(r"slice_(\d+)")


def test_the_check_of_the_percentile_names_the_tissue_that_pays(capsys):
    exercises.check_percentile(98.0)
    assert "bladder" in capsys.readouterr().out


def test_the_suspicious_table_has_one_patient_in_two_splits():
    table = exercises.suspicious_split()
    splits = table.groupby("patient")["split"].nunique()
    assert (splits > 1).sum() == 1
    table["split"] = "train"  # a learner may write into it
    assert exercises.suspicious_split()["split"].nunique() == 3


SCANS = exercises.suspicious_split()
SEVERAL = SCANS["patient"].value_counts().loc[lambda count: count > 1].index


def number(name: str) -> int:
    return int(NUMBER.search(name)[1])


def percentiles(v, low=0.5, high=99.9, **options):
    """The scale of exercise 4 without a care for constant volumes."""
    low, high = np.percentile(v, (low, high), **options)
    return np.clip((v - low) / (high - low), 0, 1).astype(np.float32)


def constant_becomes(value, dtype=np.float32):
    """A scale that is right but for constant volumes."""
    return lambda v: percentiles(v) if np.ptp(v) else np.full(v.shape, value, dtype)


def in_place(v):
    result = percentiles(v)
    v[:] = 0
    return result


def last_fifth(patients, seed):
    everyone = np.unique(patients)
    return np.isin(patients, everyone[-(len(everyone) // 5) :])


def drawn(patients, seed, everyone=None, generator=None, share=5):
    """Exercise 5's answer; the arguments put one thing wrong."""
    everyone = np.unique(patients) if everyone is None else everyone
    order = (generator or np.random.default_rng(seed)).permutation(everyone)
    return np.isin(patients, order[: len(everyone) // share])


def eight(patients, seed):
    """A fifth of forty, however many there are."""
    return np.isin(patients, np.random.default_rng(seed).permutation(np.unique(patients))[:8])


ENDLESS = np.random.default_rng(5)  # goes on from call to call, whatever the seed
WRONG = [
    (exercises.check_percentile, 2, "98%"),
    (exercises.check_percentile, 0.98, "0 to 100"),
    (exercises.check_percentile, 50, "one pixel in 2."),
    (exercises.check_percentile, 99.9, "one pixel in 99"),
    (exercises.check_percentile, 100, "cuts nothing"),
    (exercises.check_percentile, 102, "no percentile 102"),
    (exercises.check_percentile, "98", "a number"),
    (exercises.check_in_order, sorted, "alphabet"),
    (exercises.check_in_order, lambda names: names, "in the order they had"),
    (exercises.check_in_order, lambda names: sorted(names, key=lambda n: n[:8]), "patient's"),
    (exercises.check_in_order, lambda names: sorted(names, key=number, reverse=True), "turn it"),
    (exercises.check_in_order, lambda names: sorted(map(number, names)), "names themselves"),
    (exercises.check_in_order, lambda names: sorted(names, key=number)[1:], "missing"),
    (exercises.check_in_order, lambda names: names.sort(key=number), "returns nothing"),
    (exercises.check_in_order, lambda names: sorted(names, key=number)[0], "list of names"),
    (exercises.check_in_order, lambda names: names[::-1], "belongs"),
    (exercises.check_in_order, lambda names: [int(n) for n in names], "stops with ValueError"),
    (exercises.check_leak, list(SEVERAL), "another week is no leak"),
    (exercises.check_leak, ["001"], "patient 001 has"),
    (exercises.check_leak, [], "different"),
    (exercises.check_leak, [17], "text"),
    (exercises.check_leak, "017", "a list"),
    (exercises.check_leak, SCANS, "not a table"),
    (exercises.check_leak, 17, "a list"),
    (exercises.check_scale, lambda v: (v - v.min()) / np.ptp(v), "hot voxel"),
    (exercises.check_scale, lambda v: percentiles(v, 0.005, 0.999), "99.9, not 0.999"),
    (
        exercises.check_scale,
        lambda v: percentiles(v, axis=(1, 2), keepdims=True),
        "slice got a scale of its own",
    ),
    (exercises.check_scale, lambda v: v / np.percentile(v, 99.9), "run from"),
    (
        exercises.check_scale,
        lambda v: np.clip(v / np.percentile(v, 99.9), 0, 1),
        "subtract the low",
    ),
    (
        exercises.check_scale,
        lambda v: np.clip((v - np.percentile(v, 0.5)) / np.percentile(v, 99.9), 0, 1),
        "distance from low to high",
    ),
    (
        exercises.check_scale,
        lambda v: (v - np.percentile(v, 0.5)) / np.ptp(np.percentile(v, (0.5, 99.9))),
        "clip them",
    ),
    (exercises.check_scale, lambda v: np.clip(v, 0, 255) / 255, "cuts at 255"),
    (exercises.check_scale, lambda v: percentiles(v).astype(np.uint8), "no fractions"),
    (exercises.check_scale, lambda v: percentiles(v) * np.nan, "NaN or infinite"),
    (exercises.check_scale, lambda v: percentiles(v).astype(float), "float64"),
    (exercises.check_scale, percentiles, "division is by zero"),
    (exercises.check_scale, constant_becomes(1), "return zeros"),
    (exercises.check_scale, constant_becomes(0, float), "float32 there too"),
    (exercises.check_scale, lambda v: percentiles(v)[0], "shape (24, 16)"),
    (exercises.check_scale, lambda v: percentiles(v).tolist(), "is a list"),
    (exercises.check_scale, in_place, "work on a copy"),
    (
        exercises.check_hold_out,
        lambda patients, seed: np.random.default_rng(seed).random(len(patients)) < 0.2,
        "on both sides",
    ),
    (
        exercises.check_hold_out,
        lambda patients, seed: np.arange(len(patients)) < len(patients) // 5,
        "patients, not slices",
    ),
    (exercises.check_hold_out, last_fifth, "every seed holds out the same"),
    (
        exercises.check_hold_out,
        lambda patients, seed: drawn(patients, seed, generator=ENDLESS),
        "two different splits",
    ),
    (
        exercises.check_hold_out,
        lambda patients, seed: drawn(patients, seed, everyone=pd.unique(patients)),
        "another order",
    ),
    (exercises.check_hold_out, lambda *given: ~drawn(*given), "turn the answer round"),
    (exercises.check_hold_out, eight, "8 of 25 patients"),
    (exercises.check_hold_out, lambda *given: drawn(*given, share=10), "a fifth is 8"),
    (exercises.check_hold_out, lambda *given: drawn(*given).astype(int), "int64"),
    (exercises.check_hold_out, lambda patients, seed: np.unique(patients), "shape (40,)"),
    (exercises.check_hold_out, lambda patients: patients, "stops with TypeError"),
]


@pytest.mark.parametrize("check, answer, words", WRONG)
def test_a_wrong_answer_is_told_what_is_wrong(check, answer, words):
    assert words in refusal(check, answer)


def test_every_check_is_tested_with_two_wrong_answers():
    checks = [value for name, value in vars(exercises).items() if name.startswith("check_")]
    for check in checks:
        assert sum(one is check for one, *_ in WRONG) >= 2


def test_an_answer_in_other_clothes_is_right_too(capsys):
    exercises.check_leak(pd.Index(["017"]))
    exercises.check_leak({"017"})
    exercises.check_percentile(np.float64(98))
    exercises.check_in_order(lambda names: (names.sort(key=number), names)[1])
    assert capsys.readouterr().out.count("✓ Right") == 4
