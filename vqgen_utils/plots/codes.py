"""Figures of notebook 03: how codes are used, what they look like, what they mean."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from vqgen_utils.plots.slices import axes_grid, draw_slice


def code_maps(images: Sequence[np.ndarray], codes: Sequence[np.ndarray], number: int) -> Figure:
    """Slices above their code grids; a code's colour is its number, of `number` codes in all."""
    figure, axes = axes_grid(2, len(images), images[0].shape)
    for column, (image, grid) in enumerate(zip(images, codes, strict=True)):
        draw_slice(axes[0, column], image)
        draw_slice(axes[1, column], grid, cmap="viridis", vmin=0, vmax=number - 1)
    figure.colorbar(axes[1, -1].images[0], ax=axes[1, :], label="code", shrink=0.9)
    return figure


def patch_sheets(sheets: dict[str, np.ndarray], columns: int = 32) -> Figure:
    """Sheets of small patches under each other, in reading order: title -> (K, 4, 4) in [0, 1]."""
    figure = Figure(figsize=(11, 2.0 * len(sheets)), layout="constrained")
    axes = figure.subplots(len(sheets), 1, squeeze=False)[:, 0]
    for ax, (title, patches) in zip(axes, sheets.items(), strict=True):
        number, side, _ = patches.shape
        step, rows = side + 1, -(-number // columns)  # a gap of one pixel around each patch
        sheet = np.full((columns * step + 1, rows * step + 1), np.nan)
        for place, patch in enumerate(patches):
            row, column = divmod(place, columns)
            left, bottom = column * step + 1, (rows - 1 - row) * step + 1
            sheet[left : left + side, bottom : bottom + side] = patch
        draw_slice(ax, sheet, title)
    return figure


def usage(counts: np.ndarray, perplexity: float) -> Figure:
    """How often each code is used, most used first, beside an even share."""
    share = np.sort(counts)[::-1] / counts.sum()
    figure = Figure(figsize=(10, 2.8), layout="constrained")
    ax = figure.subplots()
    ax.bar(range(len(share)), 100 * share, width=1.0)
    ax.axhline(100 / len(share), color="black", linestyle="--", label="even share")
    ax.set(xlabel="codes, most used first", ylabel="share of positions (%)")
    ax.set_title(f"{(counts > 0).sum()} of {len(counts)} codes used, perplexity {perplexity:.1f}")
    ax.legend(fontsize=8)
    return figure


def heatmap(table: pd.DataFrame, xlabel: str, ylabel: str, label: str) -> Figure:
    """A table of numbers as a picture."""
    figure = Figure(figsize=(10, 0.28 * len(table) + 1.3), layout="constrained")
    ax = figure.subplots()
    image = ax.imshow(table.to_numpy(float), cmap="viridis", aspect="auto", interpolation="nearest")
    step = max(1, table.shape[1] // 32)
    ax.set_xticks(range(0, table.shape[1], step), table.columns[::step], fontsize=7, rotation=90)
    ax.set_yticks(range(len(table)), table.index, fontsize=8)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    figure.colorbar(image, ax=ax, label=label)
    return figure


def scatter(points: np.ndarray, sizes: np.ndarray, groups: Sequence[str], title: str) -> Figure:
    """Points (n, 2) with a marker a group."""
    figure = Figure(figsize=(7, 5), layout="constrained")
    ax = figure.subplots()
    for marker, group in zip("osD^vPX*", sorted(set(groups)), strict=False):
        chosen = np.array([g == group for g in groups])
        ax.scatter(*points[chosen].T, s=sizes[chosen], marker=marker, alpha=0.7, label=group)
    ax.set(xlabel="first principal component", ylabel="second principal component", title=title)
    ax.legend(fontsize=8)
    return figure
