"""Figures of notebooks 06 to 08: scores with intervals, floors and ceilings, and failures."""

from collections.abc import Sequence
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from vqgen_utils.evaluation import bootstrap
from vqgen_utils.plots.data import draw_tissues
from vqgen_utils.plots.slices import axes_grid, draw_slice, short, wrapped

MARKERS = "osD^vP"
BLUE, ORANGE = "#0072b2", "#d55e00"  # told apart by the colour-blind, and always by a marker too


def scores_with_intervals(panels: dict[str, pd.DataFrame], xlabel: str) -> Figure:
    """Means and their intervals, a panel a table: title -> rows with mean, low and high."""
    panels = {title: some_rows(table) for title, table in panels.items()}
    rows = max(1, *(len(table) for table in panels.values()))
    figure = Figure(figsize=(10, 0.27 * rows + 1.2), layout="constrained")
    axes = figure.subplots(1, len(panels), sharex=True, squeeze=False)[0]
    for ax, (title, table) in zip(axes, panels.items(), strict=True):
        at = np.arange(len(table))
        ax.hlines(at, table["low"], table["high"], color="0.4", linewidth=3)
        ax.plot(table["mean"], at, "o", color=BLUE, markersize=5)
        ax.set_yticks(at, [short(name) for name in table.index], fontsize=9, parse_math=False)
        ax.set_ylim(max(1, len(table)) - 0.5, -0.5)
        ax.set_title(title, fontsize=10)
        ax.set_xlabel(xlabel)
        ax.grid(axis="x", alpha=0.3)
    return figure


def who_is_tested(
    values: np.ndarray, patients: Sequence, tested: Sequence, xlabel: str = "bits a code"
) -> Figure:
    """Each patient's slices and mean, and what one would report from the tested ones alone.

    Args:
        values: (n,), of the slices.
        patients: (n,), whose they are.
        tested: some of these patients; the others are drawn hollow.
        xlabel: name of the score.
    """
    patients = np.asarray(patients)
    names = np.unique(patients)
    chosen = np.isin(patients, tested)
    reports = {
        "by patients": bootstrap.interval(values[chosen], patients[chosen]),
        "by slices": bootstrap.interval(values[chosen], np.arange(chosen.sum())),
    }
    rows = min(MOST_ROWS, len(names)) + len(reports)
    figure = Figure(figsize=(8, 0.3 * rows + 1.2), layout="constrained")
    ax = figure.subplots()
    for at, name in enumerate(names):
        own, fill = values[patients == name], BLUE if name in tested else "white"
        ax.plot(own, np.full(len(own), at), "|", color="0.6", markersize=8)
        ax.plot(own.mean(), at, "o", color=BLUE, markerfacecolor=fill, markersize=8)
    mean = values[chosen].mean()
    for at, (low, high) in enumerate(reports.values(), start=len(names)):
        ax.plot([low, high], [at, at], color=ORANGE, linewidth=3)
        ax.plot(mean, at, "D", color=ORANGE, markersize=6)
    labels = [short(name) for name in names] if len(names) <= MOST_ROWS else [""] * len(names)
    none = {name: "" if low == low else " (none)" for name, (low, _) in reports.items()}
    labels += [f"interval {name}{none[name]}" for name in reports]
    ax.set_yticks(range(len(labels)), labels, fontsize=9, parse_math=False)
    ax.set(xlabel=xlabel, ylim=(len(labels) - 0.5, -0.5))
    number = len(np.unique(patients[chosen]))
    ax.set_title(f"tested: {number} of {len(names)}, mean {mean:.2f}", fontsize=10)
    ax.grid(axis="x", alpha=0.3)
    return figure


MOST_ROWS = 40  # in a panel; more would be as tall as a page, and nobody reads them


def some_rows(table: pd.DataFrame) -> pd.DataFrame:
    """All rows of a table, or MOST_ROWS of them from its lowest to its highest mean."""
    if len(table) <= MOST_ROWS:
        return table
    order = table["mean"].argsort().to_numpy()
    return table.iloc[order[np.linspace(0, len(table) - 1, MOST_ROWS).astype(int)]]


def rate_distortion(
    codecs: pd.DataFrame, runs: pd.DataFrame, own: str, sweep: pd.DataFrame
) -> Figure:
    """SSIM against bits a pixel: a line a codec, and the runs with and without their prior.

    Args:
        codecs: `code_lengths.image_file_rates`.
        runs: `runs.compare.finished_runs`.
        own: the run that is drawn large.
        sweep: `runs.compare.published_codes`, a line a stride; it may be empty.
    """
    runs = runs.dropna(subset=["ssim", "prior_bits"])  # a run without a score has no place here
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    ax = figure.subplots()
    for (stride, some), marker in zip(sweep.groupby("stride"), cycle("v<>^P"), strict=False):
        some = some.sort_values("num_embeddings")
        look = {"color": "0.35", "linewidth": 1, "markersize": 7}
        codes = ", ".join(map(str, some["num_embeddings"]))
        label = f"stride {stride}, K = {codes}, with the prior"
        ax.plot(some["prior_bits"], some["ssim"], marker=marker, label=label, **look)
    for (name, table), marker, style in zip(
        codecs.groupby("codec"), "sD^", (":", "--", "-."), strict=True
    ):
        ax.plot(table["bits_per_pixel"], table["ssim"], style, marker=marker, label=name)
    groups = {"other runs": runs[runs["run"] != own], f"run {own}": runs[runs["run"] == own]}
    for (name, some), size, color in zip(groups.items(), (6, 13), ("0.6", BLUE), strict=True):
        if some.empty:
            continue
        look = {"color": color, "markersize": size}
        ax.hlines(some["ssim"], some["prior_bits"], some["plain_bits"], color=color)
        ax.plot(some["prior_bits"], some["ssim"], "*", label=f"{name}, with the prior", **look)
        ax.plot(some["plain_bits"], some["ssim"], "o", mfc="none", label=f"{name}, plain", **look)
    lowest = min([0.5, *(runs["ssim"] - 0.05)])  # what is worse than this is no yardstick
    seen = pd.concat(
        [codecs["bits_per_pixel"][codecs["ssim"] > lowest], runs["prior_bits"], sweep["prior_bits"]]
    )
    ax.set(xlabel="bits a pixel", ylabel="SSIM on held-out slices", ylim=(lowest, 1), xscale="log")
    ticks = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    if len(seen):
        ax.set_xlim(0.8 * max(1e-3, seen.min()), 1.2 * max([seen.max(), *runs["plain_bits"]]))
    ax.minorticks_off()
    ax.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=8)
    return figure


def bars(values: pd.Series, xlabel: str) -> Figure:
    """A bar a name, its number at its end."""
    figure = Figure(figsize=(8, 0.34 * len(values) + 0.8), layout="constrained")
    ax = figure.subplots()
    at = np.arange(len(values))
    ax.barh(at, values, color="0.75", edgecolor="0.3")
    for place, value in zip(at, values, strict=True):
        ax.text(value, place, f" {value:.2f}", va="center", fontsize=9)
    ax.set_yticks(at, values.index, fontsize=9)
    ax.set(xlabel=xlabel, ylim=(len(values) - 0.5, -0.5), xlim=(0, 1.12 * values.max()))
    return figure


def measure_panels(table: pd.DataFrame, floor: str, better: dict[str, str]) -> Figure:
    """A panel a measure, a row a set of slices, and a dashed line at the floor.

    Args:
        table: a row a set, a column a measure.
        floor: the row that the line is drawn at.
        better: measure -> what its axis says.
    """
    figure = Figure(figsize=(11, 0.3 * len(table) + 1.3), layout="constrained")
    axes = figure.subplots(1, len(better), sharey=True, squeeze=False)[0]
    at = np.arange(len(table))
    for ax, (name, xlabel) in zip(axes, better.items(), strict=True):
        values = table[name].to_numpy()
        ax.set_xlabel(xlabel, fontsize=9)
        if np.isnan(values).all():
            ax.set_xticks([])
            ax.text(0.5, 0.5, "not measured", transform=ax.transAxes, ha="center", fontsize=9)
            continue
        ax.axvline(table.loc[floor, name], color="black", linestyle="--", linewidth=1)
        for place, value in zip(at, values, strict=True):
            ax.plot(value, place, MARKERS[place % len(MARKERS)], color=BLUE, markersize=7)
        usual = float(np.nanmedian(np.abs(values)))
        if np.nanmax(values) > 5 * usual:  # one far away must not press the others together
            ax.set_xscale("symlog", linthresh=max(0.1, usual))
            ticks = [0, *(scale * unit for unit in (0.1, 1, 10, 100) for scale in (1, 3))]
            lowest, highest = min(0, np.nanmin(values)), np.nanmax(values)
            near = [tick for tick in ticks if 0 < tick < 0.4 * usual]  # they would run into the 0
            ticks = [tick for tick in ticks if tick <= 1.5 * highest and tick not in near]
            ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            ax.set_xlim(lowest - 0.3 * max(0.1, usual), 1.5 * highest)
            ax.minorticks_off()
        else:
            ax.xaxis.set_major_locator(MaxNLocator(4))
        ax.tick_params(axis="x", labelsize=8)
        ax.grid(alpha=0.3)
    axes[0].set_yticks(at, table.index, fontsize=9)
    axes[0].set_ylim(len(table) - 0.5, -0.5)
    return figure


def share_table(table: pd.DataFrame, xlabel: str, title: str = "") -> Figure:
    """Shares (0 to 1) as shaded cells with their percentage: a row a set, a column a rule."""
    figure = Figure(figsize=(11, 0.34 * len(table) + 1.0), layout="constrained")
    ax = figure.subplots()
    ax.set_title(wrapped(title, ax), fontsize=10)
    values = table.to_numpy(float)
    ax.imshow(values, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        ink = "black" if value > 0.5 else "white"
        ax.text(column, row, f"{100 * value:.1f}", color=ink, ha="center", va="center", fontsize=9)
    ax.set_xticks(range(table.shape[1]), table.columns, fontsize=9)
    ax.set_yticks(range(len(table)), table.index, fontsize=9)
    ax.set_xlabel(xlabel, fontsize=9)
    return figure


def height_scatter(panels: dict[str, tuple[np.ndarray, np.ndarray]], within: float) -> Figure:
    """Place along the scan read back against that asked for, with the band that counts as right.

    Args:
        panels: title -> (asked (n,), read (n,)), 0 to 1.
        within: half the band's width.
    """
    figure = Figure(figsize=(3.7 * len(panels), 3.7), layout="constrained")
    axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    line = np.array([0.0, 1.0])
    for ax, (title, (asked, read)) in zip(axes, panels.items(), strict=True):
        right = np.abs(asked - read) <= within
        ax.fill_between(line, line - within, line + within, color="0.85")
        ax.plot(asked[right], read[right], ".", color=BLUE, markersize=4)
        ax.plot(asked[~right], read[~right], "x", color=ORANGE, markersize=6)
        ax.set_title(f"{title}: {right.mean():.1%} within the band", fontsize=10)
        ax.set(xlabel="place it should have", aspect="equal", xlim=(-0.1, 1.1), ylim=(-0.1, 1.1))
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("place read back")
    return figure


def tissues_of(
    images: Sequence[np.ndarray], tissues: Sequence[np.ndarray], titles: Sequence[str]
) -> Figure:
    """Slices above the same slices with tissues drawn in, as in notebook 01, titled by column."""
    figure, axes = axes_grid(2, len(images), images[0].shape, together=0.88)
    for column, (image, tissue, title) in enumerate(zip(images, tissues, titles, strict=True)):
        draw_slice(axes[0, column], image, title)
        draw_slice(axes[1, column], image)
        draw_tissues(axes[1, column], tissue)
    return figure


def nearness_strips(panels: dict[str, tuple[dict[str, np.ndarray], float]]) -> Figure:
    """Distances to the nearest training slice, a row of dots a group, and the limit as a line.

    Args:
        panels: what the distance is measured in -> (name -> distances (n,), the limit).
    """
    rows = max(len(groups) for groups, _ in panels.values())
    figure = Figure(figsize=(11, 0.6 * rows + 1.0), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for ax, (xlabel, (groups, limit)) in zip(axes, panels.items(), strict=True):
        for row, (values, marker) in enumerate(zip(groups.values(), cycle(MARKERS), strict=False)):
            spread = row + 0.25 * np.sin(2.4 * np.arange(len(values)))  # dots beside dots
            ax.plot(values, spread, marker, color=BLUE, markersize=3.5, alpha=0.5, mew=0)
            ax.vlines(np.median(values), row - 0.38, row + 0.38, color="black", linewidth=2)
        ax.axvline(limit, color=ORANGE, linestyle="--")
        ax.set(xlabel=xlabel, xlim=(0, None))
        ax.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(range(len(groups)), groups, fontsize=9)
    axes[0].set_ylim(len(groups) - 0.5, -0.5)
    return figure


def told_apart(panels: dict[str, pd.DataFrame]) -> Figure:
    """AUC of judges with intervals, a panel a scale, and a dashed line where one cannot tell.

    Args:
        panels: title -> a row a set of slices, with mean, low and high, 0 to 1.
    """
    figure = scores_with_intervals(panels, "AUC (0.5: cannot tell)")
    for ax in figure.axes:
        ax.axvline(0.5, color="black", linestyle="--", linewidth=1)
        ax.set_xlim(-0.03, 1.03)
    return figure


def octaves(table: pd.DataFrame) -> Figure:
    """Power over that of real slices, octave by octave, a line a set.

    Args:
        table: `octaves.power_over_real`: a row a set, a column an octave, the finest first.
    """
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    ax = figure.subplots()
    at = np.arange(table.shape[1])
    styles = cycle(("-", "--", ":", "-."))
    for (name, powers), marker, style in zip(
        table.iterrows(), cycle(MARKERS), styles, strict=False
    ):
        ax.plot(at, powers, marker, linestyle=style, markersize=7, label=name)
    ax.axhline(1, color="black", linewidth=1)
    ax.set_xticks(at, table.columns, fontsize=9)
    ax.set(xlabel="length of a wave, the finest first", ylabel="power over that of real slices")
    ax.set_ylim(0, max(1.2, 1.1 * float(np.nanmax(table.to_numpy(), initial=1))))
    ax.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=9)
    return figure


def surprise_maps(
    images: Sequence[np.ndarray],
    bits: Sequence[np.ndarray],
    places: Sequence[Sequence[int]],
    titles: Sequence[str],
    side: int = 5,
) -> Figure:
    """Slices above the bits that each of their codes costs, on one scale, the oddest place marked.

    Args:
        images: n slices (H, W) in [0, 1].
        bits: n maps (h, w).
        places: n middles (row, column) of the oddest window, on the grid.
        titles: n.
        side: of the window, in codes.
    """
    figure, axes = axes_grid(2, len(images), images[0].shape, together=0.9)
    cell = len(images[0]) / len(bits[0])
    most = np.percentile(np.stack(bits), 99)  # a few positions at a border cost many times as much
    for column, (image, cost, place, title) in enumerate(
        zip(images, bits, places, titles, strict=True)
    ):
        draw_slice(axes[0, column], image, title)
        draw_slice(axes[1, column], cost, cmap="viridis", vmin=0, vmax=most)
        mark_window(axes[0, column], place, side, cell)
        mark_window(axes[1, column], place, side, 1.0)
    figure.colorbar(axes[1, -1].images[0], ax=axes, label="bits a code", extend="max")
    return figure


def mark_window(ax: Axes, place: Sequence[int], side: int, cell: float) -> None:
    """A red square with a white rim around a window of codes, each `cell` pixels wide."""
    corner = [(where - side / 2 + 0.5) * cell - 0.5 for where in place]
    for color, width in (("white", 3.0), ("red", 1.5)):
        square = Rectangle(corner, side * cell, side * cell, fill=False, ec=color, lw=width)
        ax.add_patch(square)


def kept_and_paid(x: np.ndarray, x_hat: np.ndarray, bits: np.ndarray, place: float) -> Figure:
    """A slice and its reconstruction (H, W), five times the difference, and its bits (h, w)."""
    width, shape = 11.0, x.shape
    picture = min(width / 4 * shape[1] / shape[0], 4.0)
    figure = Figure(figsize=(width, picture + 0.5))
    axes = figure.subplots(1, 4)
    top = picture / (picture + 0.5)
    figure.subplots_adjust(left=0.005, right=0.93, bottom=0.01, top=top, wspace=0.03)
    error = np.abs(x_hat - x)
    draw_slice(axes[0], x, f"place {place:.2f}")
    draw_slice(axes[1], x_hat, "through the codes")
    draw_slice(axes[2], 5 * error, f"error × 5, mean {error.mean():.3f}")
    draw_slice(axes[3], bits, f"{bits.sum() / 8:.0f} bytes", cmap="viridis", vmax=12)
    bar = figure.colorbar(axes[3].images[0], cax=figure.add_axes((0.94, 0.1, 0.01, 0.6)))
    bar.set_label("bits a code")
    return figure


def alarm(
    normal: np.ndarray, odd: np.ndarray, kind: str, false_alarms: float, share_odd: float
) -> Figure:
    """Scores of usual (n,) and odd slices (m,), and what a threshold between them does.

    Args:
        normal, odd: scores; the higher the odder.
        kind: what is odd.
        false_alarms: share of usual slices above the threshold, 0 to 1.
        share_odd: of all slices, 0 to 1.
    """
    threshold = np.quantile(normal, 1 - false_alarms)
    caught, wrong = (odd > threshold).mean(), (normal > threshold).mean()
    rings = share_odd * caught + (1 - share_odd) * wrong
    right = share_odd * caught / rings if rings else 1.0
    figure = Figure(figsize=(9, 2.8), layout="constrained")
    ax = figure.subplots()
    ends = np.quantile(np.concatenate([normal, odd]), [0, 1])
    look = {"bins": np.linspace(*ends, 40), "alpha": 0.6, "density": True}
    ax.hist(normal, color=BLUE, label="usual", **look)
    ax.hist(odd, color=ORANGE, hatch="//", label=kind, **look)
    ax.axvline(threshold, color="black", linestyle="--", label="threshold")
    ax.set(xlabel="bits a code at the oddest place", ylabel="share", yticks=[])
    ax.set_title(
        f"catches {caught:.0%}, false alarms {wrong:.0%}; "
        f"with {share_odd:.1%} odd slices, {right:.0%} of the alarms are right",
        fontsize=10,
    )
    ax.legend(fontsize=8)
    return figure
