"""The rules of anatomy keep real pelves and catch what is wrong with others."""

import numpy as np
import pandas as pd
import pytest

from vqgen_utils.data.phantom import render_slice
from vqgen_utils.evaluation import anatomy

HIP, PROSTATE = 28, 20  # slices through the hip joints, and through the prostate
BONE, BLADDER, RECTUM = 2, 3, 4


def labels(patient: int, number: int) -> np.ndarray:
    return render_slice(patient, 0, number)[1][::2, ::2].copy()


@pytest.fixture(scope="module")
def real():
    """What thirty patients show around the two levels."""
    where = [(p, n) for p in range(30) for n in (HIP - 1, HIP, HIP + 1, PROSTATE)]
    maps = np.stack([labels(*one) for one in where])
    return anatomy.measure_all(maps, np.array([n / 59 for _, n in where]))


def broken_rules(tissues: np.ndarray, number: int, real) -> set[str]:
    judged = anatomy.judge_slices(anatomy.measure_all(tissues[None], [number / 59]), real).iloc[0]
    assert judged["all"] == judged[list(anatomy.RULES)].all()
    return {rule for rule in anatomy.RULES if not judged[rule]}


@pytest.mark.parametrize("patient", range(30, 42))
@pytest.mark.parametrize("number", [HIP, PROSTATE])
def test_a_patient_never_seen_keeps_every_rule(patient, number, real):
    assert broken_rules(labels(patient, number), number, real) == set()


def test_a_body_in_two_pieces_breaks_the_first_rule(real):
    tissues = labels(30, HIP)
    tissues[62:66] = 0
    assert "one body" in broken_rules(tissues, HIP, real)


def test_a_missing_rectum_is_missed(real):
    tissues = labels(30, PROSTATE)
    tissues[tissues == RECTUM] = 1
    assert broken_rules(tissues, PROSTATE, real) >= {"organs present"}


def test_a_bladder_where_there_is_none_is_noticed(real):
    tissues = labels(30, HIP)
    low = labels(31, 2)  # through the thighs
    low[50:60, 30:40] = BLADDER
    thighs = np.stack([labels(p, 2) for p in range(30)])
    there = anatomy.measure_all(thighs, np.full(30, 2 / 59))
    assert "organs absent" in broken_rules(low, 2, there)
    assert "organs absent" not in broken_rules(tissues, HIP, real)


def test_front_and_back_exchanged_breaks_the_order(real):
    assert "order" in broken_rules(labels(30, PROSTATE)[:, ::-1], PROSTATE, real)


def test_a_removed_femoral_head_breaks_the_joints_and_the_symmetry(real):
    tissues = labels(30, HIP)
    right = tissues[:64]
    right[right == BONE] = 1
    assert broken_rules(tissues, HIP, real) >= {"hip joints", "symmetry", "areas"}


def test_a_body_twice_too_small_breaks_the_areas(real):
    tissues = np.zeros((128, 64), np.uint8)
    tissues[32:96, 16:48] = labels(30, HIP)[::2, ::2]
    assert "areas" in broken_rules(tissues, HIP, real)


def test_an_empty_slice_is_judged_and_fails(real):
    assert "one body" in broken_rules(np.zeros((128, 64), np.uint8), HIP, real)


def test_a_joint_missing_in_the_first_real_slice_does_not_switch_the_rule_off():
    """What is usual is what most show, not what happens to stand first."""
    maps = np.stack([labels(p, HIP) for p in range(120)])
    right = maps[0, :64]
    right[right == BONE] = 1
    there = anatomy.measure_all(maps, np.full(120, HIP / 59))
    assert there["heads_right"].iloc[0] != there["heads_right"].mode().iloc[0]
    assert "hip joints" in broken_rules(maps[0], HIP, there)


def test_broken_rules_are_named():
    judged = pd.DataFrame([[True] * 7, [False, True, True, False, True, True, True]])
    judged.columns = anatomy.RULES
    assert anatomy.broken_rules(judged) == ["", "one body, order"]


def test_a_wider_tolerance_lets_pass_what_lies_a_little_outside(real):
    tissues = labels(30, PROSTATE)
    tissues[tissues == RECTUM] = BLADDER  # the bladder is too large
    judged = {
        "odd": anatomy.judge_slices(anatomy.measure_all(tissues[None], [PROSTATE / 59]), real)
    }
    needed = judged["odd"]["slack"].item()
    assert needed > anatomy.SLACK
    shares = [anatomy.shares_kept(judged, slack) for slack in (0.99 * needed, 1.01 * needed)]
    assert [table.loc["odd", "areas"] for table in shares] == [0, 1]
    assert shares[1].loc["odd", "all"] == 0  # it has no rectum


def test_the_shares_are_those_of_the_slices_that_keep_a_rule(real):
    maps = np.stack([labels(30, HIP), labels(31, HIP)[::-1, ::-1]])
    judged = anatomy.judge_slices(anatomy.measure_all(maps, [HIP / 59] * 2), real)
    rules = [*anatomy.RULES, "all"]
    assert (
        anatomy.shares_kept({"two": judged}).loc["two"].to_dict() == judged[rules].mean().to_dict()
    )
