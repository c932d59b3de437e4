"""Putting a figure or an animation into the notebook, with its text for those who cannot see it."""

import base64
import html
import io

from matplotlib.figure import Figure

DPI = 110  # of the pictures in a notebook


def show(picture: Figure | bytes, alt: str) -> None:
    """Display a figure, or an animation as GIF, with a text that says what it shows."""
    from IPython.display import display

    png = in_few_colours(to_png(picture)) if isinstance(picture, Figure) else None
    image = as_html(png or picture, alt, "png" if png else "gif")
    display({"text/html": image, "text/plain": alt}, raw=True)


def as_html(picture: bytes, alt: str, kind: str = "png") -> str:
    """A picture and its text as HTML.

    The one form in which the text reaches every reader: of a picture's metadata JupyterLab and
    nbconvert's page of the same look read the width and the height, and not the text.
    """
    data = base64.b64encode(picture).decode()
    return f'<img src="data:image/{kind};base64,{data}" alt="{html.escape(alt)}">'


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
