"""A forgotten mask: the better score, and nothing of its own to say."""

import math

import pytest
import torch
import torch.nn.functional as F

from vqgen_utils.teaching.demos import forgotten_mask

K = 6


@pytest.fixture(scope="module")
def grids():
    """Stripes with some noise: (N, H, W)."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.arange(8).remainder(K).expand(400, 5, 8).clone()  # (N, H, W)
    odd = torch.rand(codes.shape, generator=generator) < 0.3
    codes[odd] = torch.randint(K, (int(odd.sum()),), generator=generator)
    return codes


def test_every_mask_in_place_the_logits_depend_on_earlier_codes_alone():
    torch.manual_seed(0)
    model = forgotten_mask.PlainPixelCNN(K, mask_last=True)
    before = torch.randint(K, (1, 5, 6))
    after = before.clone()
    after[0, 2, 3] = (after[0, 2, 3] + 1) % K
    with torch.no_grad():
        moved = (model(before) != model(after)).any(1)[0]  # (H, W)
    assert not moved.flatten()[: 2 * 6 + 4].any()
    assert moved[2, 4:].any() and moved[3].any()


def test_a_forgotten_mask_scores_better_and_copies_what_is_there(grids):
    honest = forgotten_mask.train(K, grids[:360], mask_last=True)
    leaking = forgotten_mask.train(K, grids[:360], mask_last=False)
    scores = [forgotten_mask.bits_per_code(model, grids[360:]) for model in (honest, leaking)]
    assert scores[1] < 0.3 * scores[0] < scores[0] < math.log2(K)

    filled = torch.stack([torch.zeros(5, 8, dtype=torch.long), grids[360]])
    drawn = forgotten_mask.draw(honest, filled)
    assert torch.equal(drawn[0], drawn[1])
    copied = forgotten_mask.draw(leaking, filled)
    assert (copied == filled).float().mean() > 0.8


def test_bits_are_those_of_the_cross_entropy(grids):
    model = forgotten_mask.PlainPixelCNN(K, mask_last=True)
    with torch.no_grad():
        nats = F.cross_entropy(model(grids[:40]), grids[:40]).item()
    assert forgotten_mask.bits_per_code(model, grids[:40]) == pytest.approx(nats / math.log(2))


@pytest.mark.parametrize("mask_last", [True, False])
def test_drawing_from_the_codes_around_equals_drawing_from_the_whole_grid(mask_last):
    torch.manual_seed(0)
    model = forgotten_mask.PlainPixelCNN(K, mask_last).eval()
    filled = torch.randint(K, (2, 7, 11))
    fast = forgotten_mask.draw(model, filled, seed=3)
    uniform = torch.rand(7, 11, 1, K, generator=torch.Generator().manual_seed(3))
    codes = filled.clone()
    with torch.no_grad():
        for i in range(7):
            for j in range(11):
                noise = -torch.log(-torch.log(uniform[i, j]))
                codes[:, i, j] = (model(codes)[:, :, i, j] + noise).argmax(1)
    assert torch.equal(fast, codes)


def test_training_depends_on_its_seed_and_leaves_the_random_state_alone(grids):
    state = torch.get_rng_state()
    one, two = (forgotten_mask.train(K, grids[:20], True, seed=1) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
