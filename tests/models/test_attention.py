"""A prior that looks farther stays causal, and its sampler computes exactly the same."""

import pytest
import torch

from vqgen_utils.config import PriorConfig
from vqgen_utils.models import PixelCNN, height_features, sample, sampling
from vqgen_utils.models.beyond import Mirror, RowAttention, attention

K, C = 20, 8
GRIDS = [(6, 4), (7, 5), (2, 3)]
LOOKS = {
    "attention": lambda grid: {1: RowAttention(C, grid, heads=2)},
    "mirror": lambda grid: {0: Mirror(C, grid)},
    "both": lambda grid: {0: Mirror(C, grid), 1: RowAttention(C, grid, heads=2)},
}


def prior(looks, grid, scale=0.3):
    """A small prior with every weight random, also those that begin at zero."""
    config = PriorConfig(prior_channels=C, prior_layers=3, prior_hidden_dim=16)
    model = PixelCNN(config, K, grid, looks=LOOKS[looks](grid) if looks else None).eval()
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * scale
    return model


def random_codes(batch, grid):
    return torch.randint(K, (batch, *grid), generator=torch.Generator().manual_seed(1))


def heights(batch):
    return height_features(torch.linspace(0, 1, batch))


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("looks", LOOKS)
def test_changing_a_code_moves_only_later_logits(looks, grid):
    model, codes = prior(looks, grid), random_codes(1, grid)
    with torch.no_grad():
        before = model(codes, heights(1))[0].flatten(1)  # (K, h*w)
        for place in range(grid[0] * grid[1]):
            changed = codes.clone()
            changed.view(-1)[place] = (changed.view(-1)[place] + 1) % K
            moved = (model(changed, heights(1))[0].flatten(1) - before).abs().amax(0) > 1e-5
            assert not moved[: place + 1].any()


@pytest.mark.parametrize("looks", LOOKS)
def test_the_last_row_hears_of_the_first_although_the_layers_do_not_reach_it(looks):
    grid = (14, 3)
    for name, expected in ((looks, True), ("", False)):
        model, codes = prior(name, grid), random_codes(1, grid)
        changed = codes.clone()
        changed[0, 0] = (changed[0, 0] + 1) % K
        with torch.no_grad():
            moved = (model(changed, heights(1)) - model(codes, heights(1)))[0, :, -1].abs().max()
        assert (moved > 1e-5) == expected


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("batch", [1, 3, 16])
@pytest.mark.parametrize("looks", LOOKS)
def test_incremental_logits_equal_the_full_forward_pass(looks, batch, grid):
    model, codes = prior(looks, grid), random_codes(batch, grid)
    with torch.no_grad():
        full = model(codes, heights(batch))
    assert (sampling.incremental_logits(model, codes, heights(batch)) - full).abs().max() <= 1e-4


@pytest.mark.parametrize("looks", LOOKS)
def test_an_image_depends_on_its_seed_and_not_on_its_batch(looks):
    model = prior(looks, (6, 4))
    together = sample(model, heights(1).expand(5, -1), [1, 2, 3, 4, 5])
    assert torch.equal(together[2], sample(model, heights(1), [3])[0])


@pytest.mark.parametrize("looks", LOOKS)
def test_what_is_new_adds_nothing_before_it_is_trained(looks):
    grid = (6, 4)
    plain = prior("", grid)
    config = PriorConfig(prior_channels=C, prior_layers=3, prior_hidden_dim=16)
    model = PixelCNN(config, K, grid, looks=LOOKS[looks](grid)).eval()
    model.load_state_dict(plain.state_dict(), strict=False)
    codes = random_codes(2, grid)
    assert torch.equal(model(codes, heights(2)), plain(codes, heights(2)))


def test_the_weights_are_those_that_attention_uses():
    grid = (6, 4)
    module = prior("attention", grid).looks["1"]
    v = torch.randn(2, C, *grid)
    x = v.flatten(2).transpose(1, 2)  # (B, h*w, C)
    weights = module.weights(v)  # (B, heads, h*w, h*w)
    assert torch.allclose(weights.sum(-1), torch.ones(()))
    assert (weights[..., ~module.allowed] == 0).all()
    heard = weights @ module.parts(x, module.where)[2]  # (B, heads, h*w, C / heads)
    heard = module.out(heard.transpose(1, 2).flatten(2)).transpose(1, 2).unflatten(2, grid)
    assert torch.allclose(heard, module(v), atol=1e-5)


def test_a_row_may_listen_to_itself_and_all_above():
    allowed = attention.rows_so_far((3, 2))
    assert allowed.sum(1).tolist() == [2, 2, 4, 4, 6, 6]


def test_waves_tell_the_same_distance_from_either_edge():
    """The product of a position and another's mirror image is largest for the mirrored row."""
    where = attention.positions((9, 1))  # (9, 24)
    flipped = where.clone()
    flipped[:, : attention.WAVES] *= -1  # sines of rows: a linear map turns them round
    assert (flipped @ where.t()).argmax(1).tolist() == list(range(9))[::-1]
