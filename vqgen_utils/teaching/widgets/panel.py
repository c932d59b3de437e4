"""What every widget here is made of: labelled controls above one picture."""

from collections.abc import Callable

import ipywidgets
from matplotlib.figure import Figure

from vqgen_utils import plots
from vqgen_utils.plots.display import as_html

WIDE = {"description_width": "initial"}  # a label is never cut off


def long(label: str) -> dict[str, str]:
    """The width of a slider that has room for its label and for 32 stops some pixels apart."""
    return {"width": f"{28 + 0.6 * len(label):.0f}em"}


def slider(
    label: str, value: int, maximum: int, minimum: int = 0, live: bool = False
) -> ipywidgets.IntSlider:
    """A slider over integers, moved by mouse or arrow keys.

    It reports when it is let go; a `live` one, above a picture soon drawn, also while it is moved.
    """
    return ipywidgets.IntSlider(
        value,
        minimum,
        maximum,
        description=label,
        continuous_update=live,
        style=WIDE,
        layout=long(label),
    )


def choice(label: str, options: list, value=None) -> ipywidgets.Dropdown:
    """A list to choose from; the first entry if no value is given."""
    value = options[0] if value is None else value
    return ipywidgets.Dropdown(options=options, value=value, description=label, style=WIDE)


def said(figure: Figure) -> str:
    """What is written above and below a figure's pictures, as one text."""
    written = [ax.get_title() for ax in figure.axes] + [text.get_text() for text in figure.texts]
    return "; ".join(" ".join(text.split()) for text in written if text.strip())


def panel(
    draw: Callable[..., Figure],
    alt: str,
    controls: dict[str, ipywidgets.Widget],
    picture: ipywidgets.DOMWidget | None = None,
) -> ipywidgets.VBox:
    """Controls above the picture they change.

    Args:
        draw: called with the controls' values by name; returns the figure to show.
        alt: what the picture is, for those who cannot see it; its titles, which say what came
            out, are added.
        controls: argument of `draw` -> the widget whose value it gets.
        picture: gets the `<img>` as its value; plain HTML if not given.

    Returns:
        The controls, wrapped to the width of the page, and the picture as an `<img>` under them.
    """
    picture = ipywidgets.HTML() if picture is None else picture

    def redraw(_change=None) -> None:
        figure = draw(**{name: control.value for name, control in controls.items()})
        picture.value = as_html(plots.to_png(figure), f"{alt} {said(figure)}".strip())

    for control in controls.values():
        control.observe(redraw, names="value")
    redraw()
    wrapped = ipywidgets.Layout(flex_flow="row wrap")
    return ipywidgets.VBox([ipywidgets.HBox(list(controls.values()), layout=wrapped), picture])
