"""Figures of notebook 05: samples, one step of the sampling, and how far samples are from slices.

Those that a slider redraws have fixed margins: working out a layout takes as long as the drawing.
"""

from collections.abc import Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from vqgen_utils.plots.prior import draw_foot
from vqgen_utils.plots.slices import draw_slice, whole_numbers


def row(images: Sequence[np.ndarray], titles: Sequence[str], below: str) -> Figure:
    """A few slices (H, W) in [0, 1] side by side, each with its title, and a line `below` all."""
    width, n = 9.5, len(images)
    height = width / n * min(1.5, images[0].shape[1] / images[0].shape[0]) + 0.55
    figure = Figure(figsize=(width, height))
    top, bottom = 1 - 0.25 / height, 0.25 / height
    axes = figure.subplots(1, n, squeeze=False)[0]
    figure.subplots_adjust(left=0.005, right=0.995, bottom=bottom, top=top, wspace=0.03)
    figure.text(0.5, bottom / 2, below, fontsize=10, ha="center", va="center")
    for ax, image, title in zip(axes, images, titles, strict=True):
        draw_slice(ax, image, title)
    return figure


def step(
    image: np.ndarray,
    ranks: np.ndarray,
    position: tuple[int, int],
    p: np.ndarray,
    drawn: int,
    patches: np.ndarray,
) -> Figure:
    """The state of a drawing just before one code is written: slice, codes, the next code's odds.

    Args:
        image: (H, W) in [0, 1], the slice decoded so far.
        ranks: (h, w), the rank of each code from dark to bright, 0 to K - 1; NaN where none is yet.
        position: (i, j) on the grid, the next in reading order.
        p: (K,), the probability of each rank at that position.
        drawn: the rank that was drawn there.
        patches: (K, s, s), how the code of each rank looks when decoded.
    """
    figure = Figure(figsize=(9.5, 4.7))
    axes = figure.subplot_mosaic([["slice", "codes"], ["odds", "odds"]], height_ratios=(1.5, 1))
    figure.subplots_adjust(left=0.07, right=0.99, bottom=0.1, top=0.94, wspace=0.04, hspace=0.1)
    left, right, below = axes.values()
    k, cell, done = len(p), len(image) // len(ranks), np.isfinite(ranks).sum()
    draw_slice(left, image, f"{done} of {ranks.size} codes drawn, decoded")
    mark_cell(left, position, cell)
    next_one = f"next: column {position[0]} from the left, row {position[1]} from the bottom"
    draw_slice(right, ranks, next_one, cmap="viridis", vmin=0, vmax=k - 1)
    blank = {"facecolor": "0.95", "edgecolor": "0.8", "hatch": "//", "zorder": -1}
    right.add_patch(Rectangle((-0.5, -0.5), *ranks.shape, **blank))
    mark_cell(right, position)

    top = max(0.3, 1.2 * float(p.max()))
    below.stairs(p, np.arange(k + 1) - 0.5, fill=True, color="0.35")
    colours = (-0.5, k - 0.5, -0.07 * top, 0)  # of the map, as the foot of the bars
    below.imshow(np.arange(k)[None], cmap="viridis", extent=colours, aspect="auto")
    draw_foot(below, np.concatenate(patches), -0.2 * top, -0.07 * top)
    below.plot(drawn, p[drawn] + 0.05 * top, "rv", label=f"drawn here: p = {p[drawn]:.2g}")
    says = "codes from dark to bright; at the foot of each bar its colour, and the code decoded"
    below.set(xlabel=says, ylabel="probability", ylim=(-0.2 * top, top))
    whole_numbers(below.xaxis)
    below.legend(fontsize=8)
    return figure


def mark_cell(ax: Axes, position: tuple[int, int], side: int = 1) -> None:
    """A red square with a white rim around a grid cell that is `side` pixels wide."""
    corner = (position[0] * side - 0.5, position[1] * side - 0.5)
    for color, width in (("white", 3.5), ("red", 1.8)):
        ax.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=color, linewidth=width))


def distance_strips(groups: dict[str, np.ndarray], xlabel: str) -> Figure:
    """A row of dots a group, its median as an upright line: name -> distances (n,)."""
    figure = Figure(figsize=(9, 0.6 * len(groups) + 0.9), layout="constrained")
    ax = figure.subplots()
    for row, (values, marker) in enumerate(zip(groups.values(), cycle("osD^v"), strict=False)):
        spread = row + 0.25 * np.sin(2.4 * np.arange(len(values)))  # so that dots do not hide dots
        ax.plot(values, spread, marker, markersize=4, alpha=0.6, markeredgewidth=0)
        ax.vlines(np.median(values), row - 0.38, row + 0.38, color="black", linewidth=2)
    ax.set_yticks(range(len(groups)), groups, fontsize=9)
    ax.set(xlabel=xlabel, xlim=(0, None), ylim=(len(groups) - 0.5, -0.5))
    ax.grid(axis="x", alpha=0.3)
    return figure
