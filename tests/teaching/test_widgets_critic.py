"""The widget of notebook 13: what it draws follows its controls."""

import numpy as np

from vqgen_utils.plots.beyond import critic as figures
from vqgen_utils.teaching.widgets.beyond import critic as controls

RNG = np.random.default_rng(0)


def test_the_dials_ask_for_their_settings():
    asked = []

    def draw(number, share, strength, seed):
        asked.append((number, share, strength, seed))
        return figures.dialled(*RNG.random((2, 16, 8)), "painted", (4, 0))

    widget = controls.dials(draw, 6, 2)
    by_name = {control.description: control for control in widget.children[0].children}
    by_name["slice, by place"].value = 5
    by_name["weights of the critic's decoder"].value = 0.25
    by_name["strength of the noise"].value = 0.0
    by_name["seed of the noise"].value = 3
    assert asked == [
        (2, 1.0, 1.0, 0), (5, 1.0, 1.0, 0), (5, 0.25, 1.0, 0), (5, 0.25, 0.0, 0), (5, 0.25, 0.0, 3),
    ]  # fmt: skip
