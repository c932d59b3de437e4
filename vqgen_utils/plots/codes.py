"""Figures of notebook 03: how codes are used, what they look like, what they mean."""

from collections.abc import Sequence
from itertools import cycle

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from vqgen_utils.evaluation.codes import Atlas, neighbours
from vqgen_utils.plots.slices import axes_grid, draw_slice, whole_numbers

BETWEEN = "lightsteelblue"  # around small patches, since they may be black, white or gray
GAPS = matplotlib.colormaps["gray"].with_extremes(bad=BETWEEN)


def usage(counts: np.ndarray, perplexity: float) -> Figure:
    """How often each code is used, most used first, beside an even share."""
    share = np.sort(counts[counts > 0])[::-1] / counts.sum()
    figure = Figure(figsize=(10, 2.8), layout="constrained")
    ax = figure.subplots()
    ax.plot(range(1, len(share) + 1), 100 * share, "o", markersize=3, label="a code")
    ax.axhline(100 / len(counts), color="black", linestyle="--", label="even share")
    ax.set(xlabel="codes, most used first", ylabel="share of positions (%)", yscale="log")
    ax.yaxis.set_major_formatter("{x:g}")
    whole_numbers(ax.xaxis)
    ax.set_title(f"{len(share)} of {len(counts)} codes used, perplexity {perplexity:.1f}")
    ax.legend(fontsize=8)
    return figure


def perplexity_by_size(sizes: Sequence[int], samples: np.ndarray, whole: float) -> Figure:
    """What batches of growing size say about one and the same codebook.

    Args:
        sizes: slices counted, S of them.
        samples: (S, draws), the perplexity of each random batch.
        whole: the perplexity of all slices together.
    """
    figure = Figure(figsize=(7, 3), layout="constrained")
    ax = figure.subplots()
    low, high = np.percentile(samples, [5, 95], axis=1)
    ax.fill_between(sizes, low, high, alpha=0.25, label="nine batches in ten")
    ax.plot(sizes, samples.mean(1), "o-", label="mean over batches")
    ax.axhline(whole, color="black", linestyle="--", label="all held-out slices")
    ax.set(xscale="log", xlabel="slices counted", ylabel="perplexity (codes)")
    ax.set_title("the same codebook, counted on batches of growing size")
    ax.set_xticks(sizes, [str(size) for size in sizes])
    ax.minorticks_off()
    ax.legend(fontsize=8)
    return figure


def code_maps(
    images: Sequence[np.ndarray], ranks: Sequence[np.ndarray], number: int, titles=()
) -> Figure:
    """Slices above their code grids.

    Args:
        images: n slices (H, W) in [0, 1].
        ranks: n grids (h, w), the brightness rank of the code at each position.
        number: of codes.
        titles: of the slices.
    """
    figure, axes = axes_grid(2, len(images), images[0].shape, together=0.85)
    for column, (image, grid) in enumerate(zip(images, ranks, strict=True)):
        draw_slice(axes[0, column], image, titles[column] if titles else "")
        draw_slice(axes[1, column], grid, cmap="viridis", vmin=0, vmax=number - 1)
    bar = figure.colorbar(axes[1, -1].images[0], ax=axes, ticks=[0, number - 1], shrink=0.8)
    bar.ax.set_yticklabels(["darkest", "brightest"])
    bar.set_label("rank of the code", labelpad=-30)
    return figure


def patch_sheets(sheets: dict[str, np.ndarray], columns: int = 32) -> Figure:
    """Sheets of small patches under each other, in reading order: title -> (K, s, s) in [0, 1]."""
    number, side, _ = next(iter(sheets.values())).shape
    step, rows = side + 1, -(-number // columns)  # a gap of one pixel around each patch
    figure = Figure(figsize=(11, (11 * rows / columns + 0.3) * len(sheets)), layout="constrained")
    axes = figure.subplots(len(sheets), 1, squeeze=False)[:, 0]
    for ax, (title, patches) in zip(axes, sheets.items(), strict=True):
        sheet = np.full((columns * step + 1, rows * step + 1), np.nan)
        for place, patch in enumerate(patches):
            row, column = divmod(place, columns)
            left, bottom = column * step + 1, (rows - 1 - row) * step + 1
            sheet[left : left + side, bottom : bottom + side] = patch
        draw_slice(ax, sheet, title, cmap=GAPS)
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
    names = sorted(set(groups))
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(names)))
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    ax = figure.subplots()
    for marker, colour, name in zip(cycle("osD^vPX*"), colours, names, strict=False):
        chosen = np.array([group == name for group in groups])
        ax.scatter(
            *points[chosen].T, s=sizes[chosen], marker=marker, color=colour, alpha=0.8, label=name
        )
    ax.set(xlabel="first principal component", ylabel="second principal component", title=title)
    ax.legend(fontsize=8)
    return figure


def draw_patch(ax: Axes, patch: np.ndarray, x: float, y: float, wide: float, high: float) -> None:
    """A small patch (s, s) in [0, 1], its middle at (x, y), in the units of the axes."""
    box = (x - wide / 2, x + wide / 2, y - high / 2, y + high / 2)
    gray = {"cmap": "gray", "vmin": 0, "vmax": 1, "interpolation": "nearest"}
    ax.imshow(patch.T, origin="lower", extent=box, aspect="auto", zorder=2, **gray)


def patch_plane(points: np.ndarray, patches: np.ndarray, title: str) -> Figure:
    """Small patches (n, s, s) in [0, 1], each at its point (n, 2) of a plane."""
    figure = Figure(figsize=(10, 5.5), layout="constrained")
    ax = figure.subplots(subplot_kw={"facecolor": BETWEEN})
    wide, high = np.maximum(np.ptp(points, axis=0), 1e-3) * (0.025, 0.055)  # about square
    for (x, y), patch in zip(points, patches, strict=True):
        draw_patch(ax, patch, x, y, wide, high)
    (left, bottom), (right, top) = points.min(0), points.max(0)
    ax.set(xlim=(left - wide, right + wide), ylim=(bottom - high, top + high), title=title)
    ax.set(xlabel="first principal component", ylabel="second principal component")
    return figure


def outline_cells(
    ax: Axes, cells: Sequence[tuple[int, int]], side: int, color: str = "red"
) -> None:
    """Squares around grid positions (i, j), `side` pixels wide, of a drawn slice."""
    squares = [Rectangle((i * side - 0.5, j * side - 0.5), side, side) for i, j in cells]
    ax.add_collection(PatchCollection(squares, facecolor="none", edgecolor=color, linewidth=1.2))


def edit(
    before: np.ndarray, after: np.ndarray, i: int, j: int, stride: int, titles: Sequence[str]
) -> Figure:
    """A slice before and after the code at (i, j) was changed, and the difference.

    Args:
        before, after: (H, W) in [0, 1].
        i, j: position on the grid; a red square marks it.
        stride: pixels a code covers along each axis.
        titles: of the two slices.
    """
    figure = Figure(figsize=(11, 2.1))
    axes = [figure.add_axes((left, 0.02, 0.295, 0.86)) for left in (0.005, 0.31, 0.615)]
    change = np.abs(after - before)
    draw_slice(axes[0], before, titles[0])
    draw_slice(axes[1], after, titles[1])
    scale = max(0.05, float(change.max()))
    draw_slice(axes[2], change, "what changed", cmap="viridis", vmax=scale)
    for ax in (axes[0], axes[2]):
        outline_cells(ax, [(i, j)], stride)
    draw_bar(figure, axes[2], (0.918, 0.1, 0.01, 0.7), "brightness")
    return figure


def cell_at(figure: Figure, x: float, y: float, stride: int) -> tuple[int, int] | None:
    """The grid position (i, j) at a point of an `edit` that has been drawn; None beside its slices.

    Args:
        x, y: the point, 0 to 1 from the left and from the top.
        stride: pixels a code covers along each axis.
    """
    point = figure.transFigure.transform((x, 1 - y))
    for ax in figure.axes[:3]:
        i, j = ax.transData.inverted().transform(point) + 0.5  # a pixel's middle is a whole number
        width, height = ax.images[0].get_array().shape
        if 0 <= i < height and 0 <= j < width:
            return int(i // stride), int(j // stride)
    return None


def draw_bar(figure: Figure, ax: Axes, box: tuple, label: str) -> None:
    """The colour scale of the picture in `ax`, in a box (left, bottom, width, height)."""
    bar = figure.colorbar(ax.images[0], cax=figure.add_axes(box))
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=8)


def codebook_page(atlas: Atlas, code: int) -> Figure:
    """All about one code: where it stands, how it looks, its tissues, the codes most like it."""
    figure = Figure(figsize=(11, 3.3))  # places are fixed: a layout engine would take longer
    left, middle, right, below = (
        figure.add_axes(box)
        for box in (
            (0.005, 0.34, 0.335, 0.56), (0.35, 0.34, 0.335, 0.56),
            (0.825, 0.43, 0.16, 0.45), (0.005, 0.01, 0.98, 0.29),
        )
    )  # fmt: skip
    example, where = int(atlas.example[code]), 100 * atlas.where[code].numpy()  # (h, w)
    title = f"code {code} ({int(atlas.counts[code])} uses) in the slice that uses it most"
    draw_slice(left, atlas.images[example], title)
    cells = (atlas.codes[example] == code).nonzero().tolist()
    outline_cells(left, cells, atlas.images.shape[1] // atlas.codes.shape[1])
    draw_slice(middle, where, "where it stands", cmap="viridis", vmax=max(1.0, where.max()))
    draw_bar(figure, middle, (0.692, 0.4, 0.01, 0.44), "% of slices")
    draw_tissue_shares(right, atlas.tissues, code)
    draw_patches(below, atlas, code)
    return figure


def draw_tissue_shares(ax: Axes, tissues: pd.DataFrame | None, code: int) -> None:
    """Bars of a code's tissues, a line where each tissue stands anywhere: counts (tissues, K)."""
    ax.set_title("tissue here (bar),\nanywhere (line)", fontsize=10)
    if tissues is None:
        ax.axis("off")
        ax.text(0.5, 0.5, "no labels", ha="center", va="center")
        return
    at = np.arange(len(tissues))[::-1]  # the first at the top
    ax.barh(at, 100 * tissues[code] / max(1, tissues[code].sum()))
    ax.plot(100 * tissues.sum(axis=1) / tissues.to_numpy().sum(), at, "k|", markersize=11)
    ax.set_yticks(at, tissues.index, fontsize=8)
    ax.set_xticks([0, 50, 100], ["0", "50", "100 %"], fontsize=8)
    ax.set_xlim(0, 102)


def draw_patches(ax: Axes, atlas: Atlas, code: int, number: int = 6) -> None:
    """A code decoded alone and in use, then the `number` codes nearest to it, in use."""
    like = neighbours(atlas.distance, code)[:number]
    shown = [("decoded alone", atlas.alone[code]), ("in use", atlas.in_use[code])]
    shown += [(f"code {k} at {atlas.distance[code, k]:.2g}", atlas.in_use[k]) for k in like]
    for place, (name, patch) in enumerate(shown):
        x = place + (0.4 if place > 1 else 0)  # a gap between the code and the others
        draw_patch(ax, patch.numpy(), x, 0.6, 0.5, 0.72)
        ax.text(x, 0.12, name, fontsize=8, ha="center", va="center")
    ax.text(1.7, 0.6, "nearest\ncodes:", fontsize=8, ha="center", va="center")
    ax.set(xlim=(-0.6, len(shown)), ylim=(0, 1), xticks=[], yticks=[], facecolor=BETWEEN)
