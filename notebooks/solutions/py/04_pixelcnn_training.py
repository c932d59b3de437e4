# ---
# jupyter:
#   jupytext:
#     cell_metadata_filter: tags,jupyter,-all
#     formats: ipynb,py//py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=[]
# # Solutions to 04 · How codes follow each other: the PixelCNN prior
#
# One way to solve each exercise, and the same check as in the notebook. Other ways are as good, if the check
# agrees. All names here begin with `our_`, so nothing that you wrote is overwritten.

# %% tags=[]
import numpy as np
import torch
import torch.nn.functional as F

from vqgen_utils import plots
from vqgen_utils.plots import show
from vqgen_utils.teaching.demos import receptive_field
from vqgen_utils.teaching.exercises import pixelcnn as exercises

# %% [markdown] tags=[]
# ## Exercise 1 · How deep must it be?

# %% tags=["solution"]
our_enough_layers = 30  # 31 rows lie above: the shift brings one, each layer one more
exercises.check_layers(our_enough_layers)

# %% [markdown] tags=[]
# **Why**
#
# Upwards is the longest way: 31 rows. The shift at the entrance brings one, and each layer one more, so 30 layers.
# Sideways 15 columns are reached long before. Our prior has far fewer layers; what it cannot see, it must guess from
# nearer codes, from the place $y$ and from its map over the grid.

# %% [markdown] tags=[]
# ## Exercise 2 · From nats to bits a pixel


# %% tags=["solution"]
def our_bits_of(nats_per_code: float) -> tuple[float, float]:
    """Nats a code -> (bits a code, bits a pixel)."""
    bits_per_code = nats_per_code / np.log(2)
    return bits_per_code, bits_per_code / 16


exercises.check_bits(our_bits_of)

# %% [markdown] tags=[]
# ## Exercise 3 · The probability of a grid


# %% tags=["solution"]
def our_log_probability(logits: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """Logits (B, K, h, w) and codes (B, h, w) -> ln p of each grid (B,)."""
    log_p = logits.log_softmax(1)  # (B, K, h, w)
    factors = log_p.gather(1, codes[:, None])[:, 0]  # (B, 1, h, w) -> (B, h, w)
    return factors.sum((1, 2))


exercises.check_log_probability(our_log_probability)

# %% [markdown] tags=[]
# ## Exercise 4 · Write the mask, then break it


# %% tags=["solution"]
def our_mask(kernel_size: int, centre: bool) -> torch.Tensor:
    """(kernel_size, kernel_size), row by row from the top; kernel_size = 2r + 1."""
    mask = torch.zeros(kernel_size, kernel_size)
    r = kernel_size // 2
    mask[:r] = 1  # the rows above
    mask[r, :r] = 1  # to the left in the same row
    mask[r, r] = float(centre)
    return mask


exercises.check_causal_mask(our_mask)

# %% tags=[]
masks = [our_mask(3, centre=layer > 0) for layer in range(3)]  # (3, 3) each
broken = our_mask(3, centre=True)
broken[1, 2] = 1  # one weight too many: the neighbour to the right
size, position = (14, 23), (11, 11)  # (h, w) of a small grid, and (row, column) on it
fields = {}
for name, stack in {"my masks": masks, "one weight too many": [*masks[:2], broken]}.items():
    seen = receptive_field.field_of_masks(stack, size, position)  # (h, w) bool
    fields[name] = receptive_field.seen_and_missed(seen, 3, 3, position)
show(
    plots.prior.receptive_fields(fields, position),
    "Fields of right masks, and of one weight too many.",
)

# %% [markdown] tags=[]
# *Three layers with the masks of the solution, and with one more weight open in the last.* That one weight
# shows the position its right neighbour, which has seen the answer.

# %% [markdown] tags=[]
# ## Exercise 5 · A layer that needs no mask


# %% tags=["solution"]
def our_rows_above(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """x (B, C, h, w) and weight (D, C, r+1, 2r+1) -> (B, D, h, w)."""
    r = weight.shape[3] // 2
    shifted = F.pad(x, (0, 0, 1, -1))  # (B, C, h, w), row i holds what was row i - 1
    padded = F.pad(shifted, (r, r, r, 0))  # (B, C, h + r, w + 2r)
    return F.conv2d(padded, weight)


exercises.check_vertical_layer(our_rows_above)
