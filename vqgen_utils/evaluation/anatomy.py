"""Does a slice obey the body? Rules on a map of tissues, with ranges taken from real patients.

Nothing about anatomy is written down as a number here. Each slice is measured (how much of each
tissue, how many femoral heads, what lies in front of what, how symmetric), and a rule compares the
measures with those of real training slices cut at nearly the same height. Real, reconstructed and
generated slices must all be measured by the same instrument, `domain.look_at`, whose own mistakes
then count against all of them alike.
"""

import numpy as np
import pandas as pd
from scipy import ndimage

from vqgen_utils.data.tissues import BONE, ORGANS, TISSUES
from vqgen_utils.evaluation.domain import Rounds

NEAR = 0.04  # slices within this much of a height are what it is compared with
PRESENT = 0.002  # an organ is there when it takes this share of the body, about ten pixels
SLACK = 0.3  # a share may leave the range seen by this part of it: other patients are other people
HEAD_RADIUS = 0.035  # of the picture's length: bone that survives an opening by this is a joint


def measure(tissues: np.ndarray) -> dict[str, float]:
    """What can be counted on one map of tissues.

    Args:
        tissues: (H, W) integers 0-5, axes (right to left, back to front).

    Returns:
        parts: pieces of body, crumbs left out; body and each organ: shares of the picture and of
        the body; bladder_y ...: an organ's centre from back to front, NaN where absent;
        heads_right, heads_left: round bones on each side; right_bone: share of the bone that lies
        right of the middle; symmetry: overlap of the outline with its mirror image, 0 to 1.
    """
    inside = tissues > 0
    area = max(1, inside.sum())
    regions, _ = ndimage.label(inside)
    sizes = np.bincount(regions.ravel())[1:]
    measures = {"parts": int((sizes > 0.01 * area).sum()), "body": inside.mean()}
    for organ in ORGANS:
        where = tissues == TISSUES.index(organ)
        measures[organ] = where.sum() / area
        there = measures[organ] >= PRESENT
        measures[f"{organ}_y"] = np.nonzero(where)[1].mean() if there else np.nan
    measures |= _bones(tissues == BONE, inside)
    measures["symmetry"] = _symmetry(inside)
    return measures


def _bones(bone: np.ndarray, inside: np.ndarray) -> dict[str, float]:
    """Bone right and left of the body's middle; a joint is what an opening by a disc leaves."""
    radius = max(1, round(HEAD_RADIUS * bone.shape[0]))
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    regions, number = ndimage.label(ndimage.binary_opening(bone, x**2 + y**2 <= radius**2))
    middle = np.nonzero(inside)[0].mean() if inside.any() else 0
    joints = [np.nonzero(regions == n)[0].mean() for n in range(1, number + 1)]
    right = sum(row < middle for row in joints)
    where = np.nonzero(bone)[0]
    share = (where < middle).mean() if len(where) else 0.5
    return {"heads_right": right, "heads_left": number - right, "right_bone": share}


def _symmetry(inside: np.ndarray) -> float:
    """Overlap (intersection over union) of a mask (H, W) with its mirror image, right for left."""
    if not inside.any():
        return 0.0
    rows = np.nonzero(inside.any(1))[0]
    body = inside[rows[0] : rows[-1] + 1]
    return (body & body[::-1]).sum() / (body | body[::-1]).sum()


def measure_all(tissues: np.ndarray, heights: np.ndarray) -> pd.DataFrame:
    """`measure` of each map (N, H, W), with its height in [0, 1] as a column."""
    return pd.DataFrame([measure(one) for one in tissues]).assign(height=np.asarray(heights))


RULES = ("one body", "organs present", "organs absent", "order", "areas", "hip joints", "symmetry")


def judge_slices(measured: pd.DataFrame, real: pd.DataFrame) -> pd.DataFrame:
    """Which rules each slice keeps.

    Args:
        measured: `measure_all` of the slices in question, at the heights they should have.
        real: `measure_all` of real training slices.

    Returns:
        (N rows, the columns of RULES), True where a rule is kept; `all`; and `slack`, the SLACK
        from which on the slice keeps the rule "areas".
    """
    pairs = [(one, _near(real, one["height"])) for _, one in measured.iterrows()]
    kept = pd.DataFrame([rules_kept(*pair) for pair in pairs], index=measured.index)
    needed = [slack_of_areas(*pair) for pair in pairs]
    return kept.assign(all=kept.all(axis=1), slack=needed)


def shares_kept(judged: dict[str, pd.DataFrame], slack: float = SLACK) -> pd.DataFrame:
    """The share of slices that keep each rule, with another tolerance of the rule "areas" if given.

    Args:
        judged: name -> `judge_slices`.
        slack: 0 or more; at 0 each area must lie in the range seen.

    Returns:
        a row a set, the columns of RULES, and `all`; 0 to 1.
    """
    kept = {
        name: some[list(RULES)].assign(areas=some["slack"] <= slack)
        for name, some in judged.items()
    }
    return pd.DataFrame(
        {name: some.assign(all=some.all(axis=1)).mean() for name, some in kept.items()}
    ).T


def broken_rules(judged: pd.DataFrame) -> list[str]:
    """The rules that each slice breaks, in words: N texts, "" for a slice that keeps all."""
    kept = judged[list(RULES)].to_numpy()
    return [", ".join(np.array(RULES)[~row]) for row in kept]


def _near(real: pd.DataFrame, height: float) -> pd.DataFrame:
    """The real slices cut at about this height; never fewer than twenty."""
    away = (real["height"] - height).abs()
    return real[away <= max(NEAR, away.nsmallest(20).iloc[-1])]


def rules_kept(one: pd.Series, near: pd.DataFrame) -> dict[str, bool]:
    """Rule by rule: what one slice measures, against real slices cut near its height."""
    always = [organ for organ in ORGANS if (near[organ] >= PRESENT).mean() >= 0.99]
    never = [organ for organ in ORGANS if (near[organ] < PRESENT).all()]
    behind = one["rectum_y"]
    return {
        "one body": one["parts"] == 1,
        "organs present": all(one[organ] >= PRESENT for organ in always),
        "organs absent": all(one[organ] < 2 * PRESENT for organ in never),
        # a comparison with NaN, an absent organ, is False
        "order": not any(one[f"{organ}_y"] < behind for organ in ("bladder", "prostate")),
        "areas": slack_of_areas(one, near) <= SLACK,
        "hip joints": all(
            _as_usual(one[side], near[side]) for side in ("heads_right", "heads_left")
        ),
        "symmetry": one["symmetry"] >= near["symmetry"].min() - 0.02
        and slack_of(one["right_bone"], near["right_bone"]) <= SLACK,
    }


def _as_usual(value: float, seen: pd.Series) -> bool:
    """Whether a count is the one seen in all real slices, or they do not agree on one."""
    usual = seen.mode().iloc[0]
    return value == usual or (seen == usual).mean() < 0.99


def slack_of_areas(one: pd.Series, near: pd.DataFrame) -> float:
    """The slack that the area least like those of the slices near by needs; below 0 well inside."""
    return max(slack_of(one[name], near[name]) for name in ("body", *ORGANS))


def slack_of(value: float, seen: pd.Series) -> float:
    """How far a share lies outside the range seen, in widths of it, but for what is nothing."""
    low, high = seen.min(), seen.max()
    outside = max(low - value, value - high) - PRESENT
    return outside / max(high - low, 1e-9)


def judge_rounds(
    sets: dict[str, Rounds], heights: np.ndarray, real: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """`judge_slices` of every slice of each set, round after round.

    Args:
        sets: name -> rounds.
        heights: (n,) that the slices of a round should have.
        real: `measure_all` of real training slices.
    """
    return {
        name: judge_slices(
            measure_all(some.reading.tissues, np.tile(heights, len(some.slices))), real
        )
        for name, some in sets.items()
    }
