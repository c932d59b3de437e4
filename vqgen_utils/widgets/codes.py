"""Widgets of notebook 03: paint with codes, leaf through the codebook."""

import ipywidgets
import numpy as np
import torch

from vqgen_utils import codebook, plots
from vqgen_utils.vqvae import VQVAE
from vqgen_utils.widgets.panel import panel, slider


def swap_figure(model: VQVAE, codes: torch.Tensor, i: int, j: int, code: int):
    """A slice before and after one code is swapped, and the difference.

    Args:
        model: the trained VQ-VAE.
        codes: (h, w), the slice's grid.
        i, j: position on the grid.
        code: what to put there.
    """
    changed = codebook.swap(codes, i, j, code)
    before, after = model.decode(torch.stack([codes, changed]))[:, 0].numpy()
    difference = np.abs(after - before)
    return plots.slice_rows(
        {"": [before, after, difference / max(0.05, difference.max())]},
        [f"code {int(codes[i, j])} at ({i}, {j})", f"code {code} instead", "what changed"],
    )


def code_swap(model: VQVAE, codes: torch.Tensor) -> ipywidgets.Widget:
    """Choose a position and a code by slider, and see the decoded change."""
    height, width = codes.shape
    return panel(
        lambda row, column, code: swap_figure(model, codes, row, column, code),
        "A slice, the slice with one code swapped, and the difference.",
        {
            "row": slider("row", height // 2, height - 1),
            "column": slider("column", width // 2, width - 1),
            "code": slider("code", 0, model.num_embeddings - 1),
        },
    )
