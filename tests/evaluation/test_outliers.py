"""Doctored slices, and how oddity is scored."""

import numpy as np
import pytest

from vqgen_utils.data.phantom import render_slice
from vqgen_utils.evaluation import outliers

PAIRS = [render_slice(patient, 0, 28) for patient in range(4)]
IMAGES = np.stack([image[::2, ::2] / image.max() for image, _ in PAIRS])  # (4, 128, 64)
LABELS = np.stack([labels[::2, ::2] for _, labels in PAIRS])


@pytest.mark.parametrize("name", outliers.CHANGES)
def test_a_changed_slice_is_a_slice_and_another(name):
    changed, which = outliers.change_all(IMAGES, LABELS, outliers.CHANGES[name])
    assert len(changed) == len(which) > 0
    assert changed.dtype == np.float32
    assert changed.min() >= 0 and changed.max() <= 1
    assert all(np.abs(new - IMAGES[n]).max() > 0.2 for new, n in zip(changed, which, strict=True))


def test_an_implant_is_dark_and_local():
    changed, which = outliers.change_all(IMAGES, LABELS, outliers.implant)
    difference = np.abs(changed - IMAGES[which]) > 0.01
    assert 0.005 < difference.mean() < 0.1


def test_slices_without_the_structure_are_left_out():
    changed, which = outliers.change_all(IMAGES, np.ones_like(LABELS), outliers.implant)
    assert changed.shape == (0, 128, 64) and len(which) == 0
    assert len(outliers.change_all(IMAGES, np.ones_like(LABELS), outliers.no_bladder)[1]) == 0


def test_a_fault_is_found_where_the_oddest_place_lies_on_it():
    before = np.zeros((2, 64, 32))
    changed, bits = before.copy(), np.zeros((2, 16, 8))
    changed[:, 40:48, 8:12] = 1  # codes 10 and 11 down, 2 across
    bits[0, 8:13, 0:5] = 1  # around it
    bits[1, 0:5, 3:8] = 1
    assert outliers.found(bits, changed, before).tolist() == [True, False]


def test_surprise_finds_a_small_odd_place_that_the_mean_would_miss():
    bits = np.random.default_rng(0).exponential(2, (20, 32, 16))
    odd = bits.copy()
    odd[:, 10:15, 5:10] += 6
    assert outliers.surprise(odd).min() > outliers.surprise(bits).max()
    assert outliers.auroc(outliers.surprise(odd), outliers.surprise(bits)) == 1


def test_auroc_of_known_orders():
    assert outliers.auroc(np.array([3, 4]), np.array([1, 2])) == 1
    assert outliers.auroc(np.array([1, 2]), np.array([1, 2])) == 0.5
    assert outliers.auroc(np.array([1, 4]), np.array([2, 3])) == 0.5


def test_the_oddest_place_is_where_it_was_made_odd():
    bits = np.random.default_rng(0).exponential(2, (3, 32, 16))
    bits[:, 10:15, 5:10] += 6
    assert np.abs(outliers.oddest_place(bits) - [12, 7]).max() <= 1


def test_sets_are_ranked_by_their_mean_and_by_their_oddest_place():
    usual = np.random.default_rng(0).exponential(2, (40, 32, 16))
    spot = usual[:20] * np.random.default_rng(1).uniform(0.9, 1.0, (20, 1, 1))
    spot[:, 10:15, 5:10] += 6
    table = outliers.rank({"spot": spot, "all": usual + 3, "none": usual[:0]}, usual)
    assert list(table.index) == ["spot", "all"]
    assert table.loc["spot", "auroc_place"] > 0.95 > table.loc["spot", "auroc_mean"]
    assert table.loc["all", "auroc_mean"] == 1
    assert table.loc["all", "slices"] == 40


def test_what_is_too_cheap_is_odd_to_the_two_sided_score_alone():
    usual = np.random.default_rng(0).exponential(2, (40, 8, 8))
    cheap = usual[:10] / 20
    assert outliers.rank({"cheap": cheap}, usual).loc["cheap", "auroc_mean"] == 0
    assert outliers.auroc_two_sided(cheap, usual, float(usual.mean())) == 1


def test_the_head_is_shown_whole_in_any_frame():
    for shape in ((128, 64), (96, 96)):
        head = outliers.head_slices(shape)
        assert head.shape[1:] == shape and len(head) >= 10
        assert head.min() >= 0 and head.max() <= 1
        there = head > 0.2
        assert 0.1 < there.mean() < 0.9
