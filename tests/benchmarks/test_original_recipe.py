"""The original beside us: its mistakes are in the recipe, and the benchmark measures them."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from benchmarks import original, original_recipe, report
from benchmarks.original_recipe import OriginalPixelCNN, OriginalVQVAE
from vqgen_utils.config import get_profile
from vqgen_utils.data import load_slices
from vqgen_utils.evaluation import metrics


@pytest.fixture(scope="module")
def prior():
    torch.manual_seed(0)
    return OriginalPixelCNN().eval()


def grid(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def seen_from(prior, position):
    """Where the prior's output at a position depends on its input: (H, W) bool."""
    x = grid(1, 128, 12, 12).requires_grad_()
    prior(x)[0, :, position[0], position[1]].abs().sum().backward()
    return x.grad[0].abs().sum(0) > 0


# ---- Its mistakes ------------------------------------------------------------------------------


def test_what_is_above_255_is_lost():
    values = np.array([-3.0, 0, 51, 255, 256, 900])
    np.testing.assert_allclose(original_recipe.to_8_bits(values), [0, 0, 0.2, 1, 1, 1])


def test_its_blocks_share_their_weights_and_its_projection_has_the_codes_number():
    model = OriginalVQVAE()
    one_block = sum(p.numel() for p in model.encoder[5][0].parameters())
    assert sum(p.numel() for p in model.encoder[5].parameters()) == one_block
    assert model.encoder[-1].out_channels == original_recipe.NUM_EMBEDDINGS


def test_its_last_layer_sees_the_answer(prior):
    assert seen_from(prior, (6, 6))[6, 6]


def test_with_the_last_mask_the_answer_would_be_hidden(prior):
    masked = OriginalPixelCNN()
    masked.load_state_dict(prior.state_dict())
    masked.mask3.copy_(masked.mask2)
    seen = seen_from(masked, (6, 6))
    assert seen[5, 6] and seen[6, 5]
    assert not seen[6, 6:].any() and not seen[7:].any()


def test_its_formula_flatters():
    rng = np.random.default_rng(0)
    smooth = np.full((3, 32, 32), 0.5, np.float32)
    faint_texture = smooth + 0.03 * rng.standard_normal(smooth.shape, np.float32)
    honest, _ = metrics.ssim(faint_texture, smooth)
    assert original_recipe.own_ssim(faint_texture, smooth) > honest.mean() + 0.1
    assert original_recipe.own_ssim(faint_texture, faint_texture) == pytest.approx(1)


def test_sampling_writes_numbers_into_all_channels(prior):
    drawn = original_recipe.sample(prior, 2, (5, 4), seed=0)
    assert drawn.shape == (2, 128, 5, 4)
    assert (drawn == drawn[:, :1]).all()  # every channel the same
    assert (drawn == drawn.round()).all() and drawn.min() >= 0 and drawn.max() < 128
    assert len(drawn.unique()) > 5
    again = original_recipe.sample(prior, 2, (5, 4), seed=0)
    assert torch.equal(drawn, again)


def test_mended_it_writes_vectors_of_the_codebook(prior):
    codebook = OriginalVQVAE().codebook
    drawn = original_recipe.sample(prior, 2, (5, 4), 0, codebook).permute(0, 2, 3, 1)
    distance = torch.cdist(drawn.reshape(-1, 128), codebook.embedding)
    assert distance.min(1).values.max() < 1e-3


# ---- Its training and its sampling loop --------------------------------------------------------


def test_the_weights_of_the_lowest_single_batch_are_kept():
    model = torch.nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(1.0)
    targets = iter([3.0, 1.5, *[40.0] * 10_000])  # the second batch is an easy one
    seen = []

    def loss(model, target):
        seen.append(model.weight.item())
        return (model.weight - target).square().sum()

    learned = original_recipe.train(model, loss, targets, seconds=0.5, rate=0.01)
    assert learned.epochs == len(seen) > 2  # one batch each
    assert model.weight.item() == seen[1]
    assert learned.lowest == pytest.approx((seen[1] - 1.5) ** 2, rel=1e-4)
    assert learned.seconds >= 0.05 and not model.training


def test_the_sampling_loop_gives_what_the_whole_grid_would(prior):
    vectors = grid(2, 128, 9, 5)
    outputs = {}

    def write(i, j, output):
        outputs[i, j] = output.clone()
        return vectors[:, :, i, j]

    filled = original_recipe.visit(prior, tuple(vectors.shape), write)
    assert torch.equal(filled, vectors)
    for i, j in ((0, 0), (4, 2), (7, 4), (8, 4)):
        before = vectors.clone()
        before[:, :, i, j:] = 0
        before[:, :, i + 1 :] = 0
        with torch.no_grad():
            expected = prior(before)[:, :, i, j]
        torch.testing.assert_close(outputs[i, j], expected, atol=1e-5, rtol=1e-4)


def test_its_loss_is_good_only_while_it_sees_the_answer():
    """On noise nothing can be predicted: whatever is learned is the answer."""
    torch.manual_seed(0)
    prior = OriginalPixelCNN()
    optimizer = torch.optim.AdamW(prior.parameters(), 1e-3)
    for _ in range(60):
        noise = torch.randn(4, 1, 8, 8).expand(-1, 128, -1, -1)
        loss = (prior(noise) - noise).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    power = noise.square().mean().item()  # the error of answering 0
    assert loss.item() < 0.3 * power
    assert original_recipe.error_when_drawing(prior, noise) > 0.99 * power


# ---- The benchmark -----------------------------------------------------------------------------


def corner(part):
    """Eight slices of 32x32 pixels: enough to run everything once."""
    eight = {"heights": part.heights[:8], "low": part.low[:8], "span": part.span[:8]}
    window = (slice(0, 8), slice(32, 64), slice(0, 32))
    images = part.images[:, 0][window].unsqueeze(1)  # (8, 1, 32, 32)
    return dataclasses.replace(part, images=images, bodies=part.bodies[window], **eight)


def test_clipping_loses_what_is_bright_and_keeps_the_rest():
    part = original.part(load_slices(get_profile("smoke").data), "test")
    back = part.from_8_bits(part.in_8_bits())
    bright = part.low + part.images * part.span > 255
    assert 0.05 < bright.float().mean() < 0.95
    assert (back[bright] <= part.images[bright]).all()
    rounding = 0.51 / part.span.min()
    torch.testing.assert_close(back[~bright], part.images[~bright], atol=float(rounding), rtol=0)


def test_all_recipes_are_trained_scored_and_drawn_from():
    profile = get_profile("smoke", steps=2, epochs=0, prior_steps=2, prior_epochs=0)
    slices = load_slices(profile.data)
    train, test = (corner(original.part(slices, split)) for split in ("train", "test"))
    shown = original.across_the_body(test.heights)
    outcomes = {
        name: original.original(version, train, test, shown, 0.1, 0.1)
        for name, version in original.VERSIONS.items()
    }
    outcomes["ours"] = original.ours(profile, slices, train, test, shown)

    rows = {name: outcome.numbers for name, outcome in outcomes.items()}
    for name, outcome in outcomes.items():
        assert outcome.reconstructions.shape == test.images.shape
        assert outcome.reconstructions.min() >= 0 and outcome.reconstructions.max() <= 1
        plain, _ = metrics.ssim(test.images[:, 0].numpy(), outcome.reconstructions[:, 0].numpy())
        assert rows[name]["ssim"] == pytest.approx(plain.mean())
        assert all(part.shape == test.images.shape for part in outcome.samples.values())
    assert set(outcomes["original_more_time"].samples) == {"samples", "samples,\nlooked up"}
    assert rows["original"]["seconds"] >= 0.1
    assert rows["original_more_time"]["seconds"] >= 0.5
    assert rows["original_more_time"]["prior_loss"] > 0
    assert rows["original_more_time"]["bits_per_code"] is None
    assert rows["ours"]["batches"] == rows["ours"]["prior_batches"] == 2
    assert 0 < rows["ours"]["bits_per_code"] < 10
    json.dumps(rows)

    numbers = original.headline(outcomes)
    assert all(isinstance(value, (int, float)) for value in numbers.values())
    assert numbers["ssim_gain"] == pytest.approx(rows["ours"]["ssim"] - rows["original"]["ssim"])
    assert original.figure(test, shown, outcomes).axes


def test_what_is_shown_goes_from_the_lowest_slice_to_the_highest():
    heights = torch.rand(30, generator=torch.Generator().manual_seed(0))
    shown = heights[original.across_the_body(heights)]
    assert len(shown) == original.SHOWN
    assert (shown.diff() > 0).all()
    assert shown[0] == heights.min() and shown[-1] == heights.max()


def test_the_result_names_its_data_and_measures_every_recipe():
    result = json.loads((report.RESULTS / "original.json").read_text())
    assert all(isinstance(value, (int, float)) for value in result["headline"].values())
    assert len(result["data"]) == 64 and result["commit"]
    assert [row["recipe"] for row in result["table"]] == [*original.VERSIONS, "ours"]
    by_name = {row["recipe"]: row for row in result["table"]}
    for name in ("original_as_published", "original"):
        assert by_name[name]["seconds"] >= by_name["ours"]["seconds"]  # not one second less
    assert by_name["original_more_time"]["prior_seconds"] >= by_name["ours"]["prior_seconds"]
