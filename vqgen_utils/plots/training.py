"""Curves and points: losses against steps, a number against another, scores, a toy codebook."""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from vqgen_utils.plots.slices import axes_grid, draw_slice, whole_numbers


def full_means(history: pd.DataFrame) -> pd.DataFrame:
    """The rows of a history but for a last one that is a mean over few steps: it would jump."""
    averaged = history["step"].diff().fillna(history["step"])  # steps that a row is a mean over
    return history.iloc[: len(history) - int(averaged.iloc[-1] < averaged.median() / 2)]


def loss_curves(
    history: pd.DataFrame, terms: Sequence[str], unit: str, late: float = 0.3
) -> Figure:
    """Learning curves, the whole run beside its late phase, where the early fall would hide it.

    Args:
        history: of `training.fit`.
        terms: columns to draw; a `val_` column of the same name is drawn with markers.
        unit: of the y axis.
        late: share of the steps after which the late phase begins.
    """
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    axes = figure.subplots(1, 2)
    start = history["step"].iloc[-1] * late
    drawn = full_means(history).index
    phases = ((history, "whole run"), (history[history["step"] >= start], "late phase"))
    for ax, (rows, title) in zip(axes, phases, strict=True):
        for number, term in enumerate(terms):
            style = ("-", "--", ":", "-.")[number % 4]
            means = rows.loc[rows.index.intersection(drawn)]
            line = ax.plot(means["step"], means[term], style, label=term)[0]
            held_out = f"val_{term}"
            if held_out in rows:
                known = rows.dropna(subset=held_out)
                ax.plot(
                    known["step"],
                    known[held_out],
                    "o",
                    color=line.get_color(),
                    label=f"{term}, held out",
                    markersize=4,
                )
        ax.set(xlabel="step", ylabel=unit, title=title)
        whole_numbers(ax.xaxis)
        ax.grid(alpha=0.3)
    axes[0].set_yscale("log")
    axes[0].yaxis.set_major_formatter("{x:g}")
    axes[0].yaxis.set_minor_formatter(LogFormatter())
    axes[0].legend(fontsize=8)
    return figure


def curves_apart(histories: dict[str, pd.DataFrame], best: dict[str, int]) -> Figure:
    """What is learned and what carries over, in bits: a panel a training, all on one scale.

    Args:
        histories: name -> of `training.fit`, losses in nats.
        best: name -> the step whose weights are kept.
    """
    figure = Figure(figsize=(5.2 * len(histories), 3.4), layout="constrained")
    axes = figure.subplots(1, len(histories), sharey=True, squeeze=False)[0]
    for ax, (name, rows) in zip(axes, histories.items(), strict=True):
        means = full_means(rows)
        bits = means["loss"] / np.log(2)
        ax.plot(means["step"], bits, "-", color="#0072b2", label="what it sees")
        if "val_loss" in rows:
            looks = rows.dropna(subset="val_loss")
            bits = looks["val_loss"] / np.log(2)
            ax.plot(looks["step"], bits, "o--", ms=4, color="#d55e00", label="validation")
        ax.axvline(best[name], color="black", linestyle=":", label=f"kept: step {best[name]:,}")
        ax.set(title=name, xlabel="step", ylim=(0, None))
        whole_numbers(ax.xaxis)
        ax.grid(alpha=0.3)
        ax.legend(fontsize=8)
    axes[0].set_ylabel("bits a code")
    return figure


def ways(history: pd.DataFrame, best: int) -> str:
    """What `curves_apart` shows of a training, in words: from where to where, and what is kept."""
    said = []
    for column, name in (("loss", "what it sees"), ("val_loss", "validation")):
        if column in history:
            bits = full_means(history)[column].dropna() / np.log(2)
            said.append(f"{name} {bits.iloc[0]:.2f} to {bits.iloc[-1]:.2f}")
    return f"{', '.join(said)}, kept: step {best:,}"


def lines(
    table: pd.DataFrame, xlabel: str, ylabel: str, *, log: bool = False, title: str = ""
) -> Figure:
    """A line a column over the index."""
    figure = Figure(figsize=(7, 3.4), layout="constrained")
    ax = figure.subplots()
    for number, column in enumerate(table.columns):
        style, marker = ("-", "--", ":", "-.")[number % 4], "osD^"[number % 4]
        ax.plot(table.index, table[column], style, marker=marker, label=str(column))
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    for axis, numbers in ((ax.xaxis, table.index), (ax.yaxis, table.to_numpy())):
        if np.issubdtype(numbers.dtype, np.integer):
            whole_numbers(axis)
    if log:
        ax.set(xscale="log", yscale="log")
    ax.grid(alpha=0.3)
    ax.legend(fontsize=8)
    return figure


def codebook_stages(rows: dict[str, Sequence]) -> Figure:
    """Codes among the points they serve, step by step; a dead code is a cross.

    Args:
        rows: name -> stages of one training, as many in each; the name stands left of its row. A
            stage has step, points (N, 2), codes (K, 2), counts (K,) and used.
    """
    columns = max(len(stages) for stages in rows.values())
    side = max(2.75, 4 / columns)  # inches
    figure = Figure(figsize=(side * columns, side * len(rows) + 0.3), layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False, sharex=True, sharey=True)
    for row, (name, stages) in zip(axes, rows.items(), strict=True):
        row[0].set_ylabel(f"{name}\nsecond number", fontsize=9)
        for ax, stage in zip(row, stages, strict=True):
            alive = stage.counts > 0
            ax.plot(*stage.points.T, ".", color="0.72", markersize=2, label="points")
            ax.plot(*stage.codes[alive].T, "o", color="#0072b2", mec="black", label="code in use")
            ax.plot(*stage.codes[~alive].T, "x", color="#d55e00", mew=2, label="dead code")
            ax.set(title=f"step {stage.step}: {stage.used} of {len(alive)} in use", aspect="equal")
            ax.title.set_fontsize(10)
            ax.tick_params(labelsize=7)
    for ax in axes[-1]:
        ax.set_xlabel("first number", fontsize=9)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    there = [any(len(ax.lines[n].get_xdata()) for ax in axes.flat) for n in range(len(handles))]
    handles, labels = (list(itertools.compress(some, there)) for some in (handles, labels))
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def batch_scores(groups: dict[str, np.ndarray], xlabel: str) -> Figure:
    """Scores of single batches, a row a group, with each group's mean and its luckiest batch.

    Args:
        groups: name -> mean score of each batch (n,).
        xlabel: name of the score; higher is taken to be better.
    """
    figure = Figure(figsize=(8, 0.55 * len(groups) + 1.2), layout="constrained")
    ax = figure.subplots()
    for height, values in enumerate(groups.values()):
        rows = np.full(len(values), height)
        ax.plot(values, rows, "o", mfc="none", color="0.45", label="one batch")
        ax.plot(values.mean(), height, "|", color="black", ms=26, mew=2.5, label="mean")
        ax.plot(values.max(), height, "*", color="#d55e00", ms=13, label="luckiest batch")
    ax.set_yticks(range(len(groups)), groups)
    ax.set(xlabel=xlabel, ylim=(len(groups) - 0.4, -0.6))
    ax.grid(axis="x", alpha=0.3)
    ax.legend(*(part[:3] for part in ax.get_legend_handles_labels()), fontsize=8, markerscale=0.6)
    return figure


def before_and_after_quantising(z_e: np.ndarray, z_q: np.ndarray, moved: np.ndarray) -> Figure:
    """A channel of z_e and z_q (h, w) on one scale around zero, and how far vectors moved."""
    figure, axes = axes_grid(1, 3, z_e.shape)
    figure.set_figheight(figure.get_figheight() + 0.3)
    far = max(float(np.abs(z).max()) for z in (z_e, z_q))
    for ax, z, title in zip(
        axes[0], (z_e, z_q), ("channel 0 of z_e", "channel 0 of z_q"), strict=False
    ):
        draw_slice(ax, z, title, cmap="RdBu_r", vmin=-far, vmax=far)
    figure.colorbar(axes[0, 0].images[0], ax=axes[0, :2], shrink=0.7)
    draw_slice(axes[0, 2], moved, "distance |z_e - z_q|", cmap="viridis", vmin=0, vmax=None)
    figure.colorbar(axes[0, 2].images[0], ax=axes[0, 2], shrink=0.7)
    return figure
