"""A place to answer before the answer is seen."""

import bisect
from collections.abc import Sequence

import ipywidgets
from IPython.display import display


class Prediction:
    """What a learner expects, chosen once: `compare` puts it beside what came out."""

    def __init__(self, question: str, options: Sequence[str]):
        self.question = question
        wide = ipywidgets.Layout(width="max-content")
        self.buttons = ipywidgets.RadioButtons(options=options, value=None, layout=wide)

    def compare(self, outcome: str) -> None:
        """Print the prediction beside the outcome; from then on it cannot be changed."""
        chosen = self.buttons.value
        if chosen is None:
            print(f"{self.question}: {outcome} (no prediction was made)")
            return
        self.buttons.disabled = True
        mark = "✓ " if chosen == outcome else ""
        print(f"{mark}{self.question}: {outcome} (your prediction: {chosen})")

    def compare_number(self, number: float, edges: Sequence[float]) -> None:
        """Compare with the option that a number falls into: `edges` are where the next begin."""
        self.compare(self.buttons.options[bisect.bisect_right(edges, number)])


def predict(question: str, options: Sequence[str]) -> Prediction:
    """Ask what will come out, with options to choose from; a page without a kernel lists them."""
    prediction = Prediction(question, options)
    label = ipywidgets.HTML(f"<b>Predict:</b> {question}")
    bundle = ipywidgets.VBox([label, prediction.buttons])._repr_mimebundle_()
    bundle["text/plain"] = "\n".join([f"Predict: {question}", *(f"  ( ) {one}" for one in options)])
    display(bundle, raw=True)
    return prediction
