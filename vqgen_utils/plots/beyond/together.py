"""Notebook 14: every variant on every measure, and slices to tell real ones from drawn ones."""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from vqgen_utils.plots.evaluation import BLUE
from vqgen_utils.plots.slices import sheet, short

PANELS_A_ROW = 4


def variants(panels: dict[str, pd.DataFrame], asked: dict[str, tuple[float, float]]) -> Figure:
    """Variants on several measures, each with its interval, a panel a measure.

    Args:
        panels: title -> a row a variant, with mean, low and high; NaN: not measured.
        asked: title -> the range that was asked for; it is shaded. It may be infinite at one end.
    """
    names = next(iter(panels.values())).index
    rows = -(-len(panels) // PANELS_A_ROW)
    figure = Figure(figsize=(12, rows * (0.28 * len(names) + 0.9)), layout="constrained")
    axes = figure.subplots(rows, PANELS_A_ROW, sharey=True, squeeze=False)
    at = np.arange(len(names))
    for ax in axes.flat[len(panels) :]:
        ax.remove()
    for ax, (title, table) in zip(axes.flat, panels.items(), strict=False):
        ax.hlines(at, table["low"], table["high"], color="0.4", linewidth=3)
        ax.plot(table["mean"], at, "o", color=BLUE, markersize=5)
        ax.margins(x=0.15)
        if title in asked:
            ends = np.clip(asked[title], *ax.get_xlim())
            ax.axvspan(*ends, color="0.85", zorder=0)
        ax.set_ylim(len(names) - 0.5, -0.5)
        ax.set_yticks(at, [short(str(name)) for name in names], fontsize=9, parse_math=False)
        ax.set_title(title, fontsize=10)
        ax.grid(axis="x", alpha=0.3)
    return figure


def blind(
    slices: Sequence[np.ndarray],
    real: Sequence[bool],
    marked: Collection[int] = (),
    opened: bool = False,
) -> Figure:
    """Numbered slices, some of them real; when it is opened, which, and how often one was right.

    Args:
        slices: n of (H, W) in [0, 1].
        real: n, whether each is a real one.
        marked: the numbers, from 1, that somebody takes for real.
        opened: whether the answers are shown.
    """
    titles = [str(number) for number in range(1, len(slices) + 1)]
    for n in range(len(slices)):
        taken = n + 1 in marked
        if opened:
            right = "right" if taken == bool(real[n]) else "wrong"
            titles[n] += f" {'real' if real[n] else 'drawn'}: {right}"
        elif taken:
            titles[n] += " (real?)"
    figure = sheet(slices, titles, columns=4)
    said = f"{len(marked)} marked as real"
    if opened:
        said = f"{right_ones(real, marked)} of {len(slices)} right"
    figure.suptitle(said, fontsize=11)
    return figure


def right_ones(real: Sequence[bool], marked: Collection[int]) -> int:
    """How many of n slices were taken for what they are, with those of these numbers as real."""
    return sum((n in marked) == bool(one) for n, one in enumerate(real, start=1))
