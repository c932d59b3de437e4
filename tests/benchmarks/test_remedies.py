"""What a remedy changes, and what it leaves alone."""

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchmarks import remedies
from vqgen_utils.config import PriorConfig
from vqgen_utils.models import PixelCNN, prior_losses

TINY = PriorConfig(prior_channels=8, prior_layers=2, prior_kernel_size=3, prior_hidden_dim=8)


def lesson():
    """A tiny prior and a batch of codes (4, 6, 5) with their places."""
    torch.manual_seed(0)
    prior = PixelCNN(TINY, 16, (6, 5))
    return prior, [torch.randint(16, (4, 6, 5)), torch.rand(4)]


def test_a_smoothed_target_is_learned_from_and_an_exact_one_validated_on():
    prior, batch = lesson()
    prior.head[-1].weight.data *= 50  # sure of itself: what smoothing punishes
    exact, smoothed = prior_losses(prior, batch), remedies.smoothed_losses(prior, batch)
    assert smoothed["loss"] > 0 and not torch.isclose(smoothed["loss"], exact["loss"], rtol=1e-3)
    prior.eval()
    assert torch.equal(remedies.smoothed_losses(prior, batch)["loss"], exact["loss"])


def test_averaged_weights_lag_behind_those_that_learn_and_stand_still_where_nothing_is_learned():
    prior, batch = lesson()
    mean = AveragedModel(prior, multi_avg_fn=get_ema_multi_avg_fn(0.5))
    losses = remedies.averaging
    losses(prior_losses, mean, prior, batch)
    first = prior.embedding.weight.detach().clone()
    with torch.no_grad():
        prior.embedding.weight += 2
    losses(prior_losses, mean, prior, batch)
    torch.testing.assert_close(mean.module.embedding.weight, first + 1)
    prior.eval()
    losses(prior_losses, mean, prior, batch)
    torch.testing.assert_close(mean.module.embedding.weight, first + 1)
