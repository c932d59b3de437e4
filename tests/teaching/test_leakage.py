"""The copycat: what it may remember under each split, and what it answers."""

import numpy as np
import pandas as pd
import pytest

from vqgen_utils.teaching.demos import leakage

SPLIT = ["train"] * 30 + ["validate"] * 4 + ["test"] * 6
INDEX = pd.DataFrame({"split": SPLIT})
TEST = np.flatnonzero(INDEX["split"] == "test")
POOL = np.flatnonzero(INDEX["split"] != "validate")


def test_by_patient_only_training_slices_are_remembered():
    seen = leakage.hold_out_patients(INDEX)
    assert seen.shape == (6, 40)
    assert (seen == (INDEX["split"] == "train").to_numpy()).all()


@pytest.mark.parametrize("seed", range(5))
def test_dealt_out_all_but_the_own_hand_is_remembered(seed):
    seen = leakage.deal_slices(INDEX, seed)
    assert seen.shape == (6, 40)
    assert not seen[:, INDEX["split"] == "validate"].any()
    assert not seen[np.arange(6), TEST].any(), "the question itself is hidden"
    # 36 slices dealt into 6 hands of 6: never more to remember than under the split by patient
    assert (seen.sum(1) == 30).all()
    together = ~seen[:, TEST]  # (6, 6): two questions hide each other, or neither does
    assert (together == together.T).all()


def test_a_deal_is_the_seed_s_own():
    one, again, other = (leakage.deal_slices(INDEX, seed) for seed in (1, 1, 2))
    assert (one == again).all() and (one != other).any()


def test_a_large_test_set_still_leaves_half_to_remember():
    index = pd.DataFrame({"split": ["train"] * 2 + ["test"] * 8})
    assert (leakage.deal_slices(index, 0).sum(1) == 5).all()


def test_recall_finds_the_nearest_slice_that_may_be_seen():
    images = np.zeros((4, 2, 2), np.float16)
    images[:, 0, 0] = [0.0, 0.9, 0.35, 0.3]
    asked = np.array([0, 3])
    seen = np.array([[False, True, True, False], [True, True, False, False]])
    # by distance alone, slice 3 is nearest to 0 and slice 2 to 3
    assert leakage.recall(images, asked, seen).tolist() == [2, 0]


def test_a_patient_who_comes_back_is_found_when_dealt_out_and_never_by_patient():
    """Two weeks of each patient, alike but for noise: what the notebook shows, in the small."""
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(40), 2)
    images = rng.random((40, 6, 4))[patients] + 0.02 * rng.standard_normal((80, 6, 4))
    index = pd.DataFrame({"split": np.where(patients < 30, "train", "test")})
    asked = np.flatnonzero(index["split"] == "test")
    same = {
        name: (patients[leakage.recall(images, asked, seen)] == patients[asked]).mean()
        for name, seen in (
            ("by patient", leakage.hold_out_patients(index)),
            ("dealt out", leakage.deal_slices(index, 0)),
        )
    }
    assert same["by patient"] == 0 and same["dealt out"] > 0.5
