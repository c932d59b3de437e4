"""What moves in a notebook: the live loss plot, and controls on top of the pure plots.

Every widget stands under a static figure drawn by the same function, so a page without a kernel
loses the control and not the picture.
"""

import time
from collections.abc import Sequence

import ipywidgets
import numpy as np
import pandas as pd
import torch
from IPython.display import Image, display

from vqgen_utils import codebook, plots
from vqgen_utils.vqvae import VQVAE


class LivePlot:
    """Learning curves that grow while training runs, and stay as a figure when it ends.

    Give it to `fit` as `report`; it draws at most every `seconds`, so it costs next to nothing.

    Args:
        terms: columns of the history to draw.
        unit: of the y axis.
        alt: a text for those who cannot see the picture.
    """

    def __init__(self, terms: Sequence[str], unit: str, alt: str, seconds: float = 8.0):
        self.terms, self.unit, self.alt, self.seconds = terms, unit, alt, seconds
        self.drawn = -np.inf
        self.handle = None

    def __call__(self, history: pd.DataFrame) -> None:
        """Draw the history so far, if the last picture is old enough."""
        if time.monotonic() - self.drawn >= self.seconds:
            self.draw(history)

    def draw(self, history: pd.DataFrame) -> None:
        """Draw the history at once; call it after `fit` for the last state."""
        picture = Image(plots.to_png(plots.loss_curves(history, self.terms, self.unit)))
        metadata = {"image/png": {"alt": self.alt}}
        if self.handle is None:
            self.handle = display(picture, metadata=metadata, display_id=True)
        else:
            self.handle.update(picture, metadata=metadata)
        self.drawn = time.monotonic()


def swap_figure(model: VQVAE, codes: torch.Tensor, i: int, j: int, code: int):
    """A slice before and after one code is swapped, and the difference.

    Args:
        model: the trained VQ-VAE.
        codes: (h, w), the slice's grid.
        i, j: position on the grid.
        code: what to put there.
    """
    changed = codebook.swap(codes, i, j, code)
    before, after = model.decode(torch.stack([codes, changed]))[:, 0].numpy()
    difference = np.abs(after - before)
    return plots.slice_rows(
        {"": [before, after, difference / max(0.05, difference.max())]},
        [f"code {int(codes[i, j])} at ({i}, {j})", f"code {code} instead", "what changed"],
    )


def code_swap(model: VQVAE, codes: torch.Tensor) -> ipywidgets.Widget:
    """Choose a position and a code by slider, and see the decoded change."""
    height, width = codes.shape
    picture = ipywidgets.Image(format="png")

    def slider(value: int, maximum: int, name: str) -> ipywidgets.IntSlider:
        return ipywidgets.IntSlider(value, 0, maximum, description=name, continuous_update=False)

    row = slider(height // 2, height - 1, "row")
    column = slider(width // 2, width - 1, "column")
    code = slider(0, model.num_embeddings - 1, "code")

    def redraw(_change=None) -> None:
        figure = swap_figure(model, codes, row.value, column.value, code.value)
        picture.value = plots.to_png(figure)

    for control in (row, column, code):
        control.observe(redraw, names="value")
    redraw()
    return ipywidgets.VBox([ipywidgets.HBox([row, column, code]), picture])
