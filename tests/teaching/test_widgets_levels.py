"""The figures and the widget of notebook 11: levels left out, and exchanged."""

import base64

import numpy as np

from vqgen_utils import plots
from vqgen_utils.plots.beyond import levels as figures
from vqgen_utils.teaching.widgets.beyond import levels as widgets

PICTURES = {
    name: np.random.default_rng(seed).random((3, 3, 16, 8))
    for seed, name in enumerate(("residual", "hierarchical"))
}
NAMES = ["ann, 0.50", "bob, 0.48", "cem, 0.51"]


def controls_of(widget) -> dict:
    return {control.description: control for control in widget.children[0].children}


def test_a_mixture_stands_between_its_owners_with_its_distances():
    figure = figures.exchanged(PICTURES, NAMES, 0, 2)
    titles = [" ".join(ax.get_title().split()) for ax in figure.axes]
    assert titles[0].endswith("ann, 0.50") and titles[2].endswith("cem, 0.51")
    mixed = PICTURES["residual"][0, 2]
    left = np.abs(mixed - PICTURES["residual"][0, 0]).mean()
    right = np.abs(mixed - PICTURES["residual"][2, 2]).mean()
    assert f"{left:.3f} and {right:.3f} away" in titles[1]


def test_what_is_left_stands_below_each_reconstruction():
    x = np.full((16, 8), 0.5)
    figure = figures.left_over(x, {"one code": x + 0.1, "two codes": x})
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["the slice", "one code", "two codes", "", "mean 0.1000", "mean 0.0000"]


def test_those_whose_levels_are_exchanged_are_chosen_by_the_controls():
    widget = widgets.exchange(PICTURES, NAMES)
    picture = widget.children[1]
    for top, bottom in ((0, 1), (2, 1), (2, 0)):
        controls_of(widget)["top of"].value = top
        controls_of(widget)["bottom of"].value = bottom
        figure = figures.exchanged(PICTURES, NAMES, top, bottom)
        assert base64.b64encode(plots.to_png(figure)).decode() in picture.value


def test_one_slice_alone_can_only_be_exchanged_with_itself():
    one = {name: some[:1, :1] for name, some in PICTURES.items()}
    widget = widgets.exchange(one, NAMES[:1])
    assert "0.000 and 0.000 away" in widget.children[1].value
