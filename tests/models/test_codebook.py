"""The codebook, both ways of learning it."""

import sys

import pytest
import torch
import torch.nn.functional as F
from scipy.cluster.vq import kmeans2
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks import quantizer as benchmark
from vqgen_utils.models import Codebook


def three_clusters(number=300, dim=4, seed=0):
    """(N, D, 1, 1) vectors around three far-apart centres."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.tensor([[5.0], [0.0], [-5.0]]).expand(3, dim)
    noise = torch.randn(number, dim, generator=generator) * 0.1
    return (centres[torch.arange(number) % 3] + noise)[:, :, None, None]


def test_nearest_is_the_code_at_the_smallest_distance():
    codebook = Codebook(50, 8)
    codebook.embedding.copy_(torch.randn(50, 8))
    vectors = torch.randn(200, 8)
    assert torch.equal(
        codebook.nearest(vectors), torch.cdist(vectors, codebook.embedding).argmin(1)
    )


@pytest.mark.parametrize(("number", "size"), [(0, 7), (1, 7), (2500, 1000), (9, 2**18)])
@pytest.mark.parametrize("update", ["ema", "gradient"])
def test_the_search_is_exact_for_any_number_of_vectors_and_codes(number, size, update):
    """Integers, so that float32 is exact and many codes tie: the first of them counts."""
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randint(-9, 10, (number, 3), generator=generator).float()
    codebook = Codebook(size, 3, update=update)
    codebook.embedding.data = torch.randint(-9, 10, (size, 3), generator=generator).float()
    apart = vectors.double()[:, None] - codebook.embedding.detach().double()  # (N, K, 3)
    nearest = apart.square().sum(2).numpy().argmin(1)
    assert codebook.nearest(vectors).tolist() == nearest.tolist()


class LargestTensor(TorchDispatchMode):
    """How many numbers the largest tensor had that any operation gave."""

    numbers = 0

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        result = function(*arguments, **(keywords or {}))
        tensors = [leaf for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor)]
        self.numbers = max([self.numbers, *(tensor.numel() for tensor in tensors)])
        return result


def test_no_step_makes_a_table_of_all_vectors_by_all_codes():
    codebook = Codebook(1024, 2)
    codebook.updates += 1  # initialised
    z_e = torch.randn(4, 2, 64, 64, requires_grad=True)
    with LargestTensor() as largest:
        z_q, _, losses = codebook(z_e)
        (z_q.sum() + losses["commitment"]).backward()
    assert z_e.numel() <= largest.numbers <= 4 * 64 * 64 * 1024 / 8


def test_quantised_vectors_are_codes_of_the_codebook():
    codebook = Codebook(10, 4).eval()
    z_q, codes, _ = codebook(torch.randn(2, 4, 3, 5))
    assert codes.shape == (2, 3, 5)
    assert torch.allclose(z_q, codebook.lookup(codes), atol=1e-6)


@pytest.mark.parametrize("update", ["ema", "gradient"])
def test_the_gradient_passes_straight_through(update):
    codebook = Codebook(10, 4, update=update, commitment_cost=0.0)
    z_e = torch.randn(2, 4, 3, 5, requires_grad=True)
    z_q, _, _ = codebook(z_e)
    upstream = torch.randn_like(z_q)
    z_q.backward(upstream)
    assert torch.equal(z_e.grad, upstream)


def test_each_loss_term_reaches_only_the_side_it_is_meant_for():
    codebook = Codebook(10, 4, update="gradient", commitment_cost=0.25)
    z_e = torch.randn(2, 4, 3, 5, requires_grad=True)
    _, codes, losses = codebook(z_e)
    distance = F.mse_loss(z_e, codebook.lookup(codes)).item()
    assert losses["codebook"].item() == pytest.approx(distance)
    assert losses["commitment"].item() == pytest.approx(0.25 * distance)

    grads = torch.autograd.grad(
        losses["codebook"], [z_e, codebook.embedding], allow_unused=True, retain_graph=True
    )
    assert grads[0] is None and grads[1].abs().sum() > 0
    grads = torch.autograd.grad(losses["commitment"], [z_e, codebook.embedding], allow_unused=True)
    assert grads[0].abs().sum() > 0 and grads[1] is None


def means_of_served(codebook, vectors):
    """What each code should be: the mean of the vectors it serves."""
    flat = vectors[:, :, 0, 0]
    indices = codebook.nearest(flat)
    return torch.stack([flat[indices == k].mean(0) for k in range(len(codebook.embedding))])


def test_the_first_batch_initialises_the_codes_as_its_cluster_means():
    vectors = three_clusters()
    codebook = Codebook(3, 4, revive_below=0.0)
    codebook(vectors)
    assert torch.allclose(codebook.embedding, means_of_served(codebook, vectors), atol=0.05)


def test_the_initialisation_is_the_k_means_of_scipy():
    vectors = torch.randn(400, 4, generator=torch.Generator().manual_seed(0))
    codebook = Codebook(20, 4, decay=1.0, revive_below=0.0, seed=5)  # decay 1: nothing moves after
    codebook(vectors[:, :, None, None])
    expected, _ = kmeans2(vectors.numpy(), 20, minit="++", rng=5)
    assert torch.allclose(codebook.embedding, torch.from_numpy(expected), atol=1e-5)


def test_fewer_vectors_than_codes_are_all_served():
    vectors = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))[:, :, None, None]
    z_q, _, _ = Codebook(8, 4)(vectors)
    assert torch.allclose(z_q, vectors, atol=1e-5)


def test_a_batch_of_equal_vectors_is_served():
    z_q, _, _ = Codebook(8, 4)(torch.full((2, 4, 3, 3), 0.1))
    assert torch.allclose(z_q, torch.tensor(0.1))


def test_the_initialisation_is_not_undone_by_the_next_update():
    codebook = Codebook(3, 4, revive_below=0.0)
    codebook(three_clusters())
    before = codebook.embedding.clone()
    codebook(three_clusters())
    assert torch.allclose(codebook.embedding, before, atol=0.05)


def test_codes_follow_the_vectors_they_serve():
    codebook = Codebook(3, 4, decay=0.5, revive_below=0.0)
    for shift in (0.0, 0.5, 1.0):
        for _ in range(20):
            codebook(three_clusters() + shift)
    vectors = three_clusters() + 1
    assert torch.allclose(codebook.embedding, means_of_served(codebook, vectors), atol=0.05)


def test_a_dead_code_is_revived_and_stays_alive():
    vectors = three_clusters()
    codebook = Codebook(3, 4)
    codebook(vectors)
    codebook.embedding[0] = 1000.0  # nobody's nearest code any more
    codebook.ema_count[0] = 0.0
    codebook.ema_sum[0] = 0.0
    codebook(vectors)
    revived = codebook.embedding[0].clone()
    assert revived.abs().max() < 10
    codebook(vectors)  # the next moving-average update must not throw it back
    assert codebook.embedding[0].abs().max() < 10
    assert (codebook.nearest(vectors[:, :, 0, 0]) == 0).any()


def test_the_dead_rise_where_vectors_are_served_badly():
    """Nine in ten vectors are air, all alike; the rest spread far. The air must not get them."""
    generator = torch.Generator().manual_seed(0)
    vectors = torch.zeros(400, 4)
    vectors[:40] = torch.randn(40, 4, generator=generator) * 5
    codebook = Codebook(8, 4)
    codebook(vectors[:, :, None, None])
    codebook.embedding.fill_(0.0)
    codebook.ema_count.fill_(0.0)
    codebook.ema_sum.fill_(0.0)
    codebook(vectors[:, :, None, None])
    assert (codebook.embedding.norm(dim=1) > 1).sum() >= 6


def test_nothing_is_learned_in_eval_mode():
    codebook = Codebook(3, 4)
    codebook(three_clusters())
    before = {name: value.clone() for name, value in codebook.state_dict().items()}
    codebook.eval()(three_clusters() + 3)
    assert all(torch.equal(value, before[name]) for name, value in codebook.state_dict().items())


def test_the_batch_is_quantised_before_the_codes_move():
    codebook = Codebook(3, 4, revive_below=0.0)
    codebook(three_clusters())
    before = codebook.embedding.clone()
    z_q, codes, _ = codebook(three_clusters() + 1)
    assert torch.allclose(z_q[:, :, 0, 0], before[codes[:, 0, 0]], atol=1e-5)
    assert not torch.allclose(codebook.embedding, before)


def test_same_seed_same_codebook():
    books = [Codebook(8, 4, seed=3) for _ in range(2)]
    for book in books:
        for step in range(5):
            book(three_clusters(seed=step))
    assert torch.equal(books[0].embedding, books[1].embedding)


def test_the_benchmark_reports_vectors_that_are_given_another_code():
    codes = torch.tensor([[0.0], [1.0], [4.0]])
    z_e = torch.tensor([0.1, 0.5, 2.0, 4.0]).view(1, 1, 2, 2)
    ours = torch.tensor([0, 0, 1, 2]).view(1, 2, 2).numpy()
    theirs = torch.tensor([0, 1, 2, 2]).view(1, 2, 2).numpy()
    found = benchmark.differences(z_e, codes, ours, theirs)
    assert found == {"differ": 2, "ours_nearer": 2, "largest_gap": 3.0}
    assert benchmark.differences(z_e, codes, ours, ours)["differ"] == 0


def test_the_benchmark_without_its_peers_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "vector_quantize_pytorch", None)
    with pytest.raises(SystemExit) as stop:
        benchmark.main()
    assert stop.value.code == 2
    assert "pip install -e '.[benchmarks]'" in capsys.readouterr().err
