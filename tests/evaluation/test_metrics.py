"""Scores that mean what they say."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from skimage.metrics import structural_similarity

from vqgen_utils.config import PriorConfig
from vqgen_utils.evaluation import metrics
from vqgen_utils.models import PixelCNN


def slices(number=3, seed=0):
    """(N, 40, 24) smooth discs on black."""
    rng = np.random.default_rng(seed)
    x, y = np.mgrid[:40, :24]
    radius = rng.uniform(7, 10, number)[:, None, None]
    return (((x - 20) ** 2 + (y - 12) ** 2) < radius**2).astype(np.float32) * 0.7


def test_a_slice_is_perfectly_similar_to_itself():
    plain, body = metrics.ssim(slices(), slices())
    assert plain == pytest.approx(1) and body == pytest.approx(1)


@pytest.mark.parametrize("shape", [(8, 8), (8, 64), (64, 10)])
def test_slices_smaller_than_the_window_have_no_ssim(shape):
    some = np.random.default_rng(0).random((3, *shape))
    plain, body = metrics.ssim(some, some)
    assert np.isnan(plain).all() and np.isnan(body).all()
    assert f"{shape[0]} x {shape[1]} pixels are smaller" in metrics.why_no_ssim(shape)
    assert metrics.mean_and_spread(plain) == "not measured" and metrics.mean_or_none(plain) is None
    assert metrics.mean_and_spread([0.25]) == "0.250", "one value has no spread"
    by_tissue = metrics.scores_by_tissue(some, some, np.ones(some.shape, int))["body"]
    assert by_tissue["ssim"].isna().all() and (by_tissue["l1"] == 0).all()


def test_the_smallest_slice_that_holds_the_window_has_an_ssim():
    some = np.random.default_rng(0).random((1, 11, 11))
    assert metrics.ssim(some, some)[0] == pytest.approx(1) and metrics.why_no_ssim((11, 11)) == ""


def scans(**heights):
    """An index of scans: name -> (slice numbers, heights)."""
    rows = [
        {"patient": name, "week": 0, "slice": number, "height": height}
        for name, pairs in heights.items()
        for number, height in zip(*pairs, strict=True)
    ]
    return pd.DataFrame(rows)


def test_the_slices_of_a_scan_are_counted_from_numbers_and_heights():
    thinned = scans(a=((0, 12, 48), (0, 12 / 59, 48 / 59)), b=((6, 54), (6 / 59, 54 / 59)))
    assert metrics.slices_a_scan(thinned) == 60
    assert metrics.slices_a_scan(scans(a=((7, 8, 9), (0, 0.5, 1)))) == 3
    assert metrics.slices_a_scan(scans(a=((0,), (0.5,)), b=((0,), (0.5,)))) is None


def test_places_are_asked_for_where_there_are_slices_to_learn_from():
    assert metrics.nearest_heights([0.1, 0.5, 0.9], np.array([0.0, 0.45, 1.0])) == [0.0, 0.45, 1.0]


def test_ssim_is_the_formula_of_the_paper():
    """Against a direct computation with an 11x11 Gaussian window."""
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 30, 20)).astype(np.float32)
    g = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window = np.outer(g, g) / g.sum() ** 2
    expected = []
    for i in range(5, 25):
        for j in range(5, 15):
            x, y = (image[i - 5 : i + 6, j - 5 : j + 6].astype(float) for image in (a, b))
            mx, my = (window * x).sum(), (window * y).sum()
            vx, vy = (window * (x - mx) ** 2).sum(), (window * (y - my) ** 2).sum()
            c = (window * (x - mx) * (y - my)).sum()
            expected.append(
                (2 * mx * my + 1e-4) * (2 * c + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))
            )
    assert metrics.ssim(a[None], b[None])[0][0] == pytest.approx(np.mean(expected), abs=1e-5)


def test_ssim_is_that_of_skimage_with_the_settings_of_the_paper_and_that_of_torchmetrics():
    from torchmetrics.functional.image import structural_similarity_index_measure

    one, other = slices(2, seed=1), slices(2, seed=2)
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    ours = metrics.ssim(one, other)[0]
    theirs = [
        structural_similarity(a, b, data_range=1.0, **settings)
        for a, b in zip(one, other, strict=True)
    ]
    assert ours == pytest.approx(theirs, abs=1e-6)
    pairs = (torch.from_numpy(some[:, None]) for some in (one, other))
    _, third = structural_similarity_index_measure(*pairs, data_range=1.0, return_full_image=True)
    inside = third[:, 0, 5:-5, 5:-5]  # it counts the border as well, with mirrored pixels
    assert ours == pytest.approx(inside.mean((1, 2)).numpy(), abs=1e-4)
    assert ours.max() < 0.99, "the slices must differ for this to say anything"


def test_the_black_background_flatters_the_plain_mean():
    noisy = slices() + np.random.default_rng(0).normal(0, 0.1, (3, 40, 24)) * (slices() > 0)
    plain, body = metrics.ssim(slices(), noisy.astype(np.float32))
    assert (body < plain).all()


def test_an_empty_slice_has_no_body_score():
    assert np.isnan(metrics.ssim(np.zeros((1, 40, 24)), np.zeros((1, 40, 24)))[1][0])


def test_the_body_mask_is_the_largest_region_with_its_holes_filled():
    image = slices(1)[0]
    image[18:22, 10:14] = 0  # gas
    image[0, 0] = 0.7  # a speck outside
    mask = metrics.body_mask(image)
    assert mask[20, 12] and not mask[0, 0]
    assert abs(int(mask.sum()) - int((slices(1)[0] > 0).sum())) < 90


def test_psnr_of_a_known_error():
    assert metrics.psnr(np.zeros((1, 8, 8)), np.full((1, 8, 8), 0.1)) == pytest.approx(20)


def test_perplexity_runs_from_one_to_the_number_of_codes():
    assert metrics.perplexity(torch.tensor([7, 0, 0, 0])) == pytest.approx(1)
    assert metrics.perplexity(torch.tensor([5, 5, 5, 5])) == pytest.approx(4)
    assert metrics.perplexity(torch.tensor([3, 3, 0, 0])) == pytest.approx(2)


def test_code_counts_include_the_unused():
    assert metrics.code_counts(torch.tensor([[0, 2], [2, 2]]), 4).tolist() == [1, 0, 3, 0]


def test_a_prior_that_knows_nothing_pays_log2_k_bits_a_code():
    config = PriorConfig(prior_channels=4, prior_layers=1, prior_hidden_dim=4)
    model = PixelCNN(config, 32, (3, 2))
    for parameter in model.parameters():
        parameter.data.zero_()
    bits = metrics.bits_by_position(
        model, torch.randint(32, (5, 3, 2)), torch.zeros(5, 16), batch_size=2
    )
    assert bits.shape == (5, 3, 2)
    assert torch.allclose(bits, torch.tensor(math.log2(32)))
