"""Widget of notebook 04: what a position of a PixelCNN sees."""

import ipywidgets
from matplotlib.figure import Figure

from vqgen_utils import plots
from vqgen_utils.teaching.demos import receptive_field
from vqgen_utils.teaching.widgets.panel import choice, panel, slider

GRID, POSITION = (20, 35), (16, 17)  # (h, w) and (row, column): room for 8 layers of kernel 5


def receptive_field_figure(network: str, layers: int, kernel_size: int) -> Figure:
    """What the middle position of one of `receptive_field.NETWORKS` sees at a depth and kernel."""
    seen = receptive_field.NETWORKS[network](layers, kernel_size, GRID, POSITION)
    field = receptive_field.seen_and_missed(seen, layers, kernel_size, POSITION)
    figure = plots.prior.receptive_fields({f"{network}, depth {layers}": field}, POSITION)
    figure.set_size_inches(7, 4.7)
    return figure


def receptive_field_explorer() -> ipywidgets.VBox:
    """Choose a network, its depth and its kernel, and see what its middle position sees."""
    return panel(
        receptive_field_figure,
        "A grid of codes: what the marked position sees, what it misses, what it must not see.",
        {
            "network": choice("network", list(receptive_field.NETWORKS)),
            "layers": slider("layers", 4, 8, 1, live=True),
            "kernel_size": choice("kernel", [3, 5]),
        },
    )
