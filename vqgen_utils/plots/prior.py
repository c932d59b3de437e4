"""Figures of notebook 04: what a position sees, and what it expects."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from vqgen_utils.plots.slices import draw_slice


def receptive_fields(fields: dict[str, np.ndarray], position: tuple[int, int]) -> Figure:
    """What a position sees, one panel a model: title -> (H, W), 1 seen, 0.5 allowed but missed, 0.

    Drawn in reading order (row 0 at the top), not as anatomy.
    """
    figure = Figure(figsize=(3.4 * len(fields), 2.6), layout="constrained")
    axes = figure.subplots(1, len(fields), squeeze=False)[0]
    for ax, (title, field) in zip(axes, fields.items(), strict=True):
        ax.imshow(field, cmap="cividis", vmin=0, vmax=1, interpolation="nearest")
        missed = np.argwhere(field == 0.5)
        ax.plot(missed[:, 1], missed[:, 0], "x", color="white", markersize=4)
        ax.plot(position[1], position[0], "s", color="red", markersize=6)
        ax.set_title(title, fontsize=9)
        ax.set(xticks=[], yticks=[])
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
