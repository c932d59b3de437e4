"""Widget of notebook 12: which position asks, and whom it listens to."""

import ipywidgets
import torch

from vqgen_utils.models.beyond.attention import heard_from
from vqgen_utils.models.pixelcnn import PixelCNN
from vqgen_utils.plots.beyond import attention
from vqgen_utils.teaching.widgets.panel import panel, slider


def where_it_looks(
    prior: PixelCNN, image: torch.Tensor, codes: torch.Tensor, condition: torch.Tensor
) -> ipywidgets.VBox:
    """Move the position that asks, and see how strongly each head listens to each other one.

    Args:
        prior: with attention.
        image: (H, W) in [0, 1].
        codes: (h, w), its codes.
        condition: (F,).
    """
    weights = heard_from(prior, codes, condition).cpu()  # (heads, h*w, h*w)
    height, width = codes.shape
    reach = sum(layer.reach for layer in prior.layers)
    return panel(
        lambda i, j: attention.where_it_looks(
            image.numpy(),
            weights[:, i * width + j].unflatten(1, (height, width)).numpy(),
            (i, j),
            reach,
        ),
        "A slice, the position that asks, and how strongly each head listens to each position.",
        {
            "i": slider("line from the left", 3 * height // 4, height - 1, live=True),
            "j": slider("place from the bottom", width // 2, width - 1, live=True),
        },
    )
