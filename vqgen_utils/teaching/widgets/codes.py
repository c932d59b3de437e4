"""Widgets of notebook 03: paint with codes, leaf through the codebook."""

import ipywidgets
import torch
from matplotlib.figure import Figure

from vqgen_utils import plots
from vqgen_utils.evaluation.codes import Atlas, swap
from vqgen_utils.models.vqvae import VQVAE
from vqgen_utils.teaching.widgets.clickable import Clickable
from vqgen_utils.teaching.widgets.panel import panel, slider

STEPS = {"ArrowLeft": (-1, 0), "ArrowRight": (1, 0), "ArrowUp": (0, -1), "ArrowDown": (0, 1)}


def in_picture(i: int, j: int, width: int) -> tuple[int, int]:
    """(column from the left, row from the top) of the grid's (i, j) as slices are drawn.

    The same formula leads back.
    """
    return i, width - 1 - j


def painted_figure(
    model: VQVAE, codes: torch.Tensor, painted: torch.Tensor, i: int, j: int, brush: str = ""
) -> Figure:
    """A slice, the slice with some of its codes painted over, the difference; a square at (i, j).

    Args:
        model: the trained VQ-VAE.
        codes, painted: (h, w), the slice's grid and what became of it.
        i, j: position on the grid.
        brush: what the next stroke paints, to be said beside what is painted.
    """
    before, after = model.decode(torch.stack([codes, painted]))[:, 0].numpy()
    column, row = in_picture(i, j, codes.shape[1])
    own, other = int(codes[i, j]), int(painted[i, j])
    titles = [
        f"code {own} at column {column}, row {row}",
        (f"code {other} instead" if other != own else "nothing painted there") + brush,
    ]
    return plots.codes.edit(before, after, i, j, model.config.stride, titles)


def swap_figure(model: VQVAE, codes: torch.Tensor, i: int, j: int, code: int) -> Figure:
    """A slice of grid `codes` (h, w), the slice with `code` put at (i, j), and the difference."""
    return painted_figure(model, codes, swap(codes, i, j, code), i, j)


class Painter:
    """The controls of a painting, its grid after each stroke, and what a click or a key does."""

    def __init__(self, model: VQVAE, codes: torch.Tensor, i: int, j: int, code: int):
        self.model, self.width, self.figure = model, codes.shape[1], None
        self.grids, self.places = [codes], []  # as it was and after each stroke; where they were
        column, row = in_picture(i, j, self.width)
        self.column = slider("column from the left", column, codes.shape[0] - 1, live=True)
        self.row = slider("row from the top", row, codes.shape[1] - 1, live=True)
        self.code = slider("code", code, model.num_embeddings - 1, live=True)
        self.strokes = ipywidgets.IntText(0, description="strokes", disabled=True)
        self.picture = Clickable(label="Arrow keys move the red square, Enter paints there.")
        self.picture.on_msg(self.touched)
        self.code.observe(self.recolour, names="value")
        self.stroke()

    def square(self) -> tuple[int, int]:
        """(i, j) on the grid."""
        return in_picture(self.column.value, self.row.value, self.width)

    def draw(self, **_values) -> Figure:
        grids, brush = (self.grids[0], self.grids[-1]), f" (brush: {self.code.value})"
        self.figure = painted_figure(self.model, *grids, *self.square(), brush)
        return self.figure

    def stroke(self, _button=None) -> None:
        self.grids.append(swap(self.grids[-1], *self.square(), self.code.value))
        self.places.append(self.square())
        self.strokes.value = len(self.places)

    def undo(self, _button=None) -> None:
        if self.places:
            self.grids.pop(), self.places.pop()
        self.strokes.value = len(self.places)

    def start_again(self, _button=None) -> None:
        del self.grids[1:], self.places[:]
        self.strokes.value = 0

    def recolour(self, _change) -> None:
        """The last stroke follows the slider, while the square stands on it."""
        if self.places and self.places[-1] == self.square():
            self.grids[-1] = swap(self.grids[-2], *self.square(), self.code.value)

    def touched(self, _picture, message: dict, _buffers) -> None:
        if "key" in message:
            right, down = STEPS.get(message["key"], (0, 0))
            self.column.value += right
            self.row.value += down
            place = None if message["key"] in STEPS else self.square()
        else:
            stride = self.model.config.stride
            place = plots.codes.cell_at(self.figure, message["x"], message["y"], stride)
        if place is not None:
            self.column.value, self.row.value = in_picture(*place, self.width)
            self.stroke()


def code_painter(model: VQVAE, codes: torch.Tensor, i: int, j: int, code: int) -> ipywidgets.Widget:
    """Choose a code and click into the picture to paint with it, or use arrow keys and Enter.

    Args:
        model: the trained VQ-VAE.
        codes: (h, w), the slice to paint on; left as it is.
        i, j, code: the first stroke.
    """
    painter = Painter(model, codes, i, j, code)
    controls = {name: getattr(painter, name) for name in ("column", "row", "code", "strokes")}
    alt = "A slice, the slice as painted, and the difference."
    box = panel(painter.draw, alt, controls, painter.picture)
    actions = {"paint": painter.stroke, "undo": painter.undo, "start again": painter.start_again}
    for label, action in actions.items():
        button = ipywidgets.Button(description=label)
        button.on_click(action)
        box.children[0].children += (button,)
    return box


def codebook_pages(atlas: Atlas, code: int) -> ipywidgets.Widget:
    """Leaf through the codebook, a page a code, beginning at `code`."""
    return panel(
        lambda code: plots.codes.codebook_page(atlas, code),
        "Where a code stands, how it looks, its tissues, and the codes most like it.",
        {"code": slider("code", code, len(atlas.counts) - 1, live=True)},
    )
