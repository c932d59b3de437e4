"""A picture that says where it was clicked, and which of its keys was pressed."""

import anywidget
import traitlets

IN_THE_BROWSER = """
const KEYS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Enter", " "];

function render({ model, el }) {
  const show = () => {
    el.innerHTML = model.get("value");
    el.querySelectorAll("img").forEach((image) => { image.style.maxWidth = "100%"; });
  };
  el.tabIndex = 0;  // can be reached by Tab, like a button
  el.style.cursor = "crosshair";
  el.setAttribute("role", "application");  // screen readers pass the keys on
  el.setAttribute("aria-label", model.get("label"));
  el.setAttribute("data-lm-suppress-shortcuts", "true");  // JupyterLab leaves the keys to us
  el.addEventListener("click", (event) => {
    const box = el.querySelector("img").getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    model.send({ x: x / box.width, y: y / box.height });
  });
  el.addEventListener("keydown", (event) => {
    if (!KEYS.includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    model.send({ key: event.key });
  });
  model.on("change:value", show);
  show();
}
export default { render };
"""


class Clickable(anywidget.AnyWidget):
    """Like `ipywidgets.HTML` with an `<img>`, and its messages say what was done to it.

    A message, for `on_msg`, is {"x", "y"}, 0 to 1 from the left and the top of the picture, or
    {"key"}: an arrow key, Enter or the space bar. The label tells what the keys do.
    """

    _esm = IN_THE_BROWSER
    value = traitlets.Unicode().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
