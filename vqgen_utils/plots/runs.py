"""Several runs in one figure."""

from itertools import cycle

import pandas as pd
from matplotlib.figure import Figure

BY_PATIENTS = (  # title, what the axis says, columns and their names
    ("reconstruction", "SSIM on held-out patients", {"ssim": "whole slice", "ssim_body": "body"}),
    (
        "prior",
        "bits a code",
        {"bits_per_code": "held-out patients", "bits_per_code_train": "patients it learned from"},
    ),
    (
        "samples",
        "share",
        {"anatomy_pass": "keep every rule", "recall": "recall", "memorised": "look memorised"},
    ),
)


def by_patients(table: pd.DataFrame) -> Figure:
    """Scores against the number of training patients, a panel a stage.

    Args:
        table: `runs.compare.published_patients`.
    """
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    for ax, (title, ylabel, columns) in zip(figure.subplots(1, 3), BY_PATIENTS, strict=True):
        for (column, name), style in zip(columns.items(), cycle(("o-", "s--", "^:")), strict=False):
            ax.plot(table["patients"], table[column].astype(float), style, label=name)
        ax.set(title=title, xscale="log", xlabel="training patients", ylabel=ylabel)
        ax.set_xticks(table["patients"], [str(number) for number in table["patients"]])
        ax.minorticks_off()
        ax.margins(y=0.15)
        ax.grid(alpha=0.3)
        ax.legend(fontsize=8)
    return figure


FEW_PATIENTS = {  # column of the table -> what its panel is called
    "ssim": "SSIM, held out",
    "bits_per_code": "bits a code, held out",
    "bits_per_code_train": "bits a code, its own patients",
    "memorised": "look like copies (share)",
    "frechet": "Fréchet distance (less is nearer)",
    "precision": "precision",
    "recall": "recall",
    "anatomy_pass": "keep every rule of anatomy (share)",
}


def few_patients(table: pd.DataFrame) -> Figure:
    """Every score against the number of training patients: the median of the seeds, and their band.

    Args:
        table: `runs.compare.published_few_patients`; a line for each of its `pictures`.
    """
    figure = Figure(figsize=(12, 5.4), layout="constrained")
    panels = figure.subplots(2, 4, sharex=True)
    for ax, (column, title) in zip(panels.flat, FEW_PATIENTS.items(), strict=True):
        lines = table.groupby("pictures", sort=False)
        looks = zip(("s--", "o-"), ("#d55e00", "#0072b2"), strict=True)  # a marker too, not colour
        for (name, rows), (style, color) in zip(lines, looks, strict=False):
            low, mid, high = (rows[column + end].astype(float) for end in ("_low", "", "_high"))
            ax.plot(rows["patients"], mid, style, color=color, markersize=4, label=name)
            ax.fill_between(rows["patients"], low, high, color=color, alpha=0.2, linewidth=0)
        ax.set_title(title, fontsize=10)
        ax.grid(alpha=0.3)
    numbers = sorted(table["patients"].unique())
    for ax in panels[1]:
        ax.set(xscale="log", xlabel="training patients")
        ax.set_xticks(numbers, [str(number) for number in numbers])
        ax.minorticks_off()
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, title="pictures", loc="outside upper center", ncols=2)
    return figure


def rate_of_runs(table: pd.DataFrame) -> Figure:
    """SSIM against bits a pixel, a numbered point a run, with the key beside it.

    Args:
        table: of `runs.compare.side_by_side`; runs without a prior have no bits and are left out.
    """
    done = table.dropna(subset=["ssim", "bits_per_pixel"])
    figure = Figure(figsize=(9, 4), layout="constrained")
    ax = figure.subplots()
    for number, (name, run) in enumerate(done.iterrows(), 1):
        at = (run["bits_per_pixel"], run["ssim"])
        ax.plot(*at, "o", markersize=13, color="#0072b2", label=f"{number}  {name}")
        ax.annotate(str(number), at, ha="center", va="center", color="white", fontsize=8)
    ax.set(xlabel="bits a pixel, with the prior", ylabel="SSIM on held-out patients")
    ax.grid(alpha=0.3)
    if len(done):
        figure.legend(loc="outside right upper", fontsize=8, markerscale=0.5)
    return figure
