"""What can stand in place of the codebook: FSQ, a price on rare codes, a penalty, nothing."""

import itertools
import math

import pytest
import torch
from torch import nn

from vqgen_utils.config import VQVAEConfig
from vqgen_utils.evaluation import metrics
from vqgen_utils.models import VQVAE, Codebook
from vqgen_utils.models.beyond import alphabets

SMALL = VQVAEConfig(num_embeddings=24, embedding_dim=3, hidden_dim=8, residual_layers=0)


def vectors_of_three_sizes(number=900, seed=0):
    """(N, 3) around three centres, of which one is common, one rare and one very rare."""
    generator = torch.Generator().manual_seed(seed)
    which = torch.multinomial(torch.tensor([0.8, 0.17, 0.03]), number, True, generator=generator)
    centres = torch.tensor([[0.0, 0, 0], [3, 0, 0], [0, 3, 0]])
    return centres[which] + torch.randn(number, 3, generator=generator)


@pytest.fixture
def fsq():
    return alphabets.FSQ((4, 3, 2))


def test_every_lattice_point_has_the_number_that_leads_back_to_it(fsq):
    codes = torch.arange(24).view(1, 4, 6)
    points = fsq.lookup(codes)  # (1, 3, 4, 6)
    digits = (points.permute(0, 2, 3, 1) + 1) / 2 * fsq.most
    assert torch.equal(fsq.index(digits.round()), codes)
    assert len(torch.unique(fsq.embedding, dim=0)) == 24 == math.prod(fsq.levels)


def test_the_number_of_a_code_is_that_of_its_digits_with_the_last_counting_ones(fsq):
    digits = list(itertools.product(range(4), range(3), range(2)))
    assert fsq.index(torch.tensor(digits)).tolist() == list(range(24))
    assert fsq.index(torch.tensor([3, 1, 0])) == 3 * 6 + 1 * 2


def test_quantised_values_lie_on_the_lattice_however_far_out_they_come_from(fsq):
    z_q, codes, losses = fsq(50 * torch.randn(2, 3, 4, 5))
    assert codes.shape == (2, 4, 5) and losses == {}
    assert torch.allclose(z_q, fsq.lookup(codes), atol=1e-6)
    assert codes.min() >= 0 and codes.max() < 24 and z_q.abs().max() <= 1


def test_the_codes_of_a_pass_are_those_that_are_looked_up(fsq):
    z_e = 2 * torch.randn(2, 3, 4, 5)
    vectors = z_e.permute(0, 2, 3, 1).reshape(-1, 3)
    assert torch.equal(fsq(z_e)[1].flatten(), fsq.nearest(vectors))


def test_the_gradient_passes_the_rounding_and_is_that_of_the_squashing(fsq):
    z_e = torch.randn(1, 3, 2, 2, requires_grad=True)
    fsq(z_e)[0].sum().backward()
    assert torch.allclose(z_e.grad, 1 - torch.tanh(z_e.detach()).square(), atol=1e-5)


def test_without_a_codebook_nothing_is_changed():
    z_e = torch.randn(2, 3, 4, 5)
    z_q, codes, losses = alphabets.NoCodebook()(z_e)
    assert torch.equal(z_q, z_e) and codes.shape == (2, 4, 5) and losses == {}


@pytest.mark.parametrize(
    "alphabet",
    [
        alphabets.FSQ((4, 3, 2)),
        alphabets.RateCodebook(SMALL, 0.3, free=1),
        alphabets.OrthogonalCodebook(SMALL, 1.0),
        alphabets.NoCodebook(),
    ],
    ids=lambda one: type(one).__name__,
)
def test_each_stands_in_a_vqvae_in_place_of_the_codebook(alphabet):
    torch.manual_seed(0)
    model, x = VQVAE(SMALL), torch.rand(2, 1, 16, 8)
    model.codebook = alphabet
    for _ in range(3):
        x_hat, codes, losses = model.train()(x)
        losses["loss"].backward()
    assert x_hat.shape == x.shape and codes.shape == (2, 4, 2)
    assert next(model.encoder.parameters()).grad.abs().sum() > 0
    model.eval()
    x_hat, codes, _ = model(x)
    if not isinstance(alphabet, alphabets.NoCodebook):
        assert torch.equal(model.encode(x), codes)
        assert torch.allclose(model.decode(codes), x_hat.clamp(0, 1), atol=1e-5)


def test_where_a_bit_is_worth_nothing_the_nearest_code_is_the_cheapest():
    codebook, vectors = Codebook(24, 3), torch.randn(500, 3)
    codebook.embedding.copy_(torch.randn(24, 3))
    shares = torch.rand(24).softmax(0)
    chosen = alphabets.cheapest(vectors, codebook.embedding, shares, 0.0)
    assert torch.equal(chosen, codebook.nearest(vectors))


def test_the_cheapest_code_is_the_one_of_the_formula():
    vectors, codes, shares = torch.randn(200, 3), torch.randn(10, 3), torch.randn(10).softmax(0)
    cost = torch.cdist(vectors, codes).square() - 0.7 * shares.log2()  # (N, K)
    assert torch.equal(alphabets.cheapest(vectors, codes, shares, 0.7), cost.argmin(1))


def test_an_empty_code_is_dear_and_not_forbidden():
    codes, shares = torch.tensor([[0.0], [10.0]]), torch.tensor([1.0, 0.0])
    vectors = torch.tensor([[4.0], [6.0], [10.0]])
    assert alphabets.cheapest(vectors, codes, shares, 1.0).tolist() == [0, 0, 1]


def test_the_dearer_a_bit_the_fewer_are_paid_and_the_farther_is_the_code():
    vectors = vectors_of_three_sizes()
    codes = vectors[:40]
    entropies, errors, used = [], [], []
    for weight in (0.0, 0.1, 0.3, 1.0, 3.0):
        chosen, shares = alphabets.settle(vectors, codes, weight)
        entropies.append(metrics.entropy_bits(shares))
        errors.append(float((vectors - codes[chosen]).square().sum(1).mean()))
        used.append(int((shares > 0).sum()))
    assert entropies == sorted(entropies, reverse=True) and entropies[-1] < entropies[0] / 2
    assert errors == sorted(errors)
    assert used == sorted(used, reverse=True)


def test_for_fixed_shares_a_dearer_bit_never_raises_what_is_paid():
    vectors, codes, shares = torch.randn(500, 3), torch.randn(30, 3), torch.randn(30).softmax(0)
    paid = [
        float(-shares[alphabets.cheapest(vectors, codes, shares, weight)].log2().mean())
        for weight in (0.0, 0.05, 0.2, 0.5, 1.0, 2.0, 5.0)
    ]
    assert paid == sorted(paid, reverse=True)


def trained(codebook, steps=120):
    """Fed with the same vectors again and again, as by an encoder that stands still."""
    for step in range(steps):
        codebook(vectors_of_three_sizes(seed=step).t()[None, :, :, None])
    return codebook.eval()


def test_a_codebook_with_a_price_empties_codes_and_pays_fewer_bits():
    z_e = vectors_of_three_sizes(seed=1000).t()[None, :, :, None]
    used, bits = {}, {}
    for weight in (0.0, 0.2):
        counts = metrics.code_counts(
            trained(alphabets.RateCodebook(SMALL, weight, free=20))(z_e)[1], 24
        )
        used[weight], bits[weight] = int((counts > 0).sum()), metrics.entropy_bits(counts)
    assert used[0.2] < used[0.0] and bits[0.2] < bits[0.0] - 1


def test_before_bits_cost_anything_it_is_the_plain_codebook():
    plain = trained(Codebook(24, 3, decay=SMALL.decay), 10)
    free = trained(alphabets.RateCodebook(SMALL, 9.0, free=10), 10)
    assert torch.equal(plain.embedding, free.embedding)


def test_the_price_of_a_bit_grows_with_the_vectors():
    """The same vectors in other units get the same codes."""
    one, other = (alphabets.RateCodebook(SMALL, 0.3, free=5) for _ in range(2))
    for step in range(30):
        z_e = vectors_of_three_sizes(seed=step).t()[None, :, :, None]
        assert torch.equal(one(z_e)[1], other(8 * z_e)[1])


def regular(number):
    """(K, 2): K directions in the plane, the same angle between any two neighbours."""
    angle = math.pi * torch.arange(number) / number
    return torch.stack([angle.cos(), angle.sin()], 1)


@pytest.mark.parametrize("number", [2, 3, 5, 8])
def test_a_tight_frame_reaches_the_floor_and_nothing_goes_below(number):
    floor = alphabets.orthogonality_floor(number, 2)
    assert float(alphabets.orthogonality(regular(number))) == pytest.approx(floor, abs=1e-6)
    for _ in range(20):
        assert alphabets.orthogonality(torch.randn(number, 2)) >= floor - 1e-6


def test_the_floor_of_the_default_codebook_and_of_few_codes():
    assert alphabets.orthogonality_floor(128, 32) == pytest.approx(0.0234375)
    assert alphabets.orthogonality_floor(16, 32) == 0
    assert alphabets.orthogonality(torch.eye(4)) == 0
    assert alphabets.orthogonality(5 * torch.eye(4)) == 0  # directions count, not lengths


def test_descent_finds_the_floor():
    codes = nn.Parameter(torch.randn(12, 4, generator=torch.Generator().manual_seed(0)))
    optimizer = torch.optim.Adam([codes], 0.05)
    for _ in range(300):
        optimizer.zero_grad()
        alphabets.orthogonality(codes).backward()
        optimizer.step()
    floor = alphabets.orthogonality_floor(12, 4)
    assert float(alphabets.orthogonality(codes.detach())) == pytest.approx(floor, rel=1e-3)


@pytest.mark.parametrize(("update", "reached"), [("ema", False), ("gradient", True)])
def test_the_penalty_reaches_codes_that_learn_by_gradient_only(update, reached):
    config = VQVAEConfig(num_embeddings=24, embedding_dim=3, codebook_update=update)
    codebook = alphabets.OrthogonalCodebook(config, 10.0)
    losses = codebook(torch.randn(2, 3, 4, 5))[2]
    assert losses["orthogonality"].requires_grad is reached
    if not reached:
        assert codebook.embedding.grad is None
    else:
        losses["orthogonality"].backward()
        assert codebook.embedding.grad.abs().sum() > 0


def test_under_moving_averages_the_penalty_changes_not_one_digit():
    config = VQVAEConfig(num_embeddings=24, embedding_dim=3)
    plain = trained(Codebook(24, 3, decay=config.decay, revive_below=config.revive_below), 15)
    assert torch.equal(
        trained(alphabets.OrthogonalCodebook(config, 10.0), 15).embedding, plain.embedding
    )
