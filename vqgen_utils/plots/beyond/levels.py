"""Figures of notebook 11: what each level of codes leaves, and what it holds."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from vqgen_utils.plots.slices import axes_grid, draw_slice

TIMES = 5  # that a difference of pixels is drawn as bright as it is


def left_over(x: np.ndarray, x_hats: dict[str, np.ndarray]) -> Figure:
    """A slice (H, W) and its reconstructions by name, and below each what is left of the slice."""
    figure, axes = axes_grid(2, 1 + len(x_hats), x.shape)
    draw_slice(axes[0, 0], x, "the slice")
    axes[1, 0].axis("off")
    axes[1, 0].text(0.5, 0.5, f"what is left\n(× {TIMES})", ha="center", va="center")
    for (above, below), (name, x_hat) in zip(axes[:, 1:].T, x_hats.items(), strict=True):
        error = np.abs(x_hat - x)
        draw_slice(above, x_hat, name)
        draw_slice(below, TIMES * error, f"mean {error.mean():.4f}")
    return figure


def exchanged(
    pictures: dict[str, np.ndarray], names: Sequence[str], top: int, bottom: int
) -> Figure:
    """The top codes of one slice with the bottom codes of another, between the two of them.

    Args:
        pictures: model -> (n, n, H, W), decoded: the first n says whose top, the second whose
            bottom. A row of the figure is a model.
        names: n, of those whose slices they are.
        top, bottom: whose codes are put together.
    """
    shape = next(iter(pictures.values())).shape[2:]
    figure, axes = axes_grid(len(pictures), 3, shape, width=9.5)
    for row, (model, decoded) in zip(axes, pictures.items(), strict=True):
        mixed, both = decoded[top, bottom], (decoded[top, top], decoded[bottom, bottom])
        far = [np.abs(mixed - own).mean() for own in both]
        draw_slice(row[0], both[0], f"both levels of\n{names[top]}")
        away = f"{far[0]:.3f} and {far[1]:.3f} away"
        draw_slice(row[1], mixed, f"left's top, right's bottom:\n{away}")
        draw_slice(row[2], both[1], f"both levels of\n{names[bottom]}")
        row[0].text(
            -0.04, 0.5, model, transform=row[0].transAxes, rotation=90, ha="right", va="center"
        )
    return figure
