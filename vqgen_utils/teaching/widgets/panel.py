"""What every widget here is made of: labelled controls above one picture."""

import base64
import html
from collections.abc import Callable

import ipywidgets
from matplotlib.figure import Figure

from vqgen_utils import plots

WIDE = {"description_width": "initial"}  # a label is never cut off
LONG = {"width": "26em"}  # of a slider: 32 stops are still some pixels apart


def slider(
    label: str, value: int, maximum: int, minimum: int = 0, live: bool = False
) -> ipywidgets.IntSlider:
    """A slider over integers, moved by mouse or arrow keys.

    It reports when it is let go; a `live` one, above a picture soon drawn, also while it is moved.
    """
    return ipywidgets.IntSlider(
        value, minimum, maximum, description=label, continuous_update=live, style=WIDE, layout=LONG
    )


def choice(label: str, options: list, value=None) -> ipywidgets.Dropdown:
    """A list to choose from; the first entry if no value is given."""
    value = options[0] if value is None else value
    return ipywidgets.Dropdown(options=options, value=value, description=label, style=WIDE)


def panel(
    draw: Callable[..., Figure], alt: str, controls: dict[str, ipywidgets.Widget]
) -> ipywidgets.VBox:
    """Controls above the picture they change.

    Args:
        draw: called with the controls' values by name; returns the figure to show.
        alt: a text for those who cannot see the picture.
        controls: argument of `draw` -> the widget whose value it gets.

    Returns:
        The controls, wrapped to the width of the page, and the picture as an `<img>` under them.
    """
    picture = ipywidgets.HTML()

    def redraw(_change=None) -> None:
        figure = draw(**{name: control.value for name, control in controls.items()})
        data = base64.b64encode(plots.to_png(figure)).decode()
        picture.value = f'<img src="data:image/png;base64,{data}" alt="{html.escape(alt)}">'

    for control in controls.values():
        control.observe(redraw, names="value")
    redraw()
    wrapped = ipywidgets.Layout(flex_flow="row wrap")
    return ipywidgets.VBox([ipywidgets.HBox(list(controls.values()), layout=wrapped), picture])
