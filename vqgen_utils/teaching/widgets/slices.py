"""Widget of notebook 01: leaf through patients, weeks and slices."""

import ipywidgets
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from vqgen_utils import plots
from vqgen_utils.data.slices import Slices
from vqgen_utils.teaching.widgets.panel import WIDE, choice, panel, slider


def scan_of(index: pd.DataFrame, patient: str, week: int) -> pd.DataFrame:
    """The rows of one scan, from the lowest slice to the highest; none if there is no such scan."""
    return index[(index["patient"] == patient) & (index["week"] == week)].sort_values("slice")


def slice_figure(
    slices: Slices, patient: str, week: int, place: int, labels: bool = False
) -> Figure:
    """One slice of a scan, or an empty picture whose title says that it does not exist.

    Args:
        slices: from `load_slices`.
        patient, week: whose scan, and which.
        place: counts the scan's slices from the lowest, 0.
        labels: draw the tissues, if the data have labels.
    """
    scan = scan_of(slices.index, patient, week)
    name = f"patient {patient}, week {week}"
    if not 0 <= place < len(scan):
        there = f"it has {len(scan)} slices" if len(scan) else "there is no such scan"
        black = np.zeros(slices.images.shape[1:])  # (H, W)
        return plots.data.one_slice(black, None, f"{name}: no slice at place {place}, {there}")
    row = scan.iloc[place]
    drawn = slices.labels[row.name] if labels and slices.labels is not None else None
    title = f"{name}: slice {row['slice']}, place {row['height']:.2f} ({row['split']})"
    return plots.data.one_slice(slices.images[row.name], drawn, title)


def slice_browser(slices: Slices) -> ipywidgets.Widget:
    """Choose a patient, a week and a slice, with the tissues drawn in or not.

    The choices follow the patient: only weeks and places that exist can be chosen.
    """
    index = slices.index
    patient = choice("patient", list(index["patient"].unique()))
    week = choice("week", _weeks(index, patient.value))
    count = len(scan_of(index, patient.value, week.value))
    place = slider("slice of the scan", count // 2, count - 1, live=True)
    controls = {"patient": patient, "week": week, "place": place}
    if slices.labels is not None:
        controls["labels"] = ipywidgets.Checkbox(
            True, description="labels", indent=False, style=WIDE
        )

    def follow(_change) -> None:
        weeks = _weeks(index, patient.value)
        if list(week.options) != weeks:
            week.options = weeks
        place.max = len(scan_of(index, patient.value, week.value)) - 1

    for control in (patient, week):  # before `panel` observes them: it must draw what exists
        control.observe(follow, names="value")
    return panel(
        lambda **chosen: slice_figure(slices, **chosen),
        "The chosen slice, with its tissues coloured and numbered if labels are on.",
        controls,
    )


def _weeks(index: pd.DataFrame, patient: str) -> list[int]:
    return sorted(index.loc[index["patient"] == patient, "week"].unique().tolist())
