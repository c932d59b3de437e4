"""What grids of codes cost, against cases whose answer is known."""

import math

import pytest
import torch

from vqgen_utils.config import PriorConfig
from vqgen_utils.evaluation import code_lengths, metrics
from vqgen_utils.models import PixelCNN


def random_codes(*shape: int, k: int = 4, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, k, shape, generator=torch.Generator().manual_seed(seed))


def test_frequencies_cost_their_entropy_and_a_new_code_costs_much():
    train = torch.tensor([0] * 500 + [1] * 250 + [2] * 250)
    assert code_lengths.frequency_bits(train, train, 3) == pytest.approx(1.5, abs=1e-2)
    assert 5 < code_lengths.frequency_bits(train, torch.tensor([3]), 4) < math.log2(1001 * 4) + 0.1


def test_independent_codes_cost_their_entropy():
    bits = code_lengths.neighbour_bits(random_codes(200, 16, 8), random_codes(20, 16, 8, seed=1), 4)
    assert 1.99 < bits < 2.05


def test_codes_that_copy_their_neighbour_cost_next_to_nothing():
    rows = random_codes(200, 16, 1).expand(-1, -1, 8)  # a row repeats its first code
    other = random_codes(20, 16, 1, seed=1).expand(-1, -1, 8)
    assert code_lengths.neighbour_bits(rows, other, 4) < 2 / 8 + 0.1


def test_a_code_never_seen_in_training_costs_much_but_not_forever():
    bits = code_lengths.neighbour_bits(torch.zeros(5, 4, 4).long(), torch.ones(1, 4, 4).long(), 4)
    assert 3 < bits < 20


def test_a_coder_really_needs_the_bits_the_probabilities_promise():
    generator = torch.Generator().manual_seed(0)
    p = torch.randn(4000, 8, generator=generator).mul(2).softmax(1)
    codes = torch.multinomial(p, 1, generator=generator)[:, 0]
    promised = float(-p.gather(1, codes[:, None]).log2().sum())
    data = code_lengths.coded(codes, p)
    assert promised <= 8 * len(data) <= 1.01 * promised + 64
    read = code_lengths.reader(data)
    assert torch.equal(torch.cat([read(part) for part in p.split(1000)]), codes)


@pytest.fixture
def prior():
    torch.manual_seed(0)
    config = PriorConfig(prior_channels=8, prior_layers=2, prior_hidden_dim=8)
    return PixelCNN(config, 16, (8, 6)).eval()


def test_a_receiver_with_the_prior_reads_the_grids_from_the_bytes(prior):
    codes, condition = random_codes(5, 8, 6, k=16), torch.rand(5, prior.features)
    data = code_lengths.send(prior, codes, condition)
    assert torch.equal(code_lengths.receive(prior, data, condition), codes)
    promised = metrics.bits_by_position(prior, codes, condition).sum().item()
    assert promised <= 8 * len(data) + 1 and 8 * len(data) <= 1.01 * promised + 64


def test_a_receiver_told_another_height_reads_something_else(prior):
    torch.nn.init.normal_(prior.atlas.weight)  # so that heights matter
    codes, condition = random_codes(5, 8, 6, k=16), torch.rand(5, prior.features)
    data = code_lengths.send(prior, codes, condition)
    assert not torch.equal(code_lengths.receive(prior, data, 1 - condition), codes)
