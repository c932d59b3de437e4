"""Putting a figure, an animation or source text into the notebook."""

import base64
import html
import inspect
import io
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from vqgen_utils.plots.slices import animation

DPI = 80  # of the pictures in a notebook: readable, and a notebook stays under 1.5 MB


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
