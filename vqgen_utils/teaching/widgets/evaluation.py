"""Widgets of notebooks 06 to 09.

A slice and its price, a set's scores, a rule's tolerance, an alarm, who is tested.
"""

from collections.abc import Callable

import ipywidgets
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from vqgen_utils import plots
from vqgen_utils.evaluation import anatomy
from vqgen_utils.teaching.widgets.panel import choice, panel, slider
from vqgen_utils.teaching.widgets.samples import stops


def kept_and_paid(
    x: np.ndarray, x_hat: np.ndarray, bits: np.ndarray, places: np.ndarray
) -> ipywidgets.VBox:
    """Walk along the scan: what each slice keeps, and what its codes cost.

    Args:
        x, x_hat: (n, H, W) in [0, 1], slices and reconstructions.
        bits: (n, h, w), of each code.
        places: (n,), 0 to 1.
    """
    order = np.argsort(places, kind="stable")
    return panel(
        lambda number: plots.evaluation.kept_and_paid(
            *(some[order[number]] for some in (x, x_hat, bits, places))
        ),
        "A slice, what is left of it, the difference, and what each of its codes costs.",
        {"number": slider("slice, by place", len(x) // 2, len(x) - 1, live=True)},
    )


def dial(
    judge: Callable[[float, int], pd.DataFrame], codes: int, labels: dict[str, str]
) -> ipywidgets.VBox:
    """Turn temperature and top-k, and see what they do to the scores of a set.

    Args:
        judge: temperature and top-k -> a row a set, a column a measure; the first row is the floor.
        codes: K.
        labels: measure -> what its axis says.
    """
    powers = [2**n for n in range(1, codes.bit_length()) if 2**n < codes]

    def draw(temperature: float, top_k: int) -> Figure:
        table = judge(temperature, top_k)
        return plots.evaluation.measure_panels(table, table.index[0], labels)

    return panel(
        draw,
        "Measures of the slices drawn with these settings, beside those of real slices.",
        {
            "temperature": stops("temperature", [0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.3], 1.0),
            "top_k": stops("top-k", [*powers, codes], codes),
        },
    )


def tolerance(judged: dict[str, pd.DataFrame]) -> ipywidgets.VBox:
    """Choose how far an area may leave the range seen, and see which sets keep the rules.

    Args:
        judged: name -> `anatomy.judge_slices`.
    """

    label = "areas may leave the range by (% of its width)"

    def draw(percent: int) -> Figure:
        table = anatomy.shares_kept(judged, percent / 100)
        kept = ", ".join(f"{name} {share:.0%}" for name, share in table["areas"].items())
        return plots.evaluation.share_table(
            table, "slices that keep the rule (%)", f"areas, with {percent} %: {kept}"
        )

    return panel(
        draw,
        "Table of the percentage of slices that keep each rule.",
        {"percent": slider(label, round(100 * anatomy.SLACK), 200, live=True)},
    )


def alarm(normal: np.ndarray, odd: dict[str, np.ndarray]) -> ipywidgets.VBox:
    """Choose what is odd, how rare it is and how many false alarms one can live with.

    Args:
        normal: (n,), scores of usual slices.
        odd: kind -> scores (m,).
    """
    return panel(
        lambda kind, false_alarms, one_in: plots.evaluation.alarm(
            normal, odd[kind], kind, false_alarms / 100, 1 / one_in
        ),
        "Scores of usual and odd slices, a threshold, and how many of its alarms are right.",
        {
            "kind": choice("odd", list(odd)),
            "false_alarms": slider("false alarms in 100", 5, 50, 0, live=True),
            "one_in": choice("one odd slice in", [2, 10, 100, 1000], 100),
        },
    )


def who_is_tested(values: np.ndarray, patients: np.ndarray) -> ipywidgets.VBox:
    """Choose who is tested, and how many, and see what would be reported.

    Args:
        values: (n,), bits a code of the held-out slices.
        patients: (n,), whose they are.
    """
    names = np.unique(patients)

    def draw(first: int, number: int) -> Figure:
        tested = np.roll(names, 1 - first)[:number]
        return plots.evaluation.who_is_tested(values, patients, tested)

    return panel(
        draw,
        "Bits of each patient, and mean and intervals from those who are tested.",
        {
            "first": slider("first to be tested", 1, len(names), 1, live=True),
            "number": slider("how many are tested", 1, len(names), 1, live=True),
        },
    )
