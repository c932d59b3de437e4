"""Putting a figure or an animation into the notebook."""

import base64
import html
import io

from matplotlib.figure import Figure

DPI = 80  # of the pictures in a notebook: readable, and a notebook stays under 1.5 MB


def show(picture: Figure | bytes, alt: str) -> None:
    """Display a figure, or an animation as GIF, with a text for those who cannot see it."""
    from IPython.display import Image, display

    if isinstance(picture, Figure):
        display(Image(to_png(picture)), metadata={"image/png": {"alt": alt}})
        return
    data = base64.b64encode(picture).decode()
    image = f'<img src="data:image/gif;base64,{data}" alt="{html.escape(alt)}">'
    display({"text/html": image, "text/plain": alt}, raw=True)


def to_png(figure: Figure, dpi: int = DPI) -> bytes:
    """The figure as a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()
