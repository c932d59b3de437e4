"""Notebook 05's widgets: samples drawn live, and a drawing seen step by step."""

import numpy as np
import pytest
import torch

from vqgen_utils import plots
from vqgen_utils.config import PriorConfig, VQVAEConfig
from vqgen_utils.models import VQVAE, PixelCNN, height_features, sample
from vqgen_utils.teaching import widgets

GRID = (6, 4)


@pytest.fixture
def models():
    """A tiny VQ-VAE and prior with 8 codes, untrained, and lively enough to tell codes apart."""
    torch.manual_seed(0)
    vqvae = VQVAE(VQVAEConfig(num_embeddings=8, embedding_dim=4, hidden_dim=8)).eval()
    vqvae.codebook.embedding.copy_(torch.randn(8, 4) * 3)
    config = PriorConfig(prior_channels=8, prior_layers=2, prior_hidden_dim=8)
    prior = PixelCNN(config, 8, GRID).eval()
    torch.nn.init.normal_(prior.atlas.weight)
    return vqvae, prior


@pytest.fixture
def drawing(models):
    vqvae, prior = models
    told = height_features(torch.tensor([0.5]))
    codes = sample(prior, told, [3])[0]
    return widgets.samples.record_drawing(vqvae, prior, codes, told, air=0)


def test_a_recorded_drawing_holds_what_each_code_was_drawn_from(models, drawing):
    _, prior = models
    told = height_features(torch.tensor([0.5]))
    assert drawing.p.shape == (8, *GRID)
    assert torch.allclose(drawing.p.sum(0), torch.ones(GRID))
    with torch.no_grad():
        known = prior(drawing.codes[None], told)[0].softmax(0)
    assert torch.allclose(drawing.p, known, atol=1e-5)
    assert sorted(drawing.by_brightness.tolist()) == list(range(8))


def test_a_step_shows_the_codes_before_it_and_the_odds_of_the_next(models, drawing):
    vqvae, _ = models
    i, j = 2, 1
    figure = widgets.samples.step_figure(vqvae, drawing, i, j)
    left, right, below = figure.axes
    drawn = np.ma.getmaskarray(np.ma.masked_invalid(right.images[0].get_array().T))  # (h, w)
    assert (~drawn).sum() == i * GRID[1] + j  # those before (2, 1) in reading order
    assert not drawn[:i].any() and not drawn[i, :j].any()
    corners = {patch.get_xy() for patch in right.patches[1:]}
    assert corners == {(i - 0.5, j - 0.5)}
    assert {patch.get_xy() for patch in left.patches} == {(4 * i - 0.5, 4 * j - 0.5)}
    bars = below.patches[0].get_data().values
    assert bars == pytest.approx(drawing.p[drawing.by_brightness, i, j].numpy())
    (marker,) = below.lines
    rank = int(marker.get_xdata()[0])
    assert drawing.by_brightness[rank] == drawing.codes[i, j]


def test_what_is_not_drawn_yet_is_decoded_as_air(models, drawing):
    vqvae, _ = models
    first = widgets.samples.step_figure(vqvae, drawing, 0, 0).axes[0].images[0].get_array().T
    air = vqvae.decode(torch.full((1, *GRID), drawing.air))[0, 0].numpy()
    assert np.allclose(first, air)


def test_the_step_widget_walks(models, drawing):
    widget = widgets.samples.sampling_steps(models[0], drawing)
    (column, row), picture = widget.children[0].children, widget.children[1]
    assert column.description == "column from the left" and column.max == GRID[0] - 1
    assert row.description == "row from the bottom" and row.max == GRID[1] - 1
    before = picture.value
    row.value += 1
    assert picture.value != before


def test_every_control_of_the_sampler_changes_the_samples(models):
    widget = widgets.samples.sampler(*models)
    controls, picture = widget.children[0].children, widget.children[1]
    names = [control.description for control in controls]
    assert names == ["place", "temperature", "top-k", "seed"]
    assert controls[2].options == (1, 2, 4, 8)  # up to all of K
    for control, value in zip(controls, (0.9, 2.0, 2, 5), strict=True):
        before = picture.value
        control.value = value
        assert picture.value != before, control.description


def test_greedy_samples_are_all_alike(models):
    figure = widgets.samples.samples_figure(*models, height=0.5, temperature=0.0, top_k=8, seed=0)
    images = [ax.images[0].get_array() for ax in figure.axes]
    assert len(images) == 3
    assert all(np.array_equal(image, images[0]) for image in images)
    titles = [ax.get_title() for ax in figure.axes]
    assert [title.split(":")[0] for title in titles] == ["seed 0", "seed 1", "seed 2"]
    assert len({title.split(":")[1] for title in titles}) == 1  # the same bits
    assert figure.texts[0].get_text() == "variety: 0.000"


def test_distances_are_drawn_a_row_a_group_with_the_median_marked():
    groups = {"near": np.array([0.1, 0.2, 0.4]), "far": np.array([0.5, 0.9])}
    figure = plots.samples.distance_strips(groups, "distance")
    (ax,) = figure.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["near", "far"]
    assert [list(line.get_xdata()) for line in ax.lines] == [[0.1, 0.2, 0.4], [0.5, 0.9]]
    medians = [lines.get_segments()[0][0][0] for lines in ax.collections]
    assert medians == pytest.approx([0.2, 0.7])
