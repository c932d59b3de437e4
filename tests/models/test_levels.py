"""Two levels of codes: what each holds, and a second stage that is told the first."""

import pytest
import torch
from torch import nn

from vqgen_utils.config import PriorConfig, VQVAEConfig
from vqgen_utils.models import VQVAE, PixelCNN, height_features, sampling, vqvae_losses
from vqgen_utils.models.beyond import levels

K = 20
SMALL = PriorConfig(prior_channels=8, prior_layers=3, prior_hidden_dim=16)
TINY = VQVAEConfig(num_embeddings=K, embedding_dim=4, hidden_dim=8, residual_layers=1)


def shaken(model: nn.Module) -> nn.Module:
    """Every weight random, biases and maps too."""
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.3
    return model.eval()


def second_stage(grid=(6, 4), top_grid=(3, 2)):
    return shaken(levels.PriorToldTop(SMALL, K, grid, top_grid))


def random_codes(batch, grid, seed=0):
    return torch.randint(K, (batch, *grid), generator=torch.Generator().manual_seed(seed))


def heights(batch):
    return height_features(torch.linspace(0, 1, batch))


def pictures(batch=6, size=(16, 8)):
    return torch.rand(batch, 1, *size, generator=torch.Generator().manual_seed(1))


def learned(model, steps=20):
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-2)
    model.train()
    for _ in range(steps):
        loss = vqvae_losses(model, [pictures()])["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


@pytest.fixture(scope="module")
def first():
    torch.manual_seed(0)  # in one of eighty starts the second codes are still on their way
    return learned(VQVAE(TINY))


@pytest.fixture(scope="module")
def residual(first):
    return learned(levels.ResidualVQVAE(first))


@pytest.fixture(scope="module")
def hierarchical():
    torch.manual_seed(0)
    return learned(levels.HierarchicalVQVAE(TINY))


# ---- residual codes ------------------------------------------------------------------------------


def test_the_first_codes_are_those_of_the_first_vqvae(first, residual):
    assert torch.equal(residual.encode(pictures())[:, 0], first.encode(pictures()))
    assert torch.equal(residual.to_grids(pictures())[0], first.encode(pictures()))


def test_the_first_vqvae_learns_nothing_more(first, residual):
    for name, value in first.state_dict().items():
        assert torch.equal(residual.first.state_dict()[name], value), name


def test_the_second_vector_is_nearer_to_the_rest_than_nothing_is(residual):
    top, bottom = residual.to_grids(pictures())
    with torch.no_grad():
        rest = residual.encoder(pictures()) - residual.first.lookup(top)
    left = rest - residual.codebook.lookup(bottom)
    assert left.square().mean() < rest.square().mean()


def test_a_sum_of_two_codes_is_what_the_decoder_sees(residual):
    codes = residual.encode(pictures())
    both = residual.lookup(codes)
    assert torch.equal(
        both - residual.lookup(codes[:, :1]), both - residual.first.lookup(codes[:, 0])
    )
    with torch.no_grad():
        wanted = residual.decoder(both).clamp(0, 1)
    assert torch.allclose(residual.decode(codes), wanted, atol=1e-6)
    assert torch.equal(residual.decode(codes), residual.from_grids(*codes.unbind(1)))


def test_the_first_codes_can_be_decoded_alone(residual):
    top, bottom = residual.to_grids(pictures())
    alone = residual.from_grids(top)
    assert alone.shape == pictures().shape
    assert not torch.equal(alone, residual.from_grids(top, bottom))


def test_two_codes_reconstruct_better_than_one(first, residual):
    x = pictures()
    error = [(model.decode(model.encode(x)) - x).square().mean() for model in (first, residual)]
    assert error[1] < error[0]


# ---- hierarchical codes --------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "top"), [((16, 8), (2, 1)), ((20, 12), (3, 2))])
def test_the_top_is_coarser_and_covers_an_odd_grid_too(hierarchical, size, top):
    x = pictures(3, size)
    grids = hierarchical.to_grids(x)
    assert grids[0].shape == (3, *top)
    assert grids[1].shape == (3, size[0] // 4, size[1] // 4)
    assert hierarchical.from_grids(*grids).shape == x.shape


def test_codes_lead_back_to_what_the_full_pass_reconstructs(hierarchical):
    with torch.no_grad():
        x_hat, (top, bottom), _ = hierarchical(pictures())
    grids = hierarchical.to_grids(pictures())
    assert torch.equal(grids[0], top) and torch.equal(grids[1], bottom)
    assert torch.allclose(hierarchical.from_grids(*grids), x_hat.clamp(0, 1), atol=1e-6)


def test_the_top_alone_is_decoded_with_the_mean_bottom(hierarchical):
    top, bottom = hierarchical.to_grids(pictures())
    assert hierarchical.from_grids(top).shape == pictures().shape
    vectors = hierarchical.bottom.lookup(bottom).mean((0, 2, 3))
    assert (hierarchical.mean_bottom - vectors).norm() < vectors.norm()


def test_a_bottom_is_left_out_in_training_alone():
    model = learned(levels.HierarchicalVQVAE(TINY, alone=1.0), steps=2)
    with torch.no_grad():
        assert torch.equal(model(pictures())[0], model(pictures())[0])
        model.train()
        by_the_mean = model(pictures())[0]
        model.eval()
        assert not torch.equal(model(pictures())[0], by_the_mean)


# ---- the second stage ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grid", "top_grid"), [((6, 4), (6, 4)), ((6, 4), (3, 2)), ((5, 7), (3, 4))]
)
def test_the_second_stage_is_sampled_exactly(grid, top_grid):
    model = second_stage(grid, top_grid)
    condition = levels.told(heights(2), random_codes(2, top_grid))
    bottom = random_codes(2, grid, seed=1)
    full = sampling.full_logits(model, bottom, condition)
    stepwise = sampling.incremental_logits(model, bottom, condition)
    assert full.abs().max() > 0.1
    assert (full - stepwise).abs().max() < 1e-4


def test_bottom_codes_see_only_the_bottom_before_them():
    model, condition = second_stage(), levels.told(heights(1), random_codes(1, (3, 2)))
    codes = random_codes(1, (6, 4), seed=1)
    with torch.no_grad():
        before = model(codes, condition)[0].flatten(1)  # (K, h*w)
        for n in range(24):
            changed = codes.clone()
            changed.view(-1)[n] = (changed.view(-1)[n] + 1) % K
            moved = (model(changed, condition)[0].flatten(1) != before).any(0)
            assert not moved[: n + 1].any()


def test_every_top_code_is_heard_also_where_it_covers_later_positions():
    model, top = second_stage(), random_codes(1, (3, 2))
    codes = random_codes(1, (6, 4), seed=1)
    with torch.no_grad():
        before = model(codes, levels.told(heights(1), top))[0]
        for n in range(6):
            other = top.clone()
            other.view(-1)[n] = (other.view(-1)[n] + 1) % K
            after = model(codes, levels.told(heights(1), other))[0]
            moved = (after != before).any(0)  # (h, w)
            row, column = 2 * (n // 2), 2 * (n % 2)
            assert moved[row : row + 2, column : column + 2].all()


def test_a_condition_holds_features_and_codes_to_the_last_digit():
    top = torch.tensor([[[0, 127], [8191, 2**24]]])
    condition = levels.told(heights(1), top)
    assert torch.equal(condition[:, 16:].long(), top.flatten(1))
    assert torch.equal(condition[:, :16], heights(1))


def test_an_image_depends_on_its_own_seed():
    top_prior = shaken(PixelCNN(SMALL, K, (6, 4)))
    bottom_prior = second_stage((6, 4), (6, 4))
    top, bottom = levels.draw(top_prior, bottom_prior, heights(3), [4, 5, 6])
    alone = levels.draw(top_prior, bottom_prior, heights(3)[1:2], [5])
    assert torch.equal(alone[0][0], top[1]) and torch.equal(alone[1][0], bottom[1])
    other = levels.draw_bottom(bottom_prior, heights(3), top, [7, 8, 9])
    assert not torch.equal(other, bottom)


def test_both_levels_are_drawn_with_noise_of_their_own():
    priors = PixelCNN(SMALL, K, (6, 4)), levels.PriorToldTop(SMALL, K, (6, 4), (6, 4))
    for prior in priors:  # equal logits everywhere, so only the noise decides
        for parameter in prior.parameters():
            parameter.data.zero_()
    top, bottom = levels.draw(*priors, heights(3), [4, 5, 6])
    assert (top == bottom).float().mean() < 0.3


def test_the_loss_is_of_the_bottom_given_the_top():
    model = second_stage()
    top, bottom = random_codes(2, (3, 2)), random_codes(2, (6, 4), seed=1)
    batch = [levels.side_by_side(top, bottom), torch.linspace(0, 1, 2)]
    loss = levels.bottom_losses(model.grid, model, batch)["loss"]
    logits = model(bottom, levels.told(heights(2), top))
    assert torch.allclose(loss, nn.functional.cross_entropy(logits, bottom))
