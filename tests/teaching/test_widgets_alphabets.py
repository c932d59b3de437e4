"""The widget of notebook 10: what it draws follows the price."""

import torch

from vqgen_utils.plots.beyond import alphabets
from vqgen_utils.teaching.widgets.beyond import alphabets as widgets


def test_a_price_empties_codes():
    codes = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    vectors = torch.tensor([[0.0, 0.1]] * 5 + [[0.0, -0.1]] * 4 + [[0.9, 0.0]])
    plane = alphabets.Plane(lambda some: torch.cdist(some, codes).argmin(1), codes, vectors)
    prices = alphabets.price_list(vectors, codes, [0.0, 5.0])
    widget = widgets.price(plane, prices, 0.0)
    (slider,) = widget.children[0].children
    assert "2 of 2 codes used" in widget.children[1].value
    slider.value = 5.0
    assert "1 of 2 codes used" in widget.children[1].value
