"""Figures of notebook 04: what a position sees, and what it expects."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from vqgen_utils.plots.slices import draw_slice


def receptive_fields(fields: dict[str, np.ndarray], position: tuple[int, int]) -> Figure:
    """What a position sees, one panel a network; its title says what it misses and what it leaks.

    Drawn in reading order (row 0 at the top), not as anatomy. Crosses: allowed but missed. Rings:
    seen, though it is the position itself or comes after it.

    Args:
        fields: title -> (H, W), 1 where it sees, 0.5 where it may see and does not, 0 elsewhere.
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
        ax.set_title(f"{title}\n{says}", fontsize=9)
        ax.set(xticks=[], yticks=[], anchor="S")  # titles grow upwards
        height, width = field.shape
        thin = {"color": "gray", "linewidth": 0.3}  # between the cells, one a code
        ax.vlines(np.arange(0.5, width - 1), -0.5, height - 0.5, **thin)
        ax.hlines(np.arange(0.5, height - 1), -0.5, width - 0.5, **thin)
    return figure


def distributions(
    slices: Sequence[np.ndarray], positions: Sequence[tuple[int, int]], bars: Sequence[np.ndarray],
    true: Sequence[int], stride: int,
) -> Figure:  # fmt: skip
    """The prior's next-code distribution at a few positions of a slice.

    Args:
        slices: n slices (H, W), one a position.
        positions: n (row, column) on the code grid.
        bars: n (K,) probabilities.
        true: n codes that really stand there.
        stride: pixels a code covers.
    """
    figure = Figure(figsize=(11, 1.7 * len(slices)), layout="constrained")
    axes = figure.subplots(len(slices), 2, width_ratios=(1, 2.2), squeeze=False)
    for (left, right), image, (i, j), p, code in zip(
        axes, slices, positions, bars, true, strict=True
    ):
        draw_slice(left, image)
        left.plot((i + 0.5) * stride, (j + 0.5) * stride, "s", mfc="none", mec="red", markersize=9)
        right.bar(range(len(p)), p, width=1.0)
        right.plot(code, p[code], "rv", label=f"true code {code}: p = {p[code]:.2f}")
        right.set(ylabel="probability", ylim=(0, max(0.3, float(p.max()) * 1.2)))
        right.legend(fontsize=8)
    axes[-1, 1].set_xlabel("code")
    return figure
