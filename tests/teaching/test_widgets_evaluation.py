"""Widgets of notebooks 06 to 09: what they draw follows their controls."""

import base64

import numpy as np
import pandas as pd
import pytest

from vqgen_utils import plots
from vqgen_utils.evaluation import anatomy
from vqgen_utils.teaching import widgets

RNG = np.random.default_rng(0)


def controls_of(widget) -> dict:
    return {control.description: control for control in widget.children[0].children}


def test_slices_come_by_place_with_their_error_and_bytes():
    x = RNG.random((3, 8, 8)).astype(np.float32)
    figure = plots.evaluation.kept_and_paid(x[0], x[1], np.full((2, 2), 4.0), 0.25)
    titles = [ax.get_title() for ax in figure.axes[:4]]
    assert titles[0] == "place 0.25" and titles[3] == "2 bytes"
    widget = widgets.evaluation.kept_and_paid(x, x, np.ones((3, 2, 2)), np.array([0.9, 0.1, 0.5]))
    slider = controls_of(widget)["slice, by place"]
    before = widget.children[1].value
    slider.value = 0
    assert widget.children[1].value != before


def test_the_dials_ask_for_their_settings():
    asked = []

    def judge(temperature, top_k):
        asked.append((temperature, top_k))
        return pd.DataFrame({"recall": [0.9, 0.5]}, index=["held out", "drawn"])

    widget = widgets.evaluation.dial(judge, 128, {"recall": "recall"})
    controls_of(widget)["temperature"].value = 0.8
    controls_of(widget)["top-k"].value = 4
    assert asked == [(1.0, 128), (0.8, 128), (0.8, 4)]


def test_the_tolerance_decides_which_slices_keep_the_rule_of_areas():
    rules = dict.fromkeys(anatomy.RULES, True)
    judged = {
        "near": pd.DataFrame([rules | {"slack": 0.1}, rules | {"slack": 0.5}]),
        "far": pd.DataFrame([rules | {"slack": 1.5}]),
    }
    widget = widgets.evaluation.tolerance(judged)
    (slider,) = widget.children[0].children
    for percent, shares in (
        (30, "near 50%, far 0%"),
        (5, "near 0%, far 0%"),
        (150, "near 100%, far"),
    ):
        slider.value = percent
        assert f"areas, with {percent} %: {shares}" in widget.children[1].value


@pytest.mark.parametrize(
    ("share_odd", "words"), [(0.5, "91% of the alarms are right"), (0.001, "1% of the alarms")]
)
def test_how_many_alarms_are_right_depends_on_how_rare_odd_slices_are(share_odd, words):
    normal, odd = np.arange(100.0), np.full(50, 200.0)  # all are caught
    title = plots.evaluation.alarm(normal, odd, "odd", 0.1, share_odd).axes[0].get_title()
    assert "catches 100%, false alarms 10%" in title and words in title


def test_the_alarm_of_the_widget_follows_its_controls():
    odd = {"near": np.arange(100.0) + 20, "far": np.arange(100.0) + 200}
    widget = widgets.evaluation.alarm(np.arange(100.0), odd)
    pictures = {widget.children[1].value}
    for name, value in (("odd", "far"), ("false alarms in 100", 20), ("one odd slice in", 2)):
        controls_of(widget)[name].value = value
        pictures.add(widget.children[1].value)
    assert len(pictures) == 4


def test_who_is_tested_decides_what_is_reported():
    values, patients = np.array([1.0, 1.2, 3.0, 3.2, 9.0]), np.array(["a", "a", "b", "b", "c"])
    ax = plots.evaluation.who_is_tested(values, patients, ["a", "b"]).axes[0]
    assert ax.get_title() == "tested: 2 of 3, mean 2.10"
    filled = [
        line.get_markerfacecolor() != "white" for line in ax.lines if line.get_marker() == "o"
    ]
    assert filled == [True, True, False]
    bars = [line.get_xdata() for line in ax.lines if line.get_linewidth() == 3]
    by_patients, by_slices = (high - low for low, high in bars)
    assert by_patients == pytest.approx(2.0) and by_slices < by_patients


def test_one_patient_has_no_interval_by_patients():
    figure = plots.evaluation.who_is_tested(np.array([1.0, 2.0]), np.array(["a", "a"]), ["a"])
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names == ["a", "interval by patients (none)", "interval by slices"]


def test_those_tested_are_chosen_by_the_controls():
    values, patients = np.array([1.0, 3.0, 9.0]), np.array(["a", "b", "c"])
    widget = widgets.evaluation.who_is_tested(values, patients)
    pictures = [widget.children[1].value]
    for name, value in (("first to be tested", 3), ("how many are tested", 2)):
        controls_of(widget)[name].value = value
        pictures.append(widget.children[1].value)
    wanted = [["a"], ["c"], ["c", "a"]]
    for picture, tested in zip(pictures, wanted, strict=True):
        figure = plots.evaluation.who_is_tested(values, patients, tested)
        assert base64.b64encode(plots.to_png(figure)).decode() in picture
