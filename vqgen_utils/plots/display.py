"""Putting a figure or an animation into the notebook."""

import base64
import html
import io

from matplotlib.figure import Figure

DPI = 110  # of the pictures in a notebook


def show(picture: Figure | bytes, alt: str) -> None:
    """Display a figure, or an animation as GIF, with a text for those who cannot see it."""
    from IPython.display import Image, display

    if isinstance(picture, Figure):
        display(Image(in_few_colours(to_png(picture))), metadata={"image/png": {"alt": alt}})
        return
    data = base64.b64encode(picture).decode()
    image = f'<img src="data:image/gif;base64,{data}" alt="{html.escape(alt)}">'
    display({"text/html": image, "text/plain": alt}, raw=True)


def to_png(figure: Figure, dpi: int = DPI) -> bytes:
    """The figure as a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def in_few_colours(png: bytes) -> bytes:
    """The same picture in 256 colours: no eye sees it, and a notebook is half as large."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
