"""Figures of notebook 04: what a position sees, and what it expects."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vqgen_utils.plots.slices import axes_grid, draw_slice, mark_reading_order, whole_numbers


def receptive_fields(fields: dict[str, np.ndarray], position: tuple[int, int]) -> Figure:
    """What a position sees, one panel a network; its title says what it misses and what it leaks.

    Drawn in reading order (row 0 at the top), not as anatomy. Crosses: allowed but missed. Rings:
    seen, though it is the position itself or comes after it.

    Args:
        fields: title -> (h, w), 1 where it sees, 0.5 where it may see and does not, 0 elsewhere.
        position: (row, column), drawn as a square.
    """
    figure = Figure(figsize=(3.6 * len(fields), 3.0), layout="constrained")
    axes = figure.subplots(1, len(fields), squeeze=False)[0]
    for ax, (title, field) in zip(axes, fields.items(), strict=True):
        ax.imshow(field, cmap="cividis", vmin=0, vmax=1, interpolation="nearest")
        place = np.arange(field.size).reshape(field.shape)  # number in reading order
        before = place < place[position]
        missed, leaked = np.argwhere(field == 0.5), np.argwhere((field == 1) & ~before)
        ax.plot(missed[:, 1], missed[:, 0], "x", color="white", markersize=4)
        ax.plot(position[1], position[0], "s", mfc="red", mec="white", markersize=6)
        ax.plot(leaked[:, 1], leaked[:, 0], "o", mfc="none", mec="black", markersize=8)
        allowed = max(1, np.isin(field, (0.5, 1))[before].sum())
        says = f"misses {len(missed) / allowed:.1%} of what it may see"
        if len(leaked):
            says += f"\nand sees {len(leaked)} that it must not"
        ax.set_title(f"{title}\n{says}", fontsize=10)
        ax.set(xticks=[], yticks=[], anchor="S")  # titles grow upwards
        mark_reading_order(ax, (1, 0), (0, -1))
        height, width = field.shape
        thin = {"color": "gray", "linewidth": 0.3}  # between the cells, one a code
        ax.vlines(np.arange(0.5, width - 1), -0.5, height - 0.5, **thin)
        ax.hlines(np.arange(0.5, height - 1), -0.5, width - 0.5, **thin)
    return figure


def bits_beside_slice(image: np.ndarray, bits: np.ndarray, mean: np.ndarray, title: str) -> Figure:
    """A slice (H, W), what each of its codes costs (h, w), and the mean of many slices (h, w)."""
    figure, axes = axes_grid(1, 3, image.shape)
    figure.set_figheight(figure.get_figheight() + 0.5)
    draw_slice(axes[0, 0], image, f"a slice, {title}")
    for ax, cost, name in zip(axes[0, 1:], (bits, mean), ("its bits", "bits, mean"), strict=True):
        draw_slice(ax, cost, name, cmap="viridis", vmin=0, vmax=None)
        figure.colorbar(ax.images[0], ax=ax, shrink=0.7, label="bits a code")
        mark_reading_order(ax, (0, 1), (1, 0))
    return figure


def distributions(
    image: np.ndarray,
    positions: Sequence[tuple[int, int]],
    bars: Sequence[np.ndarray],
    true: Sequence[int],
    patches: np.ndarray,
) -> Figure:
    """The prior's next-code distribution at a few positions of a slice, codes from dark to bright.

    Args:
        image: (H, W) in [0, 1].
        positions: n (row, column) on the code grid.
        bars: n (K,) probabilities.
        true: n codes that really stand there.
        patches: (K, s, s), how each code looks when decoded; s pixels a code along each axis.
    """
    order, stride = patches.mean((1, 2)).argsort(), patches.shape[1]  # (K,), the darkest first
    rank = order.argsort()  # (K,)
    foot = np.concatenate(patches[order])  # (K * s, s), the patches side by side
    figure = Figure(figsize=(11, 1.8 * len(bars)), layout="constrained")
    axes = figure.subplots(len(bars), 2, width_ratios=(1, 2.2), squeeze=False)
    for (left, right), (i, j), p, code in zip(axes, positions, bars, true, strict=True):
        draw_slice(left, image)
        mark_reading_order(left, (0, 1), (1, 0))
        left.plot((i + 0.5) * stride, (j + 0.5) * stride, "s", mfc="none", mec="red", markersize=9)
        top = max(0.3, float(p.max()) * 1.2)
        right.bar(range(len(p)), p[order], width=1.0)
        right.plot(rank[code], p[code], "rv", label=f"true code {code}: p = {p[code]:.2f}")
        draw_foot(right, foot, -0.1 * top, 0)
        whole_numbers(right.xaxis)
        right.set(ylabel="probability", ylim=(-0.1 * top, top))
        right.legend(fontsize=8)
    axes[-1, 1].set_xlabel("codes from dark to bright, each decoded at the foot of its bar")
    return figure


def draw_foot(ax: Axes, foot: np.ndarray, bottom: float, top: float) -> None:
    """The patches of K codes, side by side (K * s, s), below their bars, from `bottom` to `top`."""
    place = (-0.5, len(foot) // foot.shape[1] - 0.5, bottom, top)
    ax.imshow(foot.T, cmap="gray", vmin=0, vmax=1, origin="lower", extent=place, aspect="auto")
