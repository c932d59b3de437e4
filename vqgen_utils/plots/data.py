"""Figures of notebook 01: labels, intensities, patients."""

from collections.abc import Sequence
from itertools import cycle

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from scipy.ndimage import distance_transform_edt

from vqgen_utils.data.tissues import BONE, TISSUES
from vqgen_utils.plots.slices import axes_grid, draw_slice, short, whole_numbers

_COLOURS = {"cmap": "viridis", "vmin": 0, "vmax": len(TISSUES) - 1, "alpha": 0.6}


def draw_tissues(ax: Axes, label: np.ndarray) -> None:
    """Tissues over a slice drawn before: each coloured and numbered once, the body outlined.

    Args:
        label: (H, W) integers 0-5, see `TISSUES`.
    """
    coloured = np.ma.masked_less(label, BONE)  # body, all the rest, stays grey
    ax.imshow(coloured.T, origin="lower", interpolation="nearest", **_COLOURS)
    body = label > 0
    if body.any() and not body.all():
        ax.contour(body.T, [0.5], colors="white", linewidths=0.8)
    for value in np.unique(label[label >= BONE]):
        depth = distance_transform_edt(label == value)  # the number goes where there is most room
        i, j = np.unravel_index(depth.argmax(), depth.shape)
        edge = [withStroke(linewidth=2, foreground="black")]
        ax.text(i, j, str(value), color="white", ha="center", va="center", path_effects=edge)


def _add_key(figure: Figure, where: str, labels: Sequence[np.ndarray]) -> None:
    """What `draw_tissues` drew of `labels`; the place `where` is in matplotlib's words."""
    colour = matplotlib.colormaps[_COLOURS["cmap"]].resampled(len(TISSUES))
    entries = [
        Patch(facecolor=colour(value), edgecolor="black", label=f"{value} {TISSUES[value]}")
        for value in range(BONE, len(TISSUES))
        if any((label == value).any() for label in labels)
    ]
    if entries:
        figure.legend(handles=entries, loc=where, ncols=len(entries), fontsize=9)


def label_overlay(images: Sequence[np.ndarray], labels: Sequence[np.ndarray]) -> Figure:
    """Slices above the same slices with their tissues drawn in, and the key below.

    Args:
        images: n slices (H, W) in [0, 1].
        labels: n label slices (H, W), integers 0-5.
    """
    figure, axes = axes_grid(2, len(images), images[0].shape)
    figure.set_figheight(figure.get_figheight() + 0.3)
    for column, (image, label) in enumerate(zip(images, labels, strict=True)):
        draw_slice(axes[0, column], image)
        draw_slice(axes[1, column], image)
        draw_tissues(axes[1, column], label)
    _add_key(figure, "outside lower center", labels)
    return figure


def one_slice(image: np.ndarray, label: np.ndarray | None, title: str) -> Figure:
    """A slice (H, W) in [0, 1] at a good size, with its tissues and their key if given.

    Laid out by hand: a slider waits for this picture.
    """
    height = 7 * min(1.0, image.shape[1] / image.shape[0])  # inches, and one more for title and key
    figure = Figure(figsize=(7, height + 1))
    ax = figure.add_axes((0, 0.55 / (height + 1), 1, height / (height + 1)))
    draw_slice(ax, image, title)
    if label is not None:
        draw_tissues(ax, label)
        _add_key(figure, "lower center", [label])
    return figure


def intensity_histograms(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> Figure:
    """Histograms of a few volumes as stored and as scaled: name -> voxel values."""
    before, after = (
        {name: voxels[np.isfinite(voxels)] for name, voxels in some.items()}
        for some in (before, after)
    )
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for ax, values, title in ((axes[0], before, "as stored"), (axes[1], after, "scaled to [0, 1]")):
        low = min(voxels.min() for voxels in values.values())
        high = max(voxels.max() for voxels in values.values())
        for style, (name, voxels) in zip(
            cycle(("-", "--", ":", "-.")), values.items(), strict=False
        ):
            share = np.full(voxels.size, 1 / voxels.size)
            look = {"histtype": "step", "linestyle": style, "linewidth": 1.3}
            look["label"] = short(name, 40).replace("$", r"\$")  # no formula
            ax.hist(voxels, bins=120, range=(low, high), weights=share, **look)
        ax.set(yscale="log", xlabel="intensity", title=title)
        ax.legend(fontsize=8)
    axes[0].set_ylabel("share of the voxels")
    return figure


def slices_and_histograms(versions: dict[str, np.ndarray], body: np.ndarray) -> Figure:
    """One slice in several versions, each shown up to its maximum, above its histogram.

    Args:
        versions: title -> (H, W), each with intensities of its own.
        body: (H, W) bool, the pixels to count.
    """
    figure, axes = axes_grid(2, len(versions), body.shape)
    figure.set_figheight(figure.get_figheight() + 0.5)
    for column, (title, image) in enumerate(versions.items()):
        low, high = min(0, image.min()), image.max()
        draw_slice(axes[0, column], image, title, vmin=low, vmax=high)
        axes[1, column].hist(image[body], bins=60, range=(low, high), color="0.35")
        axes[1, column].set(xlabel="intensity", yscale="log", ylim=(0.5, 2 * body.sum()))
    axes[1, 0].set_ylabel("pixels of the body")
    return figure


def bar_counts(table: pd.DataFrame, xlabel: str, ylabel: str) -> Figure:
    """A bar a row of `table`, its columns stacked on each other."""
    figure = Figure(figsize=(10, 2.8), layout="constrained")
    ax = figure.subplots()
    at, below = np.arange(len(table)), np.zeros(len(table))
    for number, column in enumerate(table.columns):
        hatch = ("", "//", "..")[number % 3]
        label = str(column) if table[column].any() else None  # the key names what is there
        ax.bar(at, table[column], 1.0, below, label=label, hatch=hatch, edgecolor="white")
        below = below + table[column].to_numpy()
    step = max(1, len(table) // 24)
    names = [short(name) for name in table.index[::step]]
    upright = sum(map(len, names)) > 110  # characters that fit side by side under the axis
    ax.set_xticks(at[::step], names, fontsize=8, rotation=90 if upright else 0, parse_math=False)
    figure.set_figheight(2.8 + 0.07 * max(map(len, names)) * upright)
    ax.set(xlabel=xlabel, ylabel=ylabel, xlim=(-0.5, len(table) - 0.5))
    whole_numbers(ax.yaxis)
    figure.legend(loc="outside upper right", ncols=len(table.columns), fontsize=8)
    return figure
