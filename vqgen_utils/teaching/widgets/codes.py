"""Widgets of notebook 03: paint with codes, leaf through the codebook."""

import ipywidgets
import torch
from matplotlib.figure import Figure

from vqgen_utils import plots
from vqgen_utils.evaluation.codes import Atlas, swap
from vqgen_utils.models.vqvae import VQVAE
from vqgen_utils.teaching.widgets.panel import panel, slider


def in_picture(i: int, j: int, width: int) -> tuple[int, int]:
    """(column from the left, row from the top) of the grid's (i, j) as slices are drawn.

    The same formula leads back.
    """
    return i, width - 1 - j


def swap_figure(model: VQVAE, codes: torch.Tensor, i: int, j: int, code: int) -> Figure:
    """A slice before and after one code is swapped, and the difference.

    Args:
        model: the trained VQ-VAE.
        codes: (h, w), the slice's grid.
        i, j: position on the grid.
        code: what to put there.
    """
    before, after = model.decode(torch.stack([codes, swap(codes, i, j, code)]))[:, 0].numpy()
    column, row = in_picture(i, j, codes.shape[1])
    titles = [f"code {int(codes[i, j])} at column {column}, row {row}", f"code {code} instead"]
    return plots.codes.edit(before, after, i, j, model.config.stride, titles)


def code_painter(model: VQVAE, codes: torch.Tensor, i: int, j: int, code: int) -> ipywidgets.Widget:
    """Choose a place and a code and see the decoded change; keep it, and paint on.

    Args:
        model: the trained VQ-VAE.
        codes: (h, w), the slice to paint on; left as it is.
        i, j, code: where to begin, and with which code.
    """
    height, width = codes.shape
    canvases = [codes]  # after 0, 1, 2 ... kept edits
    first_column, first_row = in_picture(i, j, width)
    column = slider("column from the left", first_column, height - 1)
    row = slider("row from the top", first_row, width - 1)
    paint = slider("code", code, model.num_embeddings - 1)
    kept = ipywidgets.IntText(0, description="edits kept", disabled=True)

    def draw(column: int, row: int, code: int, kept: int) -> Figure:
        return swap_figure(model, canvases[kept], *in_picture(column, row, width), code)

    def keep(_button) -> None:
        place = in_picture(column.value, row.value, width)
        canvases[kept.value + 1 :] = [swap(canvases[kept.value], *place, paint.value)]
        kept.value += 1

    def undo(_button) -> None:
        kept.value = max(0, kept.value - 1)

    def start_again(_button) -> None:
        kept.value = 0

    controls = {"column": column, "row": row, "code": paint, "kept": kept}
    box = panel(draw, "A slice, the slice with one code swapped, and the difference.", controls)
    for label, action in (("keep", keep), ("undo", undo), ("start again", start_again)):
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
