"""What a leak is worth: the score of a copycat under a split by patient and one dealt by slice.

The copycat stores slices and answers each question with the nearest of them. It knows nothing about
anatomy, so whatever its score gains when patients are on both sides of a split is no skill, and
any network that can memorise may gain it too.
"""

import numpy as np
import pandas as pd


def hold_out_patients(index: pd.DataFrame) -> np.ndarray:
    """Which slices may be remembered for each test slice, if whole patients are held out.

    Args:
        index: N rows, one a slice, with the column `split`.

    Returns:
        (n, N) bool, n the number of test slices: the slices of "train".
    """
    split = index["split"].to_numpy()
    return np.tile(split == "train", ((split == "test").sum(), 1))


def deal_slices(index: pd.DataFrame, seed: int) -> np.ndarray:
    """Which slices may be remembered for each test slice, if slices are dealt out at random.

    The slices of "train" and "test" are dealt into hands of at least the size of "test", and each
    hand is held out in turn (cross-validation by slice). So the questions are those of
    `hold_out_patients`, and about as many slices are remembered, whoever they come from.

    Args:
        index: N rows, one a slice, with the column `split`.
        seed: of the deal.

    Returns:
        (n, N) bool, n the number of test slices: all of them but those in the question's own hand.
    """
    split = index["split"].to_numpy()
    test, dealt = split == "test", np.isin(split, ("train", "test"))  # (N,), (N,)
    hands = max(2, dealt.sum() // max(1, test.sum()))
    hand = np.full(len(index), -1)  # (N,)
    hand[dealt] = np.random.default_rng(seed).permutation(dealt.sum()) % hands
    return dealt & (hand[test][:, None] != hand)  # (n, N)


def recall(images: np.ndarray, asked: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The copycat's answers: the nearest slice it has seen, by squared difference of pixels.

    Args:
        images: (N, H, W) in [0, 1].
        asked: (n,) positions of the questions in `images`.
        seen: (n, N) bool, what may be remembered for each question; at least one slice.

    Returns:
        (n,) positions in `images`.
    """
    pixels = images.reshape(len(images), -1).astype(np.float32)  # (N, H * W)
    # |a - b|^2 without |a|^2, which is the same for every candidate b
    distance = (pixels**2).sum(1) - 2 * pixels[asked] @ pixels.T  # (n, N)
    return np.where(seen, distance, np.inf).argmin(1)
