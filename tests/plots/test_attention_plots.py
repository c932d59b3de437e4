"""Figures of notebook 12 say in their titles what they show."""

import numpy as np
import pandas as pd
import pytest

from vqgen_utils.plots.beyond import attention


def titles(figure) -> list[str]:
    return [ax.get_title().replace("\n", " ") for ax in figure.axes]


def test_what_is_seen_is_bright_and_the_rest_darker():
    field = np.array([[1, 0.5], [1, 0], [0, 0], [0, 0]])
    figure = attention.seen(np.ones((16, 8)), {"two": field, "again": field}, (1, 1))
    assert titles(figure) == [f"{name}: sees 67% of what was drawn" for name in ("two", "again")]
    shown = figure.axes[0].images[0].get_array()  # turned: (8, 16)
    assert shown[0, 0] == pytest.approx(1) and shown[0, -1] == 0
    assert 0 < shown[-1, 0] < 0.5


@pytest.mark.parametrize("lines", [4, 5])
def test_halves_lie_edge_on_edge(lines):
    bits = np.array([2.0, 1.0, *[7.0] * (lines - 4), 0.5, 1.5])
    figure = attention.halves({"a": bits})
    first, last = (line.get_ydata().tolist() for line in figure.axes[0].lines)
    assert first == [2.0, 1.0] and last == [1.5, 0.5]
    assert titles(figure) == ["a: last half 0.50 fewer bits a code"]


def test_a_half_that_costs_more_is_said_to_cost_more():
    assert "0.50 more bits a code" in titles(attention.halves({"a": np.array([1.0, 1.5])}))[0]


def test_curves_go_through_the_looks_at_validation_slices():
    history = pd.DataFrame({"seconds": [1.0, 2.0], "val_loss": [np.nan, np.log(2)]})
    figure = attention.against_seconds({"plain": history})
    line = figure.axes[0].lines[0]
    assert line.get_xdata().tolist() == [2.0]
    assert line.get_ydata() == pytest.approx([1.0])


def test_attention_is_drawn_where_the_codes_are_that_it_hears_of():
    """What stands at row 1 of the vertical stack is the code of row 0."""
    weights = np.zeros((1, 4, 2))
    weights[0, 1, 0] = 0.75
    weights[0, 3, 1] = 0.25
    figure = attention.where_it_looks(np.zeros((8, 4)), weights, (3, 1), reach=1)
    shown = figure.axes[1].images[0].get_array().T  # (h, w)
    assert shown[0, 0] == 0.75 and shown[2, 1] == 0.25
    assert titles(figure) == ["asked at line 4, place 2", "head 1: 75% beyond the layers"]
