"""Figures of notebook 13: a decoder and its critics, how much detail and how much of it is true."""

from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from vqgen_utils.plots.evaluation import BLUE, MARKERS, ORANGE
from vqgen_utils.plots.slices import axes_grid, draw_slice, whole_numbers

STYLES = ("-", "--", ":", "-.")


def game(history: pd.DataFrame, joined: int, cannot_tell: float) -> Figure:
    """The decoder's error (left) and what the critics pay (right), step by step.

    Args:
        history: with step, truth and critics; a column has NaN where it was not measured.
        joined: the step at which the critics joined.
        cannot_tell: what critics pay that can do no better than chance.
    """
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    axes = figure.subplots(1, 2, sharex=True)
    columns = {"truth": "against the true slices", "critics": "hinge loss of the critics"}
    for ax, (column, label) in zip(axes, columns.items(), strict=True):
        rows = history.dropna(subset=column) if column in history else history.iloc[:0]
        ax.plot(rows["step"], rows.get(column, []), color=BLUE)
        ax.set(xlabel="step", ylabel=label)
        whole_numbers(ax.xaxis)
        ax.grid(alpha=0.3)
    for ax in axes:
        ax.axvline(joined, color="black", linestyle=":", label=f"critics join: step {joined:,}")
    axes[0].set_ylim(0, None)
    axes[1].axhline(cannot_tell, color=ORANGE, linestyle="--", label="they cannot tell")
    axes[1].set_ylim(0, None)
    for ax in axes:
        ax.legend(fontsize=8)
    return figure


def by_octave(panels: dict[str, pd.DataFrame]) -> Figure:
    """Measures by octave, a panel each, a line a set; the line at 1 is as in real slices.

    Args:
        panels: what is measured -> a row a set, a column an octave, the finest first.
    """
    figure = Figure(figsize=(5.4 * len(panels), 3.4), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for ax, (name, table) in zip(axes, panels.items(), strict=True):
        at = np.arange(table.shape[1])
        for (row, values), marker, style in zip(
            table.iterrows(), cycle(MARKERS), cycle(STYLES), strict=False
        ):
            ax.plot(at, values, marker, linestyle=style, markersize=7, label=row)
        ax.axhline(1, color="black", linewidth=1)
        ax.set_xticks(at, [octave.replace(" pixels", "") for octave in table.columns], fontsize=9)
        ax.set(xlabel="length of a wave in pixels, the finest first", ylabel=name)
        ax.set_ylim(0, max(1.15, 1.1 * float(np.nanmax(table.to_numpy(), initial=1))))
        ax.grid(alpha=0.3)
    axes[-1].legend(fontsize=9)
    return figure


def plane(ways: dict[str, pd.DataFrame], xlabel: str, ylabel: str) -> Figure:
    """How far from the truth, and how far from what looks real: a line a dial, a point a setting.

    Args:
        ways: name of a dial -> rows with setting (a word), distortion and perception; the lower
            either is, the better.
        xlabel, ylabel: what distortion and perception are here.
    """
    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    ax = figure.subplots()
    for (name, rows), marker, style, above in zip(
        ways.items(), cycle(MARKERS), cycle(STYLES), cycle((True, False)), strict=False
    ):
        ax.plot(rows["distortion"], rows["perception"], marker, linestyle=style, label=name)
        for _, row in rows.iterrows():
            ax.annotate(
                str(row["setting"]), (row["distortion"], row["perception"]),
                xytext=(4, 5 if above else -12), textcoords="offset points", fontsize=8,
            )  # fmt: skip
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.margins(0.12)
    ax.grid(alpha=0.3)
    ax.legend(fontsize=9)
    return figure


def dialled(x: np.ndarray, painted: np.ndarray, title: str, corner: tuple[int, int]) -> Figure:
    """A slice, what a decoder paints of its codes, and a piece of both at twice the size.

    Args:
        x, painted: (H, W) in [0, 1].
        title: of what is painted.
        corner: row and column where the piece begins; its sides are half of the slice's.
    """
    piece = tuple(slice(at, at + size // 2) for at, size in zip(corner, x.shape, strict=True))
    figure, axes = axes_grid(2, 2, x.shape, width=9.0, together=0.95)
    words = (("the slice", title), ("a piece of it", "the same piece"))
    for row, of, titles in zip(
        axes, ((x, painted), (x[piece], painted[piece])), words, strict=True
    ):
        for ax, image, written in zip(row, of, titles, strict=True):
            draw_slice(ax, image, written)
    return figure


def warned(x: np.ndarray, painted: np.ndarray, differs: np.ndarray, wrong: np.ndarray) -> Figure:
    """A slice and a painting of its codes, and, on one scale, two maps of what may be wrong.

    Args:
        x, painted: (H, W) in [0, 1].
        differs: (H, W), how far paintings with other seeds differ.
        wrong: (H, W), how far this one is from the slice.
    """
    figure, axes = axes_grid(2, 2, x.shape, width=9.0)
    draw_slice(axes[0, 0], x, "the slice")
    draw_slice(axes[0, 1], painted, "painted from its codes")
    most = max(float(np.percentile(some, 99.5)) for some in (differs, wrong)) or 1.0
    titles = ("differs between seeds", "differs from the slice")
    for ax, some, title in zip(axes[1], (differs, wrong), titles, strict=True):
        draw_slice(ax, some, title, cmap="viridis", vmax=most)
    figure.colorbar(axes[1, 1].images[0], ax=axes[1], shrink=0.8, extend="max")
    return figure
