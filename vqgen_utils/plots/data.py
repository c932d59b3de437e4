"""Figures of notebook 01: labels, intensities, patients."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from vqgen_utils.plots.slices import axes_grid, draw_slice

LABEL_NAMES = ("background", "body", "bone", "bladder", "rectum", "prostate")


def label_overlay(images: Sequence[np.ndarray], labels: Sequence[np.ndarray]) -> Figure:
    """Slices above the same slices with their tissues drawn in, and the key beside them.

    Args:
        images: n slices (H, W) in [0, 1].
        labels: n label slices (H, W), integers 0-5.
    """
    figure, axes = axes_grid(2, len(images), images[0].shape)
    tissues = len(LABEL_NAMES)
    for column, (image, label) in enumerate(zip(images, labels, strict=True)):
        draw_slice(axes[0, column], image)
        draw_slice(axes[1, column], image)
        masked = np.ma.masked_less(label, 1)
        axes[1, column].imshow(
            masked.T, origin="lower", cmap="viridis", vmin=0, vmax=tissues - 1, alpha=0.6
        )
    mappable = axes[1, -1].images[-1]
    bar = figure.colorbar(mappable, ax=axes[1, :], ticks=range(tissues), shrink=0.9)
    bar.ax.set_yticklabels([f"{value} {name}" for value, name in enumerate(LABEL_NAMES)])
    bar.ax.tick_params(labelsize=7)
    return figure


def intensity_histograms(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> Figure:
    """Histograms of a few volumes as stored and as scaled: name -> voxel values."""
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    axes = figure.subplots(1, 2)
    for ax, values, title in ((axes[0], before, "as stored"), (axes[1], after, "scaled to [0, 1]")):
        for style, (name, voxels) in zip(("-", "--", ":", "-."), values.items(), strict=False):
            ax.hist(voxels, bins=120, histtype="step", label=name, linestyle=style)
        ax.set(yscale="log", xlabel="intensity", ylabel="voxels", title=title)
        ax.legend(fontsize=8)
    return figure


def bar_counts(table: pd.DataFrame, xlabel: str, ylabel: str) -> Figure:
    """A bar a row of `table`, its columns stacked on each other."""
    figure = Figure(figsize=(10, 2.8), layout="constrained")
    ax = figure.subplots()
    at, below = np.arange(len(table)), np.zeros(len(table))
    for number, column in enumerate(table.columns):
        hatch = ("", "//", "..")[number % 3]
        ax.bar(at, table[column], 1.0, below, label=str(column), hatch=hatch, edgecolor="white")
        below = below + table[column].to_numpy()
    step = max(1, len(table) // 24)
    ax.set_xticks(at[::step], table.index[::step], fontsize=8)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.legend(fontsize=8, loc="lower left")
    return figure
