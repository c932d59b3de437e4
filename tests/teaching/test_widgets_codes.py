"""The figures and widgets of notebook 03: what is chosen is what is marked and what changes."""

import numpy as np
import pandas as pd
import pytest
import torch

from vqgen_utils import plots
from vqgen_utils.config import VQVAEConfig
from vqgen_utils.evaluation import codes as codebook
from vqgen_utils.models import VQVAE
from vqgen_utils.teaching import widgets

K, GRID = 8, torch.zeros(6, 4, dtype=torch.long)  # (h, w)


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = VQVAE(VQVAEConfig(num_embeddings=K, embedding_dim=4, hidden_dim=8)).eval()
    model.codebook.embedding.copy_(torch.randn(K, 4) * 3)
    return model


@pytest.fixture
def painted(model, monkeypatch):
    """The grids that the painter has decoded, the last one last."""
    grids, decode = [], model.decode

    def noted(codes):
        assert torch.equal(codes[0], GRID)
        grids.append(codes[1].tolist())
        return decode(codes)

    monkeypatch.setattr(model, "decode", noted)
    return grids


def by_label(widget) -> dict:
    return {control.description: control for control in widget.children[0].children}


def touch(widget, **message) -> None:
    """What the browser sends when the picture is clicked or a key is pressed on it."""
    widget.children[1]._handle_custom_msg(message, [])


def middle_of(i: int, j: int) -> dict[str, float]:
    """Where to click on the left slice of the painter's picture to hit the grid's (i, j)."""
    figure = plots.codes.edit(np.zeros((24, 16)), np.zeros((24, 16)), 0, 0, 4, ["", ""])
    plots.to_png(figure)  # so that the pictures stand where they will be seen
    point = figure.axes[0].transData.transform((4 * i + 1.5, 4 * j + 1.5))
    x, y = figure.transFigure.inverted().transform(point)
    return {"x": x, "y": 1 - y}


def test_the_painter_has_labelled_controls_and_redraws_when_one_moves(model):
    widget = widgets.code_painter(model, GRID, 3, 2, 1)
    controls, picture = by_label(widget), widget.children[1]
    assert set(controls) == {
        *("column from the left", "row from the top", "code", "strokes"),
        *("paint", "undo", "start again"),
    }
    before = picture.value
    controls["code"].value = 5
    assert picture.value != before
    assert "code 0 at column 3, row 1; code 5 instead" in picture.value


def test_the_painter_redraws_while_a_slider_is_dragged(model):
    controls = by_label(widgets.code_painter(model, GRID, 3, 2, 1))
    for name in ("column from the left", "row from the top", "code"):
        assert controls[name].continuous_update, name


def test_row_and_column_are_those_of_the_picture(model, painted):
    """A slice's first axis runs to the right of the picture, its second axis upwards."""
    controls = by_label(widgets.code_painter(model, GRID, 3, 2, 1))
    assert (controls["column from the left"].value, controls["row from the top"].value) == (3, 1)
    controls["column from the left"].value = 0
    controls["row from the top"].value = 0
    controls["paint"].click()
    wanted = codebook.swap(codebook.swap(GRID, 3, 2, 1), 0, 3, 1)  # the patient's right, the front
    assert painted[-1] == wanted.tolist()


@pytest.mark.parametrize("i, j", [(0, 0), (5, 3), (2, 1)])
def test_a_click_paints_the_code_where_it_was_made(model, painted, i, j):
    widget = widgets.code_painter(model, GRID, 3, 2, 1)
    by_label(widget)["start again"].click()
    by_label(widget)["code"].value = 6
    touch(widget, **middle_of(i, j))
    assert painted[-1] == codebook.swap(GRID, i, j, 6).tolist()
    assert by_label(widget)["strokes"].value == 1


def test_a_click_beside_the_slices_paints_nothing(model):
    widget = widgets.code_painter(model, GRID, 3, 2, 1)
    touch(widget, x=0.99, y=0.01)
    assert by_label(widget)["strokes"].value == 1


def test_arrow_keys_move_the_square_and_enter_paints(model, painted):
    widget = widgets.code_painter(model, GRID, 0, 3, 1)  # top left
    for key in ("ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown"):  # it stops at the rim
        touch(widget, key=key)
    assert "column 1, row 1; nothing painted there (brush: " in widget.children[1].value
    touch(widget, key="Enter")
    touch(widget, key="ArrowRight")
    touch(widget, key=" ")
    grid = codebook.swap(codebook.swap(GRID, 0, 3, 1), 1, 2, 1)
    assert painted[-1] == codebook.swap(grid, 2, 2, 1).tolist()


def test_strokes_add_up_and_can_be_taken_back(model, painted):
    controls = by_label(widgets.code_painter(model, GRID, 0, 3, 1))
    controls["column from the left"].value = 5
    controls["paint"].click()
    both = codebook.swap(codebook.swap(GRID, 0, 3, 1), 5, 3, 1)
    assert painted[-1] == both.tolist() and controls["strokes"].value == 2
    controls["undo"].click()
    assert painted[-1] == codebook.swap(GRID, 0, 3, 1).tolist()
    controls["start again"].click()
    controls["undo"].click()
    assert painted[-1] == GRID.tolist() and GRID.sum() == 0


def test_the_last_stroke_follows_the_slider_while_the_square_stands_on_it(model, painted):
    controls = by_label(widgets.code_painter(model, GRID, 0, 3, 1))
    controls["code"].value = 7
    assert painted[-1] == codebook.swap(GRID, 0, 3, 7).tolist()
    controls["column from the left"].value = 2
    controls["code"].value = 4
    assert painted[-1] == codebook.swap(GRID, 0, 3, 7).tolist()


def test_the_square_marks_the_block_that_is_swapped(model):
    figure = widgets.swap_figure(model, GRID, 5, 0, 3)
    before, after, change = (ax for ax in figure.axes if ax.get_title())
    assert "column 5, row 3" in before.get_title()
    corners = before.collections[0].get_paths()[0].get_extents()
    assert (corners.x0, corners.x1, corners.y0, corners.y1) == (19.5, 23.5, -0.5, 3.5)
    assert len(change.collections) == 1 and len(after.collections) == 0
    assert after.get_title() == "code 3 instead"


@pytest.mark.parametrize("labelled", [True, False])
def test_a_page_for_every_code_used_or_not(model, labelled):
    codes = torch.randint(K - 1, (3, 6, 4), generator=torch.Generator().manual_seed(0))
    table = pd.DataFrame(np.ones((2, K), int), index=["a", "b"]) if labelled else None
    atlas = codebook.make_atlas(model, codes, np.zeros((3, 24, 16), np.float32), table)
    widget = widgets.codebook_pages(atlas, 2)
    (slider,), picture = widget.children[0].children, widget.children[1]
    pages = {picture.value}
    for code in (0, K - 1):  # code K - 1 is never used
        slider.value = code
        pages.add(picture.value)
    assert len(pages) == 3


def test_a_page_outlines_each_place_of_the_code(model):
    codes = torch.zeros(1, 6, 4, dtype=torch.long)
    codes[0, 2, 1] = codes[0, 5, 3] = 4
    atlas = codebook.make_atlas(model, codes, np.zeros((1, 24, 16), np.float32), None)
    squares = plots.codes.codebook_page(atlas, 4).axes[0].collections[0].get_paths()
    corners = [square.get_extents() for square in squares]
    assert [(box.x0, box.y0) for box in corners] == [(7.5, 3.5), (19.5, 11.5)]


def test_the_curve_of_perplexity_shows_mean_and_whole():
    samples = np.array([[1.0, 3.0], [4.0, 4.0]])
    ax = plots.codes.perplexity_by_size([1, 5], samples, 4.0).axes[0]
    mean, whole = ax.lines
    assert mean.get_ydata().tolist() == [2, 4]
    assert set(whole.get_ydata()) == {4}


def test_each_patch_is_drawn_at_its_point():
    points = np.array([[0.0, 0.0], [10.0, 4.0]])
    ax = plots.codes.patch_plane(points, np.random.default_rng(0).random((2, 4, 4)), "codes").axes[
        0
    ]
    middles = [np.reshape(image.get_extent(), (2, 2)).mean(1) for image in ax.images]
    assert np.allclose(middles, points)
