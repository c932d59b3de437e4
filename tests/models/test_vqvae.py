"""The VQ-VAE end to end: shapes, losses, both stems, both codebooks."""

import pytest
import torch

from vqgen_utils.config import VQVAEConfig
from vqgen_utils.errors import InputError
from vqgen_utils.models import VQVAE, vqvae


def small(**changes):
    torch.manual_seed(0)
    return VQVAE(
        VQVAEConfig(num_embeddings=16, embedding_dim=4, hidden_dim=8, **changes), data_variance=0.05
    )


@pytest.mark.parametrize("stem", ["unshuffle", "strided"])
@pytest.mark.parametrize("update", ["ema", "gradient"])
@pytest.mark.parametrize(("size", "stride"), [((32, 16), 4), ((24, 40), 8), ((12, 6), 2)])
def test_a_slice_becomes_a_grid_of_codes_and_back(stem, update, size, stride):
    model = small(stem=stem, codebook_update=update, stride=stride)
    x = torch.rand(2, 1, *size)
    x_hat, codes, _ = model(x)
    assert x_hat.shape == x.shape
    assert codes.shape == (2, size[0] // stride, size[1] // stride)
    assert codes.min() >= 0 and codes.max() < 16


def test_encode_then_decode_is_the_forward_pass():
    model = small().eval()
    x = torch.rand(2, 1, 32, 16)
    x_hat, codes, _ = model(x)
    assert torch.equal(model.encode(x), codes)
    assert torch.allclose(model.decode(codes), x_hat.clamp(0, 1), atol=1e-5)


@pytest.mark.parametrize(
    ("update", "terms"),
    [
        ("ema", {"reconstruction", "commitment", "loss"}),
        ("gradient", {"reconstruction", "commitment", "codebook", "loss"}),
    ],
)
def test_every_loss_term_is_reported_and_they_add_up(update, terms):
    losses = small(codebook_update=update)(torch.rand(2, 1, 32, 16))[2]
    assert set(losses) == terms
    parts = sum(value for name, value in losses.items() if name != "loss")
    assert losses["loss"].item() == pytest.approx(parts.item())


def test_the_reconstruction_term_is_one_for_a_constant_guess_at_the_mean():
    images = torch.rand(8, 1, 32, 16)
    model = small()
    model.data_variance.fill_(images.var())
    model.decoder = torch.nn.Sequential(Constant(images.mean()))
    assert model(images)[2]["reconstruction"].item() == pytest.approx(1, abs=0.01)


class Constant(torch.nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, z_q):
        batch, _, height, width = z_q.shape
        return self.value.expand(batch, 1, 4 * height, 4 * width)


def test_residual_layers_have_weights_of_their_own():
    encoder = vqvae.make_encoder(VQVAEConfig(residual_layers=3))
    blocks = [module for module in encoder if type(module).__name__ == "ResidualBlock"]
    assert len({id(block.conv1.weight) for block in blocks}) == 3


@pytest.mark.parametrize("update", ["ema", "gradient"])
def test_training_on_one_batch_lowers_the_loss(update):
    model = small(codebook_update=update)
    images = torch.rand(4, 1, 32, 16)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    first = None
    for _ in range(30):
        loss = model(images)[2]["loss"]
        first = first or loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.8 * first


def test_images_of_a_wrong_shape_are_refused_in_a_sentence():
    with pytest.raises(InputError, match=r"\(2, 1, 30, 16\) cannot be encoded"):
        small().encode(torch.rand(2, 1, 30, 16))


def test_codes_outside_the_codebook_are_refused_in_a_sentence():
    with pytest.raises(InputError, match="codebook has 16"):
        small().decode(torch.full((1, 2, 2), 16))
