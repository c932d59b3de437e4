"""Notebook 14: a test for the reader. Which of these slices are real?"""

import ipywidgets
import numpy as np
from scipy import stats

from vqgen_utils.plots.beyond import together
from vqgen_utils.teaching.widgets.panel import WIDE, panel


def blind_test(sets: list[tuple[np.ndarray, np.ndarray]]) -> ipywidgets.VBox:
    """Mark the slices that look real, then open the answers; the score is kept over all sets.

    Args:
        sets: each (n, H, W) slices in [0, 1] and (n,) whether each is real.
    """
    kept: dict[int, tuple[int, int]] = {}  # set -> how many were right, of how many
    score = ipywidgets.HTML()
    which = ipywidgets.Dropdown(
        options=[(f"{number} of {len(sets)}", number) for number in range(1, len(sets) + 1)],
        description="set",
        style=WIDE,
    )
    marked = ipywidgets.SelectMultiple(
        options=range(1, len(sets[0][0]) + 1), rows=10, description="real (several)", style=WIDE
    )
    opened = ipywidgets.ToggleButton(description="open the answers")

    def draw(which: int, marked: tuple[int, ...], opened: bool):
        slices, real = sets[which - 1]
        if opened:  # the first answer counts: afterwards one knows
            kept.setdefault(which, (together.right_ones(real, marked), len(real)))
        score.value = in_words(kept)
        return together.blind(list(slices), real, marked, opened)

    def begin(_change) -> None:
        opened.value, marked.value = False, ()

    which.observe(begin, names="value")
    picture = panel(
        draw,
        "Numbered slices, some real and some drawn.",
        {"which": which, "marked": marked, "opened": opened},
    )
    return ipywidgets.VBox([picture, score])


def in_words(kept: dict[int, tuple[int, int]]) -> str:
    """The score of all sets so far, and how often guessing does as well."""
    right, number = (sum(part) for part in zip(*kept.values(), strict=True)) if kept else (0, 0)
    if not number:
        return "No set is opened yet. Your first answer to each set counts."
    luck = stats.binom.sf(right - 1, number, 0.5)
    return (
        f"So far {right} of {number} right. Who throws a coin for each slice gets {number / 2:g} "
        f"on average, and {right} or more in {luck:.1%} of all tries."
    )
