"""Several runs in one figure."""

import pandas as pd
from matplotlib.figure import Figure


def rate_of_runs(table: pd.DataFrame) -> Figure:
    """SSIM against bits a pixel, a numbered point a run, with the key beside it.

    Args:
        table: of `sweep.compare`; runs without a prior have no bits and are left out.
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
