"""Figures of notebook 10: the plane cut into cells, codes in use, what an alphabet costs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from vqgen_utils.models.beyond.alphabets import cheapest, settle
from vqgen_utils.plots.slices import whole_numbers

FINE = 400  # points of the plane along each side that are asked for their code
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"
MARGIN = 0.06  # of a side, around what is drawn
SHOWN = 4000  # vectors drawn as points: more are one gray cloud


@dataclass(frozen=True)
class Plane:
    """An alphabet whose vectors have two numbers, and vectors that it is to serve."""

    choose: Callable[[Tensor], Tensor]  # vectors (N, 2) -> their codes (N,)
    codes: Tensor  # (K, 2)
    vectors: Tensor  # (N, 2)
    shades: np.ndarray | None = None  # (K,) in [0, 1], how bright each code is; None: all white


def cells(planes: dict[str, Plane]) -> Figure:
    """Each plane cut into the cells of its codes, side by side: name -> plane.

    A point of a cell gets the cell's code. A code without a vector is a cross.
    """
    figure = Figure(figsize=(5.6 * len(planes), 5.2), layout="constrained")
    axes = figure.subplots(1, len(planes), squeeze=False)[0]
    for ax, (name, plane) in zip(axes, planes.items(), strict=True):
        used = draw_cells(ax, plane)
        ax.set_title(f"{name}: {used} of {len(plane.codes)} codes used")
    axes[0].legend(loc="lower left", fontsize=8, framealpha=0.9)
    return figure


def draw_cells(ax: Axes, plane: Plane) -> int:
    """The plane of an alphabet; how many codes serve a vector."""
    vectors, codes = plane.vectors.cpu(), plane.codes.detach().cpu()
    used = torch.bincount(plane.choose(vectors), minlength=len(codes)).numpy() > 0  # (K,)
    both = torch.cat([vectors, codes[used]])
    low, high = both.amin(0), both.amax(0)
    low, high = low - MARGIN * (high - low), high + MARGIN * (high - low)
    across, up = (torch.linspace(float(a), float(b), FINE) for a, b in zip(low, high, strict=True))
    points = torch.cartesian_prod(across, up)  # (FINE * FINE, 2)
    owner = plane.choose(points).view(FINE, FINE).t().numpy()  # (up, across)
    shades = np.ones(len(codes)) if plane.shades is None else plane.shades
    box = (float(low[0]), float(high[0]), float(low[1]), float(high[1]))
    ax.imshow(shades[owner], cmap="gray", vmin=0, vmax=1, origin="lower", extent=box, aspect="auto")
    ax.imshow(_borders(owner), origin="lower", extent=box, aspect="auto", interpolation="nearest")
    some = vectors[:: -(-len(vectors) // SHOWN)]
    ax.plot(*some.t().numpy(), ".", color=GREEN, ms=1.5, alpha=0.5, label="vectors")
    ax.plot(*codes[used].t().numpy(), "o", color=BLUE, mec="white", ms=5, label="code in use")
    if not used.all():
        ax.plot(*codes[~used].t().numpy(), "x", color=ORANGE, mew=2, label="empty code")
    ax.set(xlim=box[:2], ylim=box[2:], xlabel="first number", ylabel="second number")
    return int(used.sum())


def _borders(owner: np.ndarray) -> np.ndarray:
    """Where two cells meet: (h, w) codes -> (h, w, 4) blue there, and elsewhere nothing."""
    meet = np.zeros(owner.shape, bool)
    meet[1:] |= owner[1:] != owner[:-1]
    meet[:, 1:] |= owner[:, 1:] != owner[:, :-1]
    return np.where(meet[..., None], (0, 0.447, 0.698, 1), (0, 0, 0, 0))


def price_list(vectors: Tensor, codes: Tensor, weights: Sequence[float]) -> pd.DataFrame:
    """What is used, paid and lost at each price of a bit, with the codes where they are.

    Args:
        vectors: (N, D).
        codes: (K, D).
        weights: what a bit is worth, as shares of the spread of the vectors.

    Returns:
        By weight: used, bits, error (mean |z - e|^2 as a share of the spread).
    """
    spread = vectors.var(0, correction=0).sum()
    rows = {}
    for weight in weights:
        chosen, shares = settle(vectors, codes, weight * float(spread))
        error = (vectors - codes[chosen]).square().sum(1).mean() / spread
        bits = torch.special.entr(shares).sum() / np.log(2)
        rows[weight] = {"used": int((shares > 0).sum()), "bits": float(bits), "error": float(error)}
    return pd.DataFrame(rows).T.rename_axis("weight")


def priced(plane: Plane, weight: float, prices: pd.DataFrame) -> Figure:
    """A codebook at one price of a bit: its cells, and bits against error at all prices.

    Args:
        plane: its codes and vectors; `choose` is not asked.
        weight: what a bit is worth, as a share of the spread; one of the index of `prices`.
        prices: `price_list` of the same vectors and codes.
    """
    vectors, codes = plane.vectors, plane.codes
    worth = weight * float(vectors.var(0, correction=0).sum())
    _, shares = settle(vectors, codes, worth)
    figure = Figure(figsize=(11, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    priced = Plane(lambda some: cheapest(some, codes, shares, worth), codes, vectors, plane.shades)
    draw_cells(left, priced)
    here = prices.loc[weight]
    left.set_title(f"weight {weight:g}: {here['used']:.0f} of {len(codes)} codes used")
    left.legend(loc="lower left", fontsize=8, framealpha=0.9)
    right.plot(prices["bits"], 100 * prices["error"], "o-", color="0.5", ms=4, label="other prices")
    right.plot(here["bits"], 100 * here["error"], "*", color=ORANGE, ms=16, label="this price")
    right.set_title(f"{here['bits']:.2f} bits a code, error {here['error']:.1%} of the spread")
    right.set(xlabel="bits a code, by frequency", ylabel="error (% of the spread)", ylim=(0, None))
    right.grid(alpha=0.3)
    right.legend(fontsize=8)
    return figure


def use_over_training(
    histories: dict[str, pd.DataFrame], begins: int | None = None, codes: int | None = None
) -> Figure:
    """Codes used and their entropy in each batch, step by step: name -> history of a training.

    Args:
        histories: with the columns step, used and bits.
        begins: the step from which bits cost something.
        codes: K; a dashed line says what can be at most.
    """
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    axes = figure.subplots(1, 2)
    labels = {"used": "codes used in a batch", "bits": "bits a code in a batch"}
    for ax, (column, label) in zip(axes, labels.items(), strict=True):
        for number, (name, rows) in enumerate(histories.items()):
            ax.plot(rows["step"], rows[column], ("-", "--", ":", "-.")[number % 4], label=name)
        if begins is not None:
            ax.axvline(begins, color="black", lw=1, label="bits begin to cost")
        if codes:
            most = codes if column == "used" else np.log2(codes)
            ax.axhline(most, color="0.6", ls=(0, (1, 3)), label="at most")
        ax.set(xlabel="step", ylabel=label, ylim=(0, None))
        whole_numbers(ax.xaxis)
        ax.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    return figure


def bits_and_likeness(table: pd.DataFrame) -> Figure:
    """Alphabets by what they keep and what they cost, by frequency and with a prior.

    Args:
        table: a row an alphabet, with ssim, order0 and prior (bits a pixel).
    """
    figure = Figure(figsize=(8.5, 3.8), layout="constrained")
    ax = figure.subplots()
    for number, (name, row) in enumerate(table.iterrows()):
        colour, marker = (BLUE, ORANGE, GREEN, "0.3")[number % 4], "osD^"[number % 4]
        ax.plot(row[["prior", "order0"]], [row["ssim"]] * 2, "-", color=colour, alpha=0.5)
        ax.plot(row["order0"], row["ssim"], marker, color=colour, mfc="white", ms=9)
        ax.plot(row["prior"], row["ssim"], marker, color=colour, ms=9, label=name)
    ax.set(xlabel="bits a pixel (hollow: by frequency; filled: with a prior)", ylabel="SSIM")
    ax.set_xlim(0, None)
    ax.margins(y=0.2)
    ax.grid(alpha=0.3)
    ax.legend(fontsize=8, loc="best")
    return figure
