"""Learning curves that grow while training runs."""

import time
from collections.abc import Sequence

import numpy as np
import pandas as pd
from IPython.display import HTML, display

from vqgen_utils import plots
from vqgen_utils.plots.display import as_html


class LivePlot:
    """Learning curves that grow while training runs, and stay as a figure when it ends.

    Give it to `fit` as `report`; it draws at most every `seconds`, so it costs next to nothing.

    Args:
        terms: columns of the history to draw.
        unit: of the y axis.
        alt: what is drawn, for those who cannot see it; where the curves begin and end is added.
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
        figure = plots.training.loss_curves(history, self.terms, self.unit)
        first, last = history.iloc[0], history.iloc[-1]
        ways = ", ".join(f"{term} {first[term]:.3g} to {last[term]:.3g}" for term in self.terms)
        alt = f"{self.alt} Step {first['step']:.0f} to {last['step']:.0f}: {ways} ({self.unit})."
        picture = HTML(as_html(plots.to_png(figure), alt))
        if self.handle is None:
            self.handle = display(picture, display_id=True)
        else:
            self.handle.update(picture)
        self.drawn = time.monotonic()
