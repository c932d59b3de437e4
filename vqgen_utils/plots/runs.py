"""Several runs in one figure."""

import pandas as pd
from matplotlib.figure import Figure

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


def few_patients(tables: dict[str, pd.DataFrame]) -> Figure:
    """Every score against the number of training patients: the median of the seeds, and their band.

    Args:
        tables: of `runs.compare.published_patients`, by how pictures were shown; two at most.
    """
    figure = Figure(figsize=(12, 5.4), layout="constrained")
    panels = figure.subplots(2, 4, sharex=True)
    looks = list(zip(("s--", "o-"), ("#d55e00", "#0072b2"), strict=True))  # not by colour alone
    for ax, (column, title) in zip(panels.flat, FEW_PATIENTS.items(), strict=True):
        for (name, rows), (style, color) in zip(tables.items(), looks, strict=False):
            low, middle, high = (rows[column + end].astype(float) for end in ("_low", "", "_high"))
            ax.plot(rows["patients"], middle, style, color=color, markersize=4, label=name)
            ax.fill_between(rows["patients"], low, high, color=color, alpha=0.2, linewidth=0)
        ax.set_title(title, fontsize=10)
        ax.grid(alpha=0.3)
    numbers = sorted(set().union(*(rows["patients"] for rows in tables.values())))
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
