"""Widgets of notebook 05: slices drawn while you wait, and one drawing step by step."""

from dataclasses import dataclass

import ipywidgets
import torch
from matplotlib.figure import Figure

from vqgen_utils import plots
from vqgen_utils.evaluation import memorisation, metrics
from vqgen_utils.evaluation.codes import decoded_codes
from vqgen_utils.models.pixelcnn import PixelCNN, height_features
from vqgen_utils.models.sampling import incremental_logits, sample
from vqgen_utils.models.vqvae import VQVAE
from vqgen_utils.teaching.widgets.panel import WIDE, long, panel, slider

DRAWN = 3  # slices at a time: enough to see variety, few enough to draw at once


def samples_figure(
    vqvae: VQVAE, prior: PixelCNN, height: float, temperature: float, top_k: int, seed: int
) -> Figure:
    """Three slices drawn from the prior, with `seed` and the two seeds after it.

    Above each what it costs the prior in bits, and how unlike each other they are.

    Args:
        vqvae, prior: the trained models.
        height: the place along the scan, 0 to 1.
        temperature: 0 or more.
        top_k: codes that may be drawn at a position, 1 to K.
        seed: of the first slice.
    """
    seeds = range(seed, seed + DRAWN)
    condition = height_features(torch.full((DRAWN,), float(height)))  # (3, F)
    codes = sample(prior, condition, seeds, temperature=temperature, top_k=top_k)  # (3, h, w)
    images = vqvae.decode(codes)[:, 0]  # (3, H, W)
    bits = metrics.bits_by_position(prior, codes, condition).sum((1, 2)).tolist()  # (3,)
    titles = [f"seed {number}: {cost:.0f} bits" for number, cost in zip(seeds, bits, strict=True)]
    variety = f"variety: {memorisation.variety(images):.3f}"
    return plots.samples.row(images.numpy(), titles, variety)


def sampler(vqvae: VQVAE, prior: PixelCNN) -> ipywidgets.Widget:
    """Choose place, temperature, top-k and seed by slider, and see three slices drawn."""
    k = prior.num_embeddings
    powers = [2**n for n in range(k.bit_length()) if 2**n < k]
    return panel(
        lambda **chosen: samples_figure(vqvae, prior, **chosen),
        "Three slices drawn from the prior with the settings above.",
        {
            "height": stops("place", [n / 20 for n in range(21)], 0.5),
            "temperature": stops("temperature", [0.0, 0.25, 0.5, 0.8, 1.0, 1.3, 2.0], 1.0),
            "top_k": stops("top-k", [*powers, k], k),
            "seed": slider("seed", 0, 99),
        },
    )


def stops(label: str, options: list, value) -> ipywidgets.SelectionSlider:
    """A slider that stops at `options` only; it reports when it is let go."""
    return ipywidgets.SelectionSlider(
        options=options, value=value, description=label, continuous_update=False, style=WIDE,
        layout=long(label),
    )  # fmt: skip


@dataclass(frozen=True)
class Drawing:
    """A finished drawing and what each code was drawn from, so that any step is shown at once."""

    codes: torch.Tensor  # (h, w)
    p: torch.Tensor  # (K, h, w), the probabilities each position was drawn from
    by_brightness: torch.Tensor  # (K,), the darkest code first
    patches: torch.Tensor  # (K, s, s), the codes decoded, in this order
    air: int  # the code to show where nothing is drawn yet


def record_drawing(
    vqvae: VQVAE, prior: PixelCNN, codes: torch.Tensor, condition: torch.Tensor, air: int
) -> Drawing:
    """The drawing of a grid of codes (h, w) under a condition (1, F), at temperature 1.

    The prior is asked once: on the finished grid it says what it said on the way.
    """
    p = incremental_logits(prior, codes[None], condition)[0].softmax(0)  # (K, h, w)
    patches = decoded_codes(vqvae)  # (K, s, s)
    order = patches.mean((1, 2)).argsort()
    return Drawing(codes, p, order, patches[order], air)


def step_figure(vqvae: VQVAE, drawing: Drawing, i: int, j: int) -> Figure:
    """A drawing just before the code at (i, j) of the grid was written, and what it came from."""
    codes, rank = drawing.codes, drawing.by_brightness.argsort()  # (h, w), (K,)
    known = torch.arange(codes.numel()).view(codes.shape) < i * codes.shape[1] + j  # (h, w)
    partial = torch.where(known, codes, drawing.air)  # (h, w)
    return plots.samples.step(
        vqvae.decode(partial[None])[0, 0].numpy(),
        torch.where(known, rank[codes].float(), torch.nan).numpy(),
        (i, j),
        drawing.p[drawing.by_brightness, i, j].numpy(),
        int(rank[codes[i, j]]),
        drawing.patches.numpy(),
    )


def sampling_steps(vqvae: VQVAE, drawing: Drawing) -> ipywidgets.Widget:
    """Walk through a drawing code by code: column after column, each from the bottom up."""
    height, width = drawing.codes.shape
    return panel(
        lambda column, row: step_figure(vqvae, drawing, column, row),
        "The slice and its codes as drawn so far, and the probabilities of the next code.",
        {
            "column": slider("column from the left", height // 2, height - 1, live=True),
            "row": slider("row from the bottom", 0, width - 1, live=True),
        },
    )
