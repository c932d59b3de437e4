"""The widget of notebook 12 moves the position that asks, and draws whom it listens to."""

import torch

from vqgen_utils.config import PriorConfig
from vqgen_utils.models import PixelCNN, height_features
from vqgen_utils.models.beyond import RowAttention, attention
from vqgen_utils.teaching.demos import receptive_field
from vqgen_utils.teaching.widgets.beyond import attention as widgets

GRID = (8, 4)


def prior() -> PixelCNN:
    config = PriorConfig(prior_channels=8, prior_layers=2, prior_hidden_dim=32)
    torch.manual_seed(0)
    model = PixelCNN(config, 8, GRID, looks={1: RowAttention(8, GRID)}).eval()
    torch.nn.init.normal_(model.looks["1"].out.weight)
    return model


def test_moving_the_position_draws_another_picture():
    codes = torch.randint(8, GRID, generator=torch.Generator().manual_seed(1))
    told = height_features(torch.tensor([0.5]))[0]
    box = widgets.where_it_looks(prior(), torch.rand(32, 16), codes, told)
    line, place = box.children[0].children
    pictures = [box.children[1].value]
    for slider in (line, place):
        slider.value -= 1
        pictures.append(box.children[1].value)
    assert len(set(pictures)) == 3
    assert "head 4" in pictures[0] and "beyond the layers" in pictures[0]


def test_every_position_listens_to_its_row_and_those_above():
    codes, told = torch.zeros(GRID, dtype=torch.long), height_features(torch.tensor([0.5]))[0]
    weights = attention.heard_from(prior(), codes, told)  # (heads, h*w, h*w)
    assert torch.allclose(weights.sum(2), torch.ones(4, 32))
    assert (weights[:, ~attention.rows_so_far(GRID)] == 0).all()


def test_a_prior_with_attention_sees_all_before_a_position_and_nothing_else():
    codes, told = torch.zeros(GRID, dtype=torch.long), height_features(torch.tensor([0.5]))[0]
    field = receptive_field.field_of_prior(prior(), codes, told, (6, 2))
    assert (field.ravel()[: 6 * 4 + 2] == 1).mean() > 0.9 and (field.ravel()[26:] == 0).all()
    plain = PixelCNN(prior().config, 8, GRID).eval()
    field = receptive_field.field_of_prior(plain, codes, told, (6, 2))
    assert (field[:3] == 0.5).all() and (field[3:6] == 1).any()
