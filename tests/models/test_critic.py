"""A decoder with noise, and the critics it learns from."""

import pytest
import torch

from vqgen_utils.config import get_profile
from vqgen_utils.errors import InputError
from vqgen_utils.models import VQVAE
from vqgen_utils.models.beyond import critic

CODES = torch.randint(8, (5, 4, 2), generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=["unshuffle", "strided"])
def vqvae(request):
    torch.manual_seed(0)
    settings = get_profile("smoke", stem=request.param, num_embeddings=8)
    return VQVAE(settings.vqvae).eval()


def painter(vqvae, heard: float = 0.02) -> critic.NoisyDecoder:
    """A decoder as it begins, but for weights with which it hears the noise."""
    decoder = critic.NoisyDecoder(vqvae).eval()
    torch.manual_seed(1)
    for noise in (decoder.early, decoder.late):
        torch.nn.init.normal_(noise.weight, std=heard)
    return decoder


def test_it_begins_as_the_decoder_it_is_a_copy_of(vqvae):
    wanted = vqvae.decode(CODES)
    assert torch.allclose(critic.NoisyDecoder(vqvae).decode(CODES, range(5)), wanted, atol=1e-6)
    assert torch.allclose(painter(vqvae).decode(CODES, range(5), 0), wanted, atol=1e-6)


def test_learning_on_leaves_the_vqvae_as_it_is(vqvae):
    before = {name: value.clone() for name, value in vqvae.state_dict().items()}
    decoder = painter(vqvae).train()
    weights = [weight for weight in decoder.parameters() if weight.requires_grad]
    optimizer = torch.optim.Adam(weights, 0.1)
    decoder(CODES).square().mean().backward()
    optimizer.step()
    assert all(torch.equal(value, before[name]) for name, value in vqvae.state_dict().items())
    assert all(torch.equal(v, before[n]) for n, v in decoder.vqvae.state_dict().items())
    assert not torch.allclose(decoder.decode(CODES, range(5), 0), vqvae.decode(CODES), atol=1e-3)


def test_an_image_depends_on_its_own_seed_and_not_on_its_batch(vqvae):
    decoder = painter(vqvae)
    together = decoder.decode(CODES, [3, 1, 4, 1, 5])
    alone = decoder.decode(CODES[2:3], [4])
    assert torch.allclose(together[2], alone[0], atol=1e-6)
    same_codes = decoder.decode(CODES[:1].repeat(3, 1, 1), [7, 8, 7])
    assert torch.equal(same_codes[0], same_codes[2])
    assert not torch.equal(same_codes[0], same_codes[1])


def test_each_image_needs_a_seed(vqvae):
    with pytest.raises(InputError, match="4 seeds for 5 slices"):
        painter(vqvae).decode(CODES, range(4))


def test_the_last_layer_is_the_one_that_paints_pixels(vqvae):
    decoder = painter(vqvae).train()
    grad = torch.autograd.grad(decoder(CODES).sum(), decoder.last)[0]
    assert grad.shape == decoder.last.shape and grad.abs().sum() > 0


@pytest.mark.parametrize("pixels", [1, 2])
def test_a_critic_answers_for_each_patch_and_sees_no_farther(pixels):
    torch.manual_seed(0)
    judge = critic.PatchCritic(pixels).eval()
    x = torch.rand(1, 1, 128, 64)
    answers = judge(x)
    assert answers.shape == (1, 1, 16, 8)
    x[..., :32, :] = 0
    differ = (judge(x) != answers)[0, 0].any(1)  # by row
    assert differ[:4].all() and not differ[10:].any()


def test_the_hinge_loss_is_that_of_the_paper():
    real, painted = torch.tensor([3.0, -1.0]), torch.tensor([-1.0, 0.0, -5.0])
    assert critic.critic_loss(real, painted) == pytest.approx(1.0 + 1 / 3)
    assert critic.critic_loss(torch.zeros(4), torch.zeros(4)) == 2  # who cannot tell
    assert critic.painter_loss(painted) == 2


def test_detail_is_asked_for_in_its_amount_and_its_place_and_not_in_its_pattern():
    generator = torch.Generator().manual_seed(0)
    real, other = 0.1 * torch.randn(2, 6, 1, 64, 32, generator=generator)
    real[..., 32:, :], other[..., 32:, :] = 0.5, 0.5  # nothing in the lower half
    smooth, elsewhere = 0.3 * real, other.flip(2)
    sets = {"itself": real, "other": other, "smooth": smooth, "elsewhere": elsewhere}
    loss = {name: critic.detail_loss(some, real).item() for name, some in sets.items()}
    assert loss["itself"] < 1e-6
    assert loss["other"] < 0.2 * min(loss["smooth"], loss["elsewhere"])


def test_the_adaptive_weight_makes_both_losses_pull_equally_hard():
    last = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    truth, looks = (3 * last).sum(), (0.5 * last).sum()
    weight = critic.adaptive_weight(truth, looks, last)
    assert weight == pytest.approx(6, rel=1e-3) and not weight.requires_grad
    nothing = critic.adaptive_weight(truth, 0 * last.sum(), last)
    assert torch.isfinite(nothing) and nothing <= critic.MOST


def test_a_blend_leads_from_one_decoder_to_the_other(vqvae):
    smooth, sharp = painter(vqvae), painter(vqvae)
    with torch.no_grad():
        for weight in sharp.head.parameters():
            weight.add_(0.05)
    ends = [critic.blend(smooth, sharp, share).decode(CODES, range(5)) for share in (0, 1)]
    assert torch.allclose(ends[0], smooth.decode(CODES, range(5)))
    assert torch.allclose(ends[1], sharp.decode(CODES, range(5)))
    half = critic.blend(smooth, sharp, 0.5)
    assert torch.allclose(half.last, (smooth.last + sharp.last) / 2)
