"""Figures of notebook 10: what they say of cells, prices and codes in use."""

import pandas as pd
import pytest
import torch

from vqgen_utils.plots.beyond import alphabets


@pytest.fixture
def plane():
    """Four codes at corners; three quarters of the vectors are at the first, none at the last."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.tensor([[0.0, 0.0], [4, 0], [0, 4], [40, 40]])
    which = torch.tensor([0, 0, 0, 0, 0, 0, 1, 2]).repeat(50)
    vectors = codes[which] + 0.8 * torch.randn(400, 2, generator=generator)
    return alphabets.Plane(lambda some: torch.cdist(some, codes).argmin(1), codes, vectors)


def test_the_title_counts_codes_that_serve_a_vector(plane):
    figure = alphabets.cells({"four corners": plane})
    assert figure.axes[0].get_title() == "four corners: 3 of 4 codes used"
    names = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert names == ["vectors", "code in use", "empty code"]


def test_a_dearer_bit_pays_fewer_bits_for_a_larger_error(plane):
    prices = alphabets.price_list(plane.vectors, plane.codes, [0.0, 0.1, 0.5, 2.0])
    assert prices["bits"].is_monotonic_decreasing and prices["error"].is_monotonic_increasing
    assert prices.loc[0.0, "used"] == 3 and prices.loc[2.0, "used"] == 1
    assert prices.loc[2.0, "bits"] == 0


def test_the_figure_of_a_price_says_what_is_used_paid_and_lost(plane):
    prices = alphabets.price_list(plane.vectors, plane.codes, [0.0, 2.0])
    titles = [ax.get_title() for ax in alphabets.priced(plane, 2.0, prices).axes]
    assert titles[0] == "weight 2: 1 of 4 codes used"
    assert titles[1].startswith("0.00 bits a code, error ")


def test_use_is_drawn_step_by_step_with_the_step_from_which_bits_cost():
    rows = pd.DataFrame({"step": [10, 20], "used": [8.0, 5.0], "bits": [2.5, 1.5]})
    axes = alphabets.use_over_training({"one": rows}, begins=10, codes=8).axes
    assert list(axes[0].lines[0].get_ydata()) == [8, 5]
    assert [line.get_label() for line in axes[0].lines] == ["one", "bits begin to cost", "at most"]
    assert axes[1].lines[2].get_ydata()[0] == pytest.approx(3)


def test_each_alphabet_has_a_hollow_and_a_filled_mark():
    table = pd.DataFrame({"ssim": [0.9], "order0": [5.0], "prior": [2.0]}, index=["one"])
    marks = [
        line
        for line in alphabets.bits_and_likeness(table).axes[0].lines
        if len(line.get_xdata()) == 1
    ]
    assert [(line.get_xdata()[0], line.get_markerfacecolor()) for line in marks] == [
        (5.0, "white"),
        (2.0, alphabets.BLUE),
    ]
