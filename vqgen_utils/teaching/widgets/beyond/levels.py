"""Widget of notebook 11: the top codes of one slice with the bottom codes of another."""

from collections.abc import Sequence

import ipywidgets
import numpy as np

from vqgen_utils.plots.beyond.levels import exchanged
from vqgen_utils.teaching.widgets.panel import panel


def exchange(pictures: dict[str, np.ndarray], names: Sequence[str]) -> ipywidgets.VBox:
    """Choose whose top codes and whose bottom codes are decoded together.

    Args:
        pictures, names: as for `plots.beyond.levels.exchanged`.
    """
    whose = [(name, number) for number, name in enumerate(names)]

    def chosen(label: str, value: int) -> ipywidgets.Dropdown:
        return ipywidgets.Dropdown(options=whose, value=value, description=label)

    return panel(
        lambda top, bottom: exchanged(pictures, names, top, bottom),
        "Two slices, and between them the top codes of one with the bottom codes of the other.",
        {"top": chosen("top of", 0), "bottom": chosen("bottom of", min(1, len(names) - 1))},
    )
