"""Learning curves that grow while training runs."""

import time
from collections.abc import Sequence

import numpy as np
import pandas as pd
from IPython.display import Image, display

from vqgen_utils import plots


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

    def __call__(self, rows: list[dict[str, float]]) -> None:
        """Draw the history so far, given row by row, if the last picture is old enough."""
        if time.monotonic() - self.drawn >= self.seconds:
            self.draw(pd.DataFrame(rows))

    def draw(self, history: pd.DataFrame) -> None:
        """Draw the history at once; call it after `fit` for the last state."""
        picture = Image(plots.to_png(plots.training.loss_curves(history, self.terms, self.unit)))
        metadata = {"image/png": {"alt": self.alt}}
        if self.handle is None:
            self.handle = display(picture, metadata=metadata, display_id=True)
        else:
            self.handle.update(picture, metadata=metadata)
        self.drawn = time.monotonic()
