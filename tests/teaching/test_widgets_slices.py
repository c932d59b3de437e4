"""Notebook 01's browser and the figures under it: what is chosen exists, and is what is drawn."""

import dataclasses
from pathlib import Path

import ipywidgets
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from vqgen_utils import plots
from vqgen_utils.data import Slices
from vqgen_utils.teaching import widgets

# patient -> week -> slice numbers, in another order than the body's
SCANS = {"001": {0: (25, 1, 13), 2: (1, 13)}, "002": {1: (7,)}, "010": {0: (5, 17), 1: (5, 17)}}


@pytest.fixture
def slices() -> Slices:
    """Each slice is as bright as its number; labels as in a body of six tissues."""
    rows = [
        (patient, week, number, number / 59, "train")
        for patient, weeks in SCANS.items()
        for week, numbers in weeks.items()
        for number in numbers
    ]
    index = pd.DataFrame(rows, columns=["patient", "week", "slice", "height", "split"])
    images = np.stack([np.full((16, 8), number / 100) for number in index["slice"]])
    labels = np.zeros((len(index), 16, 8), np.uint8)
    labels[:, 2:14, 1:7] = 1
    labels[:, 4:8, 2:6] = 3
    return Slices(
        *(index, images, labels, [], []),
        content="",
        layout="hipmri-2d",
        plane="axial",
        slice_axis=2,
        voxel_mm=None,
        square_pixels=True,
        patients_known=True,
        patients_disjoint=True,
        folder=Path(),
    )


def without_labels(slices: Slices) -> Slices:
    return dataclasses.replace(slices, labels=None)


@pytest.fixture
def drawn(monkeypatch):
    """The title of each picture that is drawn, and whether it has tissues."""
    pictures, one_slice = [], plots.data.one_slice

    def noted(image, label, title):
        pictures.append((title, label is not None))
        return one_slice(image, label, title)

    monkeypatch.setattr(plots.data, "one_slice", noted)
    return pictures


def controls(widget) -> dict:
    return {control.description: control for control in widget.children[0].children}


def title(figure: Figure) -> str:
    return figure.axes[0].get_title()


def test_places_count_from_the_lowest_slice(slices):
    titles = [title(widgets.slice_figure(slices, "001", 0, place)) for place in range(3)]
    assert [text.split(", place")[0].split("slice ")[1] for text in titles] == ["1", "13", "25"]
    picture = widgets.slice_figure(slices, "001", 0, 2).axes[0].images[0].get_array()
    assert np.allclose(picture, 0.25)


@pytest.mark.parametrize(
    "patient, week, place, words",
    [
        ("001", 1, 0, "there is no such scan"),
        ("004", 0, 0, "there is no such scan"),
        ("002", 1, 1, "it has 1 slices"),
        ("002", 1, -1, "no slice at place -1"),
    ],
)
def test_a_slice_that_does_not_exist_is_said_so_in_the_title(slices, patient, week, place, words):
    assert words in title(widgets.slice_figure(slices, patient, week, place, True))


def test_the_choices_follow_the_patient(slices, drawn):
    widget = widgets.slice_browser(slices)
    patient, week, place, _ = controls(widget).values()
    assert patient.options == ("001", "002", "010")
    assert (week.options, place.max) == ((0, 2), 2)
    place.value = 2
    week.value = 2  # this scan has two slices only
    assert (place.max, place.value) == (1, 1)
    patient.value = "002"
    assert (week.options, week.value, place.max, place.value) == ((1,), 1, 0, 0)
    assert drawn[-1][0].startswith("patient 002, week 1: slice 7,")
    patient.value = "010"
    assert (week.options, place.max) == ((0, 1), 1)
    assert drawn[-1][0].startswith("patient 010, week 0: slice 5,")
    assert not any("no slice" in text for text, _ in drawn), "it never passes through a gap"


def test_every_control_changes_the_picture(slices):
    widget = widgets.slice_browser(slices)
    picture, seen = widget.children[1], set()
    for name, value in (("slice of the scan", 0), ("labels", False), ("week", 2)):
        seen.add(picture.value)
        controls(widget)[name].value = value
        assert picture.value not in seen
        assert "<img" in picture.value and 'alt="The chosen slice' in picture.value


def test_labels_are_drawn_when_they_are_switched_on(slices, drawn):
    widget = widgets.slice_browser(slices)
    labels = controls(widget)["labels"]
    assert isinstance(labels, ipywidgets.Checkbox) and drawn[-1][1]
    labels.value = False
    assert not drawn[-1][1]


def test_data_without_labels_have_no_checkbox(slices, drawn):
    widget = widgets.slice_browser(without_labels(slices))
    assert "labels" not in controls(widget)
    assert drawn and not drawn[-1][1]
    assert "slice 1" in title(widgets.slice_figure(without_labels(slices), "001", 0, 0, True))


# ---- Figures -----------------------------------------------------------------------------------


def test_each_tissue_is_numbered_inside_itself(slices):
    label = slices.labels[0]
    label[10:13, 5] = 5
    figure = plots.data.one_slice(slices.images[0], label, "")
    numbers = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
    assert numbers.keys() == {"3", "5"}
    for value, (i, j) in numbers.items():
        assert label[int(i), int(j)] == int(value)
    key = [text.get_text() for text in figure.legends[0].get_texts()]
    assert key == ["3 bladder", "5 prostate"]  # those that are there


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [0, 1, 5])
def test_a_slice_of_a_single_tissue_is_drawn(value):
    figure = plots.data.one_slice(
        np.zeros((8, 6)), np.full((8, 6), value, np.uint8), "all the same"
    )
    assert plots.to_png(figure, dpi=40)


def test_each_version_of_a_slice_has_its_own_histogram_of_the_body():
    image = np.arange(24.0).reshape(6, 4)
    body = image >= 4
    versions = {"stored": image, "clipped": np.minimum(image, 10)}
    figure = plots.data.slices_and_histograms(versions, body)
    pictures, histograms = figure.axes[:2], figure.axes[2:]
    assert [ax.get_title() for ax in pictures] == ["stored", "clipped"]
    for ax in histograms:
        assert sum(patch.get_height() for patch in ax.patches) == body.sum()
        assert ax.get_xlabel() == "intensity"
    assert histograms[1].patches[-1].get_height() == (image >= 10).sum()
    assert plots.to_png(figure, dpi=40)


def test_histograms_before_and_after_are_shares_over_common_bins():
    rng = np.random.default_rng(0)
    stored = {"a": rng.random(500) * 900, "b": rng.random(200) * 300}
    figure = plots.data.intensity_histograms(
        stored, {name: v / v.max() for name, v in stored.items()}
    )
    left, right = figure.axes
    assert left.get_ylabel() == "share of the voxels"
    assert left.get_ylim() == right.get_ylim()
    edges = [patch.get_xy()[:, 0].max() for patch in left.patches]
    assert len(edges) == 2 and edges[0] == edges[1]


def test_the_slider_over_the_slices_reports_while_it_is_dragged(slices):
    controls = widgets.slice_browser(slices).children[0].children
    (place,) = (one for one in controls if one.description == "slice of the scan")
    assert place.continuous_update
