"""The prior sees only the past, all of it, and the sampler computes exactly the same."""

import math

import pytest
import torch

from vqgen_utils.config import PriorConfig
from vqgen_utils.errors import InputError
from vqgen_utils.machine import speed
from vqgen_utils.models import PixelCNN, height_features, pixelcnn, sample, sampling

K = 20


def prior(kernel_size=3, layers=3, grid=(6, 4), features=16):
    """A small prior with every weight random, biases and positions too."""
    config = PriorConfig(
        prior_channels=8,
        prior_layers=layers,
        prior_kernel_size=kernel_size,
        prior_hidden_dim=16,
    )
    model = PixelCNN(config, K, grid, features).eval()
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.3
    return model


def random_codes(batch, grid, seed=0):
    return torch.randint(K, (batch, *grid), generator=torch.Generator().manual_seed(seed))


def heights(batch):
    return height_features(torch.linspace(0, 1, batch))


def flat(grid, i, j):
    return i * grid[1] + j


@pytest.mark.parametrize("kernel_size", [3, 5])
@pytest.mark.parametrize("grid", [(6, 4), (3, 7), (5, 5)])
@pytest.mark.parametrize("layers", [1, 3])
def test_changing_a_code_moves_only_later_logits(kernel_size, grid, layers):
    model = prior(kernel_size, layers, grid)
    codes = random_codes(1, grid)
    with torch.no_grad():
        before = model(codes, heights(1))[0].flatten(1)  # (K, H*W)
        for i in range(grid[0]):
            for j in range(grid[1]):
                changed = codes.clone()
                changed[0, i, j] = (changed[0, i, j] + 1) % K
                moved = (model(changed, heights(1))[0].flatten(1) != before).any(0)
                assert not moved[: flat(grid, i, j) + 1].any()


@pytest.mark.parametrize("kernel_size", [3, 5])
def test_each_layer_keeps_both_stacks_causal(kernel_size):
    """Vertical: this row and above. Horizontal: above what the shift allows, and left."""
    layer = pixelcnn.GatedLayer(8, kernel_size, 16)
    v, h = torch.randn(1, 8, 5, 6), torch.randn(1, 8, 5, 6)
    condition = heights(1)
    with torch.no_grad():
        v0, h0 = layer(v, h, condition)
        for i in range(5):
            for j in range(6):
                changed_v, changed_h = v.clone(), h.clone()
                changed_v[:, :, i, j] += 1
                changed_h[:, :, i, j] += 1
                v1, h1 = layer(changed_v, h, condition)
                assert torch.equal(v1[:, :, :i], v0[:, :, :i])
                assert torch.equal(h1[:, :, :i], h0[:, :, :i])
                v2, h2 = layer(v, changed_h, condition)
                assert torch.equal(v2, v0)  # the vertical stack never hears the horizontal one
                other_rows = torch.arange(5) != i
                assert torch.equal(h2[:, :, other_rows], h0[:, :, other_rows])
                assert torch.equal(h2[:, :, i, :j], h0[:, :, i, :j])


@pytest.mark.parametrize("kernel_size", [3, 5])
def test_there_is_no_blind_spot(kernel_size):
    """With layers enough to reach, the last position depends on every single code before it."""
    grid = (5, 5)
    model = prior(kernel_size, layers=5, grid=grid).double()
    embedded = model.embedding(random_codes(1, grid)).detach().requires_grad_()
    model.embedding.forward = lambda codes: embedded
    model(random_codes(1, grid), heights(1).double())[0, :, 4, 2].sum().backward()
    seen = embedded.grad.abs().sum(-1)[0].flatten() > 0  # (H*W,)
    assert seen[: flat(grid, 4, 2)].all()
    assert not seen[flat(grid, 4, 2) :].any()


def test_the_condition_changes_the_logits():
    model = prior()
    codes = random_codes(1, (6, 4))
    low, high = (height_features(torch.tensor([h])) for h in (0.1, 0.9))
    assert not torch.allclose(model(codes, low), model(codes, high))


def test_near_heights_have_near_features():
    near, far = height_features(torch.tensor([0.50, 0.51, 0.9])).diff(dim=0).norm(dim=1)
    assert near < 0.2 * far


@pytest.mark.parametrize("kernel_size", [3, 5])
@pytest.mark.parametrize("grid", [(6, 4), (3, 7)])
@pytest.mark.parametrize("batch", [1, 3, 16])
def test_incremental_logits_equal_the_full_forward_pass(kernel_size, grid, batch):
    model = prior(kernel_size, grid=grid)
    codes = random_codes(batch, grid)
    with torch.no_grad():
        full = model(codes, heights(batch))
    assert (sampling.incremental_logits(model, codes, heights(batch)) - full).abs().max() <= 1e-4


def test_incremental_logits_are_the_same_in_pytorch_as_on_a_gpu(monkeypatch):
    monkeypatch.setattr("vqgen_utils.models.incremental.in_numpy", lambda device: False)
    test_incremental_logits_equal_the_full_forward_pass(kernel_size=5, grid=(6, 4), batch=2)


@pytest.mark.parametrize("usable", [1, 2])
def test_large_rows_take_the_threads_that_are_worth_it_and_give_them_back(usable, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("vqgen_utils.models.incremental.ROW_FOR_THREADS", 0)
    monkeypatch.setattr(speed, "worthwhile_threads", lambda probe: usable)
    with speed.threads(2, torch.device("cpu")):
        model, codes, seen = prior(), random_codes(2, (6, 4)), []
        model.embedding.register_forward_hook(lambda *_: seen.append(torch.get_num_threads()))
        logits = sampling.incremental_logits(model, codes, heights(2))
        assert torch.get_num_threads() == 2
    assert set(seen) == {usable}
    assert torch.allclose(logits, model(codes, heights(2)), atol=1e-4)


def test_incremental_logits_hold_without_conditioning_and_with_other_labels():
    for condition in (torch.zeros(2, 16), torch.randn(2, 16)):
        model = prior()
        codes = random_codes(2, (6, 4))
        with torch.no_grad():
            full = model(codes, condition)
        assert (sampling.incremental_logits(model, codes, condition) - full).abs().max() <= 1e-4


def test_sampling_equals_the_full_grid_loop_draw_by_draw():
    model, condition = prior(5), heights(2)
    fast = sample(model, condition, [7, 8])
    slow = torch.zeros_like(fast)
    generators = [torch.Generator().manual_seed(seed) for seed in (7, 8)]
    for i in range(6):
        noise = torch.stack([torch.rand(4, K, generator=g) for g in generators])
        for j in range(4):
            logits = sampling.full_grid_step(model, slow, condition, i, j)
            slow[:, i, j] = (logits - torch.log(-torch.log(noise[:, j]))).argmax(1)
    assert torch.equal(fast, slow)


def test_an_image_depends_on_its_seed_and_not_on_its_batch():
    model = prior()
    together = sample(model, heights(1).expand(5, -1), [1, 2, 3, 4, 5])
    alone = sample(model, heights(1), [3])
    assert torch.equal(together[2], alone[0])
    assert not torch.equal(together[0], together[1])


def test_given_codes_are_kept_and_the_rest_is_drawn():
    model = prior()
    given = torch.full((2, 6, 4), -1)
    given[:, :3] = random_codes(2, (3, 4))
    codes = sample(model, heights(2), [1, 2], given=given)
    assert torch.equal(codes[:, :3], given[:, :3])
    assert codes[:, 3:].min() >= 0


def test_temperature_zero_and_top_one_both_take_the_likeliest_code():
    model = prior()
    greedy = sample(model, heights(2), [1, 2], temperature=0.0)
    assert torch.equal(greedy, sample(model, heights(2), [3, 4], top_k=1))


def test_samples_follow_the_model_s_probabilities():
    model = prior(grid=(1, 1))
    condition = heights(1).expand(4000, -1)
    drawn = sample(model, condition, range(4000))
    p = model(torch.zeros(1, 1, 1, dtype=torch.long), heights(1))[0, :, 0, 0].softmax(0)
    share = torch.bincount(drawn.flatten(), minlength=K) / 4000
    assert (share - p).abs().max() < 0.03


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"seeds": [1]}, "1 seeds for 2 images"),
        ({"temperature": -1.0}, "temperature"),
        ({"top_k": 0}, "top_k"),
        ({"top_k": 999}, "top_k"),
        ({"temperature": math.nan}, "temperature is nan"),
        ({"temperature": math.inf}, "temperature is inf"),
        ({"given": torch.zeros(2, 3, 3)}, "given codes have shape"),
        ({"given": torch.full((2, 6, 4), K)}, f"given codes reach from {K} to {K}"),
        ({"given": torch.full((2, 6, 4), -2)}, "given codes reach from -2 to -2"),
        ({"given": torch.zeros(2, 6, 4)}, "given codes are torch.float32"),
    ],
)
def test_bad_sampling_arguments_are_refused_in_a_sentence(arguments, words):
    with pytest.raises(InputError, match=words):
        sample(prior(), heights(2), **{"seeds": [1, 2], **arguments})


def test_sampling_that_is_interrupted_leaves_the_model_as_it_was():
    model = prior().train()

    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sampling.walk(model, heights(1), stop)
    assert model.training


def test_a_grid_of_another_vqvae_is_refused():
    with pytest.raises(InputError, match=r"grid of \(4, 6\).*made for \(6, 4\)"):
        prior()(random_codes(1, (4, 6)), heights(1))
