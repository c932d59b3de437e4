"""The receptive-field explorer, its figure and the measurements under both."""

import numpy as np
import pytest
import torch

from vqgen_utils import plots
from vqgen_utils.teaching.demos import receptive_field
from vqgen_utils.teaching.widgets import prior


def title(figure) -> str:
    return figure.axes[0].get_title()


def marks(figure, marker: str) -> list[tuple[int, int]]:
    """Where a marker stands, as (row, column)."""
    lines = [line for line in figure.axes[0].lines if line.get_marker() == marker]
    return [(int(y), int(x)) for line in lines for x, y in line.get_xydata()]


def test_every_control_has_a_label_and_changes_the_picture():
    widget = prior.receptive_field_explorer()
    controls, picture = widget.children[0].children, widget.children[1]
    assert [control.description for control in controls] == ["network", "layers", "kernel"]
    network, layers, kernel = controls
    seen = [picture.value]
    for change in (
        lambda: setattr(network, "value", "gated, two stacks"),
        lambda: setattr(layers, "value", 7),
        lambda: setattr(kernel, "value", 5),
    ):
        change()
        seen.append(picture.value)
    assert len(set(seen)) == 4
    assert 'alt="A grid of codes' in picture.value


@pytest.mark.parametrize("network", receptive_field.NETWORKS)
def test_the_deepest_and_widest_choice_fits_the_grid(network):
    reach = 8 * (5 // 2)
    assert (
        prior.POSITION[0] >= reach
        and prior.POSITION[1] >= reach
        and prior.GRID[1] - prior.POSITION[1] > reach
    )
    share = receptive_field.blind_share(8, 5, network)
    assert f"misses {share:.1%}" in title(prior.receptive_field_figure(network, 8, 5))


def test_the_title_says_what_is_missed_and_what_leaks():
    plain = prior.receptive_field_figure("plain masked stack", 3, 3)
    assert "depth 3" in title(plain) and "misses 12.5%" in title(plain)
    assert "must not" not in title(plain)
    leaking = prior.receptive_field_figure("last layer not masked", 3, 3)
    assert "must not" in title(leaking)


def test_crosses_stand_on_what_is_missed_and_rings_on_what_leaks():
    field = np.zeros((3, 4))
    field[0] = [1, 0.5, 1, 0]
    field[1, 1] = 1  # the position itself
    field[2, 3] = 1  # a later one
    figure = plots.prior.receptive_fields({"one": field}, (1, 1))
    assert marks(figure, "x") == [(0, 1)]
    assert marks(figure, "s") == [(1, 1)]
    assert marks(figure, "o") == [(1, 1), (2, 3)]
    assert "misses 33.3%" in title(figure) and "sees 2 that" in title(figure)


def test_the_gated_network_misses_nothing_at_any_depth():
    assert [
        receptive_field.blind_share(layers, 3, "gated, two stacks") for layers in (1, 3, 5, 8)
    ] == [0.0] * 4


@pytest.mark.parametrize("layers", [1, 3, 5, 8, 12])
def test_the_plain_stack_misses_the_wedge_that_geometry_says(layers):
    """At m rows above it reaches m columns to the right, of `layers`."""
    allowed = layers * (2 * layers + 1) + layers
    wedge = layers * (layers - 1) / 2
    assert receptive_field.blind_share(layers, 3) == pytest.approx(wedge / allowed)


def test_masks_open_what_comes_before_and_the_centre_in_type_b():
    assert receptive_field.causal_mask(3, centre=False).tolist() == [
        [1, 1, 1],
        [1, 0, 0],
        [0, 0, 0],
    ]
    assert receptive_field.causal_mask(3, centre=True).tolist() == [[1, 1, 1], [1, 1, 0], [0, 0, 0]]
    first, *others = receptive_field.plain_masks(3, 5)
    assert torch.equal(first, receptive_field.causal_mask(5, False))
    assert all(torch.equal(mask, receptive_field.causal_mask(5, True)) for mask in others)
    assert receptive_field.plain_masks(3, 5, mask_last=False)[-1].all()


def test_a_field_says_seen_missed_or_neither():
    seen = torch.zeros(3, 3, dtype=torch.bool)
    seen[0, 0] = True
    field = receptive_field.seen_and_missed(seen, 1, 3, (1, 1))
    assert field.tolist() == [[1, 0.5, 0.5], [0.5, 0, 0], [0, 0, 0]]
