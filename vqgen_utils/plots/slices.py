"""MR slices as pictures, and the house style that all figures share.

Slices and code grids are stored as the scanner's files have them, (right to left, back to front);
here they are turned so that the patient lies on the back, front at the top, as radiologists look at
them. MR is gray, numbers are viridis, and nothing is told by colour alone.
"""

import io
import itertools
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

TALLEST = 4  # inches; a picture of a slice that is higher than wide is drawn narrower instead
CHARACTERS = 11  # of a title that fit into an inch
UPRIGHT = 14  # of a row's name
LONG = 24  # characters of a name that fit into a label; a longer one keeps both of its ends


def short(name: str, longest: int = LONG) -> str:
    """A name as a label: "sub-01", or "prostate_left…_visit_2" where it is long."""
    name = str(name)
    end = (longest - 1) // 2
    return name if len(name) <= longest else f"{name[: longest - 1 - end]}…{name[-end:]}"


def wrapped(title: str, ax: Axes) -> str:
    """A title in as many lines as it takes to stay above its own axes, be a name ever so long."""
    place = ax.get_subplotspec()
    if place is None:
        return title
    fits = int(CHARACTERS * ax.figure.get_figwidth() / place.get_gridspec().ncols)
    lines = (textwrap.wrap(line, max(8, fits)) for line in title.split("\n"))
    return "\n".join(itertools.chain.from_iterable(lines))


def whole_numbers(axis: Axis) -> None:
    """Marks at whole numbers only: there are no half codes, steps or slices."""
    axis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))


def draw_slice(ax: Axes, image: np.ndarray, title: str = "", **options) -> None:
    """One slice or code grid (H, W), front at the top, without axes; gray in [0, 1] by default."""
    options = {"cmap": "gray", "vmin": 0, "vmax": 1, "interpolation": "nearest"} | options
    ax.imshow(np.asarray(image, np.float32).T, origin="lower", **options)
    ax.set_title(wrapped(title, ax), fontsize=10, parse_math=False)
    ax.axis("off")


def axes_grid(
    rows: int,
    columns: int,
    shape: Sequence[int],
    width: float = 11.0,
    together: float = 1.0,
    lowest: float = 0.0,
):
    """A figure with a grid of axes for slices of `shape` (H, W): (figure, axes (rows, columns)).

    With `together` below 1 the pictures move together in that share of the height, but for those
    that are so narrow that their titles would run into each other. A row has `lowest` inches at
    least, for what stands beside it.
    """
    cell = width / columns
    filling = cell * shape[1] / shape[0]  # the height of a picture as wide as its cell
    picture = max(min(filling, max(cell, TALLEST)), lowest)
    close = together < 1 and picture == filling
    height = (rows * (picture + 0.25) + 0.1) * (together if close else 1)
    figure = Figure(figsize=(width, height), layout="compressed" if close else "constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def rows(rows: dict[str, Sequence[np.ndarray]], titles: Sequence[str] = ()) -> Figure:
    """Named rows of slices under each other, such as originals over their reconstructions.

    Args:
        rows: name -> n slices (H, W) in [0, 1]; the name stands left of its row.
        titles: n titles for the first row, or rows x n titles for all, in reading order.
    """
    columns = max(len(images) for images in rows.values())
    first = next(iter(rows.values()))[0]
    lowest = max(map(len, rows)) / UPRIGHT
    figure, axes = axes_grid(len(rows), columns, first.shape, lowest=lowest)
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


def sheet(images: Sequence[np.ndarray], titles: Sequence[str], columns: int = 6) -> Figure:
    """Slices (H, W) in [0, 1] in reading order, each with its title."""
    rows = -(-len(images) // columns)
    figure, axes = axes_grid(rows, columns, images[0].shape)
    for number, ax in enumerate(axes.flat):
        ax.axis("off")
        if number < len(images):
            draw_slice(ax, images[number], titles[number])
    return figure


def mark_reading_order(ax: Axes, first: tuple[int, int], then: tuple[int, int]) -> None:
    """Two arrows beside a picture: codes are read along `first`, and line after line along `then`.

    A direction is (1, 0) to the right, (0, 1) up, (0, -1) down.
    """
    for number, direction in enumerate((first, then), start=1):
        beside = (0, -0.06) if direction[0] else (-0.04, 1 if direction[1] < 0 else 0)
        corner = np.array(beside)
        end = corner + 0.4 * np.array(direction)
        arrow = {"arrowstyle": "-|>", "color": "#d55e00"}
        ax.annotate("", end, corner, "axes fraction", "axes fraction", arrow, annotation_clip=False)
        ax.annotate(
            f"{number}.", end, xycoords="axes fraction", color="#d55e00", ha="center", va="center",
            xytext=8 * np.array(direction), textcoords="offset points", annotation_clip=False,
        )  # fmt: skip


def maps(
    images: Sequence[np.ndarray],
    titles: Sequence[str],
    cmap: str = "viridis",
    label: str = "",
    order: bool = False,
) -> Figure:
    """A few maps of numbers (H, W) side by side, each with its own scale beside it.

    `order` marks the reading order of codes: upwards, then column after column to the right.
    """
    figure, axes = axes_grid(1, len(images), images[0].shape)
    figure.set_figheight(figure.get_figheight() + 0.3)
    for ax, image, title in zip(axes[0], images, titles, strict=True):
        gray = cmap == "gray"
        draw_slice(ax, image, title, cmap=cmap, vmin=0 if gray else None, vmax=1 if gray else None)
        figure.colorbar(ax.images[0], ax=ax, shrink=0.7, label=label)
        if order:
            mark_reading_order(ax, (0, 1), (1, 0))
    return figure


def animation(frames: Sequence[np.ndarray], milliseconds: int = 80, zoom: int = 2) -> bytes:
    """Slices (H, W) in [0, 1] as an endless GIF, turned like every slice here.

    It opens on the last of them, so that what stands still in print is the finished one.
    """
    from PIL import Image

    pictures = []
    for frame in (frames[-1], *frames[:-1]):
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
        duration=[1500] + [milliseconds] * (len(pictures) - 1),
        loop=0,
    )
    return buffer.getvalue()
