"""The training benchmark measures what it says."""

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks.original_recipe import OriginalVQVAE
from benchmarks.training import (
    compare_recipes,
    figure,
    headline,
    make_recipes,
    stack,
    time_ratios,
    time_to,
)
from vqgen_utils.config import get_profile
from vqgen_utils.data import load_slices


def curve(seconds, ssim):
    return pd.DataFrame({"seconds": seconds, "ssim": ssim})


def test_the_recipes_are_trained_and_scored():
    profile = get_profile("smoke")
    slices = load_slices(profile.data)
    train = stack(slices.subset("train"))[:8, :, 32:64, :32]  # a corner: (8, 1, 32, 32)
    test = stack(slices.subset("test"))[:2, :, 32:64, :32]
    recipes = make_recipes(profile, train.var().item())
    curves = compare_recipes(recipes, train, test, seconds=0.4, seconds_alone=0.6, seeds=[0])

    assert list(curves) == [
        "original",
        "original_tenth_rate",
        "original_layers_our_codebook",
        "ours",
    ]
    for (of_seed,) in curves.values():
        assert len(of_seed) > 1
        assert (of_seed["seconds"].diff()[1:] > 0).all()
        assert of_seed["ssim"].between(-1, 1).all()
        assert of_seed["codes_used"].between(1, 128).all()
        assert (of_seed["images_seen"].diff()[1:] > 0).all()
    assert curves["original"][0]["seconds"].iloc[-1] >= 0.6  # it went on alone
    numbers = headline(curves, 0.4)
    expected = numbers["training_ssim_ours"] - numbers["training_ssim_original"]
    assert numbers["training_ssim_gain"] == pytest.approx(expected)
    assert figure(curves).axes


def test_the_originals_blocks_share_their_weights():
    model = OriginalVQVAE()
    for half in (model.encoder, model.decoder):
        first, second = next(part for part in half if isinstance(part, torch.nn.Sequential))
        assert first is second


def test_both_codebooks_go_with_the_originals_layers():
    x = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    for update, terms in (("gradient", {"codebook"}), ("ema", set())):
        x_hat, codes, losses = OriginalVQVAE(update)(x)
        assert x_hat.shape == x.shape and codes.shape == (4, 8, 8)
        assert set(losses) == {"commitment", "reconstruction", "loss", *terms}
        torch.testing.assert_close(losses["reconstruction"], (x - x_hat).square().mean())


def test_time_to_interpolates_and_says_when_it_is_a_bound():
    rising = curve([0, 10, 20], [0.0, 0.5, 0.9])
    assert time_to(rising, 0.7) == (pytest.approx(15), True)
    assert time_to(rising, 0.5) == (pytest.approx(10), True)
    assert time_to(rising, 0.95) == (20, False)


def test_a_recipe_that_diverges_never_arrives():
    assert time_to(curve([0, 10, 20], [0.1, np.nan, np.nan]), 0.5) == (20, False)
    assert time_to(curve([0, 10, 20], [0.1, np.nan, 0.6]), 0.5) == (20, True)


def test_ratios_need_the_fast_one_to_arrive():
    fast, slow = curve([0, 10], [0.0, 0.85]), curve([0, 50], [0.0, 0.2])
    assert time_ratios([slow], [fast]) == [pytest.approx(5)]
    assert np.isnan(time_ratios([fast], [slow])).all()
