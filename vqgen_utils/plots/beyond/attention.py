"""Figures of notebook 12: where it costs, what a longer look saves, where attention looks."""

from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from vqgen_utils.plots.codes import outline_cells
from vqgen_utils.plots.slices import axes_grid, draw_slice, mark_reading_order, whole_numbers

STYLES = (("-", "o"), ("--", "s"), (":", "D"), ("-.", "^"), ("-", "v"))


def seen(image: np.ndarray, fields: dict[str, np.ndarray], position: tuple[int, int]) -> Figure:
    """What a position sees of a slice: bright what it sees, gray what it does not, black the rest.

    Args:
        image: (H, W) in [0, 1].
        fields: name -> (h, w), 1 seen, 0.5 drawn before and not seen, 0 yet to be drawn.
        position: (row, column), the red square.
    """
    figure, axes = axes_grid(1, len(fields), image.shape, width=min(11.0, 5.5 * len(fields)))
    figure.set_figheight(figure.get_figheight() + 0.4)
    for ax, (name, field) in zip(axes[0], fields.items(), strict=True):
        share = (field == 1).sum() / max(1, (field > 0).sum())
        side = image.shape[0] // field.shape[0]
        light = np.kron(np.choose((2 * field).astype(int), [0, 0.35, 1]), np.ones((side, side)))
        draw_slice(ax, light * (0.3 + 0.7 * image), f"{name}: sees {share:.0%}\nof what was drawn")
        outline_cells(ax, [position], side)
    mark_reading_order(axes[0, 0], (0, 1), (1, 0))
    return figure


def halves(bits: dict[str, np.ndarray]) -> Figure:
    """What lines of codes cost from the edge to the middle: drawn first, and their mirror images.

    Args:
        bits: title of a panel -> (h,), mean bits a code of each line of the grid, in the order in
            which they are drawn; all panels have one scale.
    """
    figure = Figure(figsize=(3.6 * len(bits) + 0.6, 3.2), layout="constrained")
    axes = figure.subplots(1, len(bits), sharey=True, squeeze=False)[0]
    for ax, (title, lines) in zip(axes, bits.items(), strict=True):
        half = len(lines) // 2
        at = np.arange(1, half + 1)
        ax.plot(at, lines[:half], "-o", color="#0072b2", ms=4, label="half drawn first")
        ax.plot(at, lines[::-1][:half], "--s", color="#d55e00", ms=4, label="half drawn last")
        saved = lines[:half].mean() - lines[::-1][:half].mean()
        words = "fewer" if saved >= 0 else "more"
        ax.set_title(f"{title}:\nlast half {abs(saved):.2f} {words} bits a code", fontsize=10)
        ax.set(xlabel="line of codes, edge to middle")
        whole_numbers(ax.xaxis)
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("bits a code")
    axes[0].legend(fontsize=8)
    return figure


def against_seconds(histories: dict[str, pd.DataFrame]) -> Figure:
    """Bits a code on validation slices against seconds of training, a line a way.

    Args:
        histories: name -> of `training.fit`, losses in nats, with `val_loss`.
    """
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    ax = figure.subplots()
    for (name, rows), (style, marker) in zip(histories.items(), cycle(STYLES), strict=False):
        looks = rows.dropna(subset="val_loss")
        bits = looks["val_loss"] / np.log(2)
        label = f"{name}: {bits.iloc[-1]:.3f}"
        ax.plot(looks["seconds"], bits, style, marker=marker, ms=5, label=label)
    ax.set(xlabel="seconds of training", ylabel="bits a code, validation")
    ax.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=9)
    return figure


def where_it_looks(
    image: np.ndarray, weights: np.ndarray, position: tuple[int, int], reach: int
) -> Figure:
    """A slice with the position that asks, and how strongly each head listens to each position.

    Args:
        image: (H, W) in [0, 1].
        weights: (heads, h, w), each head's sum to 1; row i of the stack stands for the codes of
            row i - 1, and is drawn there: what stands at row 0 has no code, and is left out.
        position: (row, column) of the code that is to be guessed; red. White: its mirror image.
        reach: rows up that the layers see without attention, after the one that the entrance adds.
    """
    heads, height, width = weights.shape
    i, j = position
    side = image.shape[0] // height
    figure, axes = axes_grid(1, heads + 1, image.shape)
    figure.set_figheight(figure.get_figheight() + 0.5)
    draw_slice(axes[0, 0], image, f"asked at line {i + 1},\nplace {j + 1}")
    outline_cells(axes[0, 0], [position], side)
    outline_cells(axes[0, 0], [(height - 1 - i, j)], side, "white")
    for number, (ax, head) in enumerate(zip(axes[0, 1:], weights, strict=True), start=1):
        codes = np.concatenate([head[1:], np.zeros((1, width), head.dtype)])  # (h, w)
        far = codes[: max(0, i - reach - 1)].sum()
        draw_slice(
            ax, codes, f"head {number}: {far:.0%}\nbeyond the layers", cmap="viridis", vmax=None
        )
        outline_cells(ax, [position], 1)
        outline_cells(ax, [(height - 1 - i, j)], 1, "white")
    mark_reading_order(axes[0, 0], (0, 1), (1, 0))
    return figure
