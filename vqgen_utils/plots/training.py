"""Curves: losses against steps, a number against another."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure


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
    phases = ((history, "whole run"), (history[history["step"] >= start], "late phase"))
    for ax, (rows, title) in zip(axes, phases, strict=True):
        for number, term in enumerate(terms):
            style = ("-", "--", ":", "-.")[number % 4]
            line = ax.plot(rows["step"], rows[term], style, label=term)[0]
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
        ax.grid(alpha=0.3)
    axes[0].set_yscale("log")
    axes[0].legend(fontsize=8)
    return figure


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
    if log:
        ax.set(xscale="log", yscale="log")
    ax.grid(alpha=0.3)
    ax.legend(fontsize=8)
    return figure
