"""The widget of notebook 10: what a bit is worth, and which codes that leaves."""

import ipywidgets
import pandas as pd

from vqgen_utils.plots.beyond import alphabets
from vqgen_utils.teaching.widgets.panel import panel
from vqgen_utils.teaching.widgets.samples import stops


def price(plane: alphabets.Plane, prices: pd.DataFrame, weight: float) -> ipywidgets.VBox:
    """Move the price of a bit, and see cells vanish, bits fall and the error grow.

    Args:
        plane: a codebook of two numbers a code, and vectors.
        prices: `plots.beyond.alphabets.price_list` of both; the slider stops at its weights.
        weight: where it begins.
    """
    return panel(
        lambda weight: alphabets.priced(plane, weight, prices),
        "The plane of a codebook, cut into cells, and what each price of a bit costs.",
        {"weight": stops("a bit is worth, as a share of the spread", list(prices.index), weight)},
    )
