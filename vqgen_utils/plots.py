"""Pictures: pure functions from arrays to a matplotlib `Figure`.

Slices and code grids are stored as the scanner's files have them, (right to left, back to front);
here they are turned so that the patient lies on the back, front at the top, as radiologists look at
them. MR is gray, numbers are viridis, and nothing is told by colour alone.
"""

import base64
import html
import inspect
import io
import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

DPI = 80  # of the pictures in a notebook: readable, and a notebook stays under 1.5 MB
LABEL_NAMES = ("background", "body", "bone", "bladder", "rectum", "prostate")


def show(figure: Figure, alt: str) -> None:
    """Display a figure in the notebook, with a text for those who cannot see it."""
    from IPython.display import Image, display

    display(Image(to_png(figure)), metadata={"image/png": {"alt": alt}})


def show_animation(frames: Sequence[np.ndarray], alt: str) -> None:
    """Display slices (H, W) in [0, 1] as an endless animation."""
    from IPython.display import display

    data = base64.b64encode(animation(frames)).decode()
    image = f'<img src="data:image/gif;base64,{data}" alt="{html.escape(alt)}">'
    display({"text/html": image, "text/plain": alt}, raw=True)


def show_source(*functions) -> None:
    """Display the package's own text of functions, so that what is read is what runs."""
    from IPython.display import Markdown, display

    texts = [textwrap.dedent(inspect.getsource(function)) for function in functions]
    display(Markdown("```python\n" + "\n".join(texts) + "```"))


def to_png(figure: Figure, dpi: int = DPI) -> bytes:
    """The figure as a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def draw_slice(ax: Axes, image: np.ndarray, title: str = "", **options) -> None:
    """One slice or code grid (H, W), front at the top, without axes; gray in [0, 1] by default."""
    options = {"cmap": "gray", "vmin": 0, "vmax": 1, "interpolation": "nearest"} | options
    ax.imshow(np.asarray(image, np.float32).T, origin="lower", **options)
    ax.set_title(title, fontsize=9)
    ax.axis("off")


def axes_grid(rows: int, columns: int, shape: Sequence[int], width: float = 11.0):
    """A figure with a grid of axes for slices of `shape` (H, W): (figure, axes (rows, columns))."""
    cell = width / columns
    height = rows * (cell * shape[1] / shape[0] + 0.25)
    figure = Figure(figsize=(width, height + 0.1), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def slice_rows(rows: dict[str, Sequence[np.ndarray]], titles: Sequence[str] = ()) -> Figure:
    """Named rows of slices under each other, such as originals over their reconstructions.

    Args:
        rows: name -> n slices (H, W) in [0, 1]; the name stands left of its row.
        titles: n titles for the first row, or rows x n titles for all, in reading order.
    """
    columns = max(len(images) for images in rows.values())
    first = next(iter(rows.values()))[0]
    figure, axes = axes_grid(len(rows), columns, first.shape)
    for row, (name, images) in enumerate(rows.items()):
        for column, ax in enumerate(axes[row]):
            ax.axis("off")
            if column < len(images):
                number = row * columns + column
                title = titles[number] if number < len(titles) else ""
                draw_slice(ax, images[column], title)
        axes[row, 0].text(
            -0.04, 0.5, name, transform=axes[row, 0].transAxes, rotation=90, ha="right", va="center"
        )
    return figure


def slice_sheet(images: Sequence[np.ndarray], titles: Sequence[str], columns: int = 6) -> Figure:
    """Slices (H, W) in [0, 1] in reading order, each with its title."""
    rows = -(-len(images) // columns)
    figure, axes = axes_grid(rows, columns, images[0].shape)
    for number, ax in enumerate(axes.flat):
        ax.axis("off")
        if number < len(images):
            draw_slice(ax, images[number], titles[number])
    return figure


def label_overlay(images: Sequence[np.ndarray], labels: Sequence[np.ndarray]) -> Figure:
    """Slices above the same slices with their tissues drawn in, and the key beside them.

    Args:
        images: n slices (H, W) in [0, 1].
        labels: n label slices (H, W), integers 0-5.
    """
    figure, axes = axes_grid(2, len(images), images[0].shape)
    tissues = len(LABEL_NAMES)
    for column, (image, label) in enumerate(zip(images, labels, strict=True)):
        draw_slice(axes[0, column], image)
        draw_slice(axes[1, column], image)
        masked = np.ma.masked_less(label, 1)
        axes[1, column].imshow(
            masked.T, origin="lower", cmap="viridis", vmin=0, vmax=tissues - 1, alpha=0.6
        )
    mappable = axes[1, -1].images[-1]
    bar = figure.colorbar(mappable, ax=axes[1, :], ticks=range(tissues), shrink=0.9)
    bar.ax.set_yticklabels([f"{value} {name}" for value, name in enumerate(LABEL_NAMES)])
    bar.ax.tick_params(labelsize=7)
    return figure


def intensity_histograms(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> Figure:
    """Histograms of a few volumes as stored and as scaled: name -> voxel values."""
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    axes = figure.subplots(1, 2)
    for ax, values, title in ((axes[0], before, "as stored"), (axes[1], after, "scaled to [0, 1]")):
        for style, (name, voxels) in zip(("-", "--", ":", "-."), values.items(), strict=False):
            ax.hist(voxels, bins=120, histtype="step", label=name, linestyle=style)
        ax.set(yscale="log", xlabel="intensity", ylabel="voxels", title=title)
        ax.legend(fontsize=8)
    return figure


def bar_counts(table: pd.DataFrame, xlabel: str, ylabel: str) -> Figure:
    """A bar a row of `table`, its columns stacked on each other."""
    figure = Figure(figsize=(10, 2.8), layout="constrained")
    ax = figure.subplots()
    at, below = np.arange(len(table)), np.zeros(len(table))
    for number, column in enumerate(table.columns):
        hatch = ("", "//", "..")[number % 3]
        ax.bar(at, table[column], 1.0, below, label=str(column), hatch=hatch, edgecolor="white")
        below = below + table[column].to_numpy()
    step = max(1, len(table) // 24)
    ax.set_xticks(at[::step], table.index[::step], fontsize=8)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.legend(fontsize=8, loc="lower left")
    return figure


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


def maps(
    images: Sequence[np.ndarray], titles: Sequence[str], cmap: str = "viridis", label: str = ""
) -> Figure:
    """A few maps of numbers (H, W) side by side, each with its own scale beside it."""
    figure, axes = axes_grid(1, len(images), images[0].shape)
    figure.set_figheight(figure.get_figheight() + 0.3)
    for ax, image, title in zip(axes[0], images, titles, strict=True):
        gray = cmap == "gray"
        draw_slice(ax, image, title, cmap=cmap, vmin=0 if gray else None, vmax=1 if gray else None)
        figure.colorbar(ax.images[0], ax=ax, shrink=0.7, label=label)
    return figure


def code_maps(images: Sequence[np.ndarray], codes: Sequence[np.ndarray], number: int) -> Figure:
    """Slices above their code grids; a code's colour is its number, of `number` codes in all."""
    figure, axes = axes_grid(2, len(images), images[0].shape)
    for column, (image, grid) in enumerate(zip(images, codes, strict=True)):
        draw_slice(axes[0, column], image)
        draw_slice(axes[1, column], grid, cmap="viridis", vmin=0, vmax=number - 1)
    figure.colorbar(axes[1, -1].images[0], ax=axes[1, :], label="code", shrink=0.9)
    return figure


def patch_sheets(sheets: dict[str, np.ndarray], columns: int = 32) -> Figure:
    """Sheets of small patches under each other, in reading order: title -> (K, 4, 4) in [0, 1]."""
    figure = Figure(figsize=(11, 2.0 * len(sheets)), layout="constrained")
    axes = figure.subplots(len(sheets), 1, squeeze=False)[:, 0]
    for ax, (title, patches) in zip(axes, sheets.items(), strict=True):
        number, side, _ = patches.shape
        step, rows = side + 1, -(-number // columns)  # a gap of one pixel around each patch
        sheet = np.full((columns * step + 1, rows * step + 1), np.nan)
        for place, patch in enumerate(patches):
            row, column = divmod(place, columns)
            left, bottom = column * step + 1, (rows - 1 - row) * step + 1
            sheet[left : left + side, bottom : bottom + side] = patch
        draw_slice(ax, sheet, title)
    return figure


def usage(counts: np.ndarray, perplexity: float) -> Figure:
    """How often each code is used, most used first, beside an even share."""
    share = np.sort(counts)[::-1] / counts.sum()
    figure = Figure(figsize=(10, 2.8), layout="constrained")
    ax = figure.subplots()
    ax.bar(range(len(share)), 100 * share, width=1.0)
    ax.axhline(100 / len(share), color="black", linestyle="--", label="even share")
    ax.set(xlabel="codes, most used first", ylabel="share of positions (%)")
    ax.set_title(f"{(counts > 0).sum()} of {len(counts)} codes used, perplexity {perplexity:.1f}")
    ax.legend(fontsize=8)
    return figure


def heatmap(table: pd.DataFrame, xlabel: str, ylabel: str, label: str) -> Figure:
    """A table of numbers as a picture."""
    figure = Figure(figsize=(10, 0.28 * len(table) + 1.3), layout="constrained")
    ax = figure.subplots()
    image = ax.imshow(table.to_numpy(float), cmap="viridis", aspect="auto", interpolation="nearest")
    step = max(1, table.shape[1] // 32)
    ax.set_xticks(range(0, table.shape[1], step), table.columns[::step], fontsize=7, rotation=90)
    ax.set_yticks(range(len(table)), table.index, fontsize=8)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    figure.colorbar(image, ax=ax, label=label)
    return figure


def scatter(points: np.ndarray, sizes: np.ndarray, groups: Sequence[str], title: str) -> Figure:
    """Points (n, 2) with a marker a group."""
    figure = Figure(figsize=(7, 5), layout="constrained")
    ax = figure.subplots()
    for marker, group in zip("osD^vPX*", sorted(set(groups)), strict=False):
        chosen = np.array([g == group for g in groups])
        ax.scatter(*points[chosen].T, s=sizes[chosen], marker=marker, alpha=0.7, label=group)
    ax.set(xlabel="first principal component", ylabel="second principal component", title=title)
    ax.legend(fontsize=8)
    return figure


def receptive_fields(fields: dict[str, np.ndarray], position: tuple[int, int]) -> Figure:
    """What a position sees, one panel a model: title -> (H, W), 1 seen, 0.5 allowed but missed, 0.

    Drawn in reading order (row 0 at the top), not as anatomy.
    """
    figure = Figure(figsize=(3.4 * len(fields), 2.6), layout="constrained")
    axes = figure.subplots(1, len(fields), squeeze=False)[0]
    for ax, (title, field) in zip(axes, fields.items(), strict=True):
        ax.imshow(field, cmap="cividis", vmin=0, vmax=1, interpolation="nearest")
        missed = np.argwhere(field == 0.5)
        ax.plot(missed[:, 1], missed[:, 0], "x", color="white", markersize=4)
        ax.plot(position[1], position[0], "s", color="red", markersize=6)
        ax.set_title(title, fontsize=9)
        ax.set(xticks=[], yticks=[])
    return figure


def distributions(
    slices: Sequence[np.ndarray], positions: Sequence[tuple[int, int]], bars: Sequence[np.ndarray],
    true: Sequence[int], stride: int,
) -> Figure:  # fmt: skip
    """The prior's next-code distribution at a few positions of a slice.

    Args:
        slices: n slices (H, W), one a position.
        positions: n (row, column) on the code grid.
        bars: n (K,) probabilities.
        true: n codes that really stand there.
        stride: pixels a code covers.
    """
    figure = Figure(figsize=(11, 1.7 * len(slices)), layout="constrained")
    axes = figure.subplots(len(slices), 2, width_ratios=(1, 2.2), squeeze=False)
    for (left, right), image, (i, j), p, code in zip(
        axes, slices, positions, bars, true, strict=True
    ):
        draw_slice(left, image)
        left.plot((i + 0.5) * stride, (j + 0.5) * stride, "s", mfc="none", mec="red", markersize=9)
        right.bar(range(len(p)), p, width=1.0)
        right.plot(code, p[code], "rv", label=f"true code {code}: p = {p[code]:.2f}")
        right.set(ylabel="probability", ylim=(0, max(0.3, float(p.max()) * 1.2)))
        right.legend(fontsize=8)
    axes[-1, 1].set_xlabel("code")
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


def animation(frames: Sequence[np.ndarray], milliseconds: int = 80, zoom: int = 2) -> bytes:
    """Slices (H, W) in [0, 1] as an endless GIF, turned like every slice here."""
    from PIL import Image

    pictures = []
    for frame in frames:
        pixels = np.uint8(np.clip(np.asarray(frame, np.float32).T[::-1], 0, 1) * 255)
        picture = Image.fromarray(pixels)
        pictures.append(
            picture.resize((picture.width * zoom, picture.height * zoom), Image.NEAREST)
        )
    buffer = io.BytesIO()
    pictures[0].save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=[milliseconds] * (len(pictures) - 1) + [1500],
        loop=0,
    )
    return buffer.getvalue()
