"""Widget of notebook 13: from smooth to sharp by hand."""

from collections.abc import Callable

import ipywidgets
from matplotlib.figure import Figure

from vqgen_utils.teaching.widgets.panel import panel, slider
from vqgen_utils.teaching.widgets.samples import stops


def dials(
    draw: Callable[[int, float, float, int], Figure], slices: int, number: int
) -> ipywidgets.VBox:
    """Choose a slice, how far to believe the critic, and how loud the noise is.

    Args:
        draw: number of a slice, share of the critic's weights, strength and seed of the noise ->
            figure.
        slices: how many there are.
        number: of the slice shown first.
    """
    return panel(
        draw,
        "A slice, what is painted of its codes, and a piece of both, enlarged.",
        {
            "number": slider("slice, by place", number, slices - 1),
            "share": stops("weights of the critic's decoder", [0.0, 0.25, 0.5, 0.75, 1.0], 1.0),
            "strength": stops("strength of the noise", [0.0, 0.5, 1.0, 2.0, 4.0], 1.0),
            "seed": slider("seed of the noise", 0, 9),
        },
    )
