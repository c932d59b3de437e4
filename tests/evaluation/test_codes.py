"""What codes mean, and what positions see."""

import numpy as np
import pandas as pd
import pytest
import torch

from vqgen_utils.config import VQVAEConfig
from vqgen_utils.evaluation import codes as codebook
from vqgen_utils.evaluation import metrics
from vqgen_utils.models import VQVAE
from vqgen_utils.teaching.demos import receptive_field


def test_each_code_is_decoded_to_its_own_patch():
    model = VQVAE(VQVAEConfig(num_embeddings=6, embedding_dim=4, hidden_dim=8)).eval()
    model.codebook.embedding.copy_(torch.randn(6, 4) * 3)
    patches = codebook.decoded_codes(model)
    assert patches.shape == (6, 4, 4)
    assert len({tuple(patch.flatten().tolist()) for patch in patches}) == 6


@pytest.mark.parametrize("stem", ["unshuffle", "strided"])
@pytest.mark.parametrize("stride", [2, 4, 8])
def test_a_decoded_code_shows_no_border(stem, stride):
    """In the middle of a much larger field of the same code it looks the same."""
    sizes = {"num_embeddings": 3, "embedding_dim": 4, "hidden_dim": 8}
    model = VQVAE(VQVAEConfig(**sizes, stem=stem, stride=stride)).eval()
    model.codebook.embedding.copy_(torch.randn(3, 4) * 3)
    middle = slice(15 * stride, 16 * stride)
    field = model.decode(torch.full((1, 31, 31), 2))[0, 0, middle, middle]
    assert torch.allclose(codebook.decoded_codes(model)[2], field, atol=1e-5)


def test_the_perplexity_of_samples_ends_at_that_of_all_slices():
    codes = torch.randint(8, (6, 4, 4), generator=torch.Generator().manual_seed(0))
    samples = codebook.perplexity_of_samples(codes, 8, [1, 6], draws=20)
    whole = metrics.perplexity(metrics.code_counts(codes, 8))
    assert samples.shape == (2, 20)
    assert samples[1].tolist() == pytest.approx([whole] * 20)
    assert samples[0].mean() < whole and samples[0].std() > 0


def test_under_each_code_lies_the_mean_of_its_blocks():
    images = np.zeros((1, 8, 4), np.float32)
    images[0, :4] = 0.8
    images[0, 0, 1] = 0.4
    patches = codebook.codes_in_use(torch.tensor([[[2], [0]]]), images, 3)
    assert patches[2, 0, 1] == pytest.approx(0.4) and patches[2, 3, 3] == pytest.approx(0.8)
    assert (patches[0] == 0).all() and patches[1].isnan().all()


def test_a_cell_has_the_tissue_of_most_of_its_pixels():
    labels = np.zeros((1, 8, 4), int)
    labels[0, :4] = 2
    labels[0, 0, 0] = 5
    assert codebook.tissue_of_cells(labels, 4).tolist() == [[[2], [0]]]


def test_the_table_counts_code_and_tissue_together():
    labels = np.zeros((1, 8, 4), int)
    labels[0, :4] = 1
    table = codebook.code_tissue_table(torch.tensor([[[3], [0]]]), labels, 4, ("a", "b"))
    assert table.loc["b", 3] == 1 and table.loc["a", 0] == 1 and table.to_numpy().sum() == 2


@pytest.mark.parametrize(
    ("counts", "bits"),
    [
        ([[5, 0], [0, 5]], 1.0),  # the code settles the tissue
        ([[5, 5], [5, 5]], 0.0),  # the code says nothing
        ([[4, 4, 0, 0], [0, 0, 4, 4]], 1.0),  # two codes a tissue say no more than one
    ],
)
def test_mutual_information_of_known_tables(counts, bits):
    assert codebook.mutual_information_bits(pd.DataFrame(counts)) == pytest.approx(bits, abs=1e-9)


def test_principal_components_find_the_widest_direction():
    embedding = torch.zeros(20, 3)
    embedding[:, 1] = torch.linspace(-5, 5, 20)
    embedding[:, 2] = torch.linspace(-1, 1, 20).square()
    points, share = codebook.principal_components(embedding)
    assert points.shape == (20, 2)
    assert share[0] > 0.95
    assert abs(np.corrcoef(points[:, 0], embedding[:, 1])[0, 1]) > 0.999


def test_neighbours_are_sorted_and_leave_out_the_code_itself():
    distance = codebook.code_distances(torch.tensor([[0.0], [1.0], [10.0], [2.0]]))
    assert distance[0].tolist() == [0, 1, 10, 2]
    assert codebook.neighbours(distance, 0) == [1, 3, 2]


def test_a_code_on_the_same_point_is_a_neighbour_and_the_code_itself_is_not():
    distance = codebook.code_distances(torch.tensor([[1.0], [1.0], [5.0]]))
    assert codebook.neighbours(distance, 1) == [0, 2]


def test_the_atlas_knows_where_each_code_stands():
    model = VQVAE(VQVAEConfig(num_embeddings=4, embedding_dim=4, hidden_dim=8)).eval()
    codes = torch.tensor([[[0, 1], [1, 1], [2, 0]], [[0, 0], [0, 1], [2, 0]]])  # (2, 3, 2)
    atlas = codebook.make_atlas(model, codes, np.zeros((2, 12, 8), np.float32), None)
    assert atlas.counts.tolist() == [6, 4, 2, 0]
    assert atlas.example[:2].tolist() == [1, 0]
    assert atlas.where.shape == (4, 3, 2)
    assert atlas.where[1].tolist() == [[0, 0.5], [0.5, 1], [0, 0]]
    assert atlas.where.sum(0).tolist() == [[1, 1]] * 3


def test_swapping_a_code_leaves_the_original_alone():
    codes = torch.zeros(2, 2, dtype=torch.long)
    assert codebook.swap(codes, 0, 1, 7).tolist() == [[0, 7], [0, 0]]
    assert codes.sum() == 0


@pytest.mark.parametrize("kernel_size", [3, 5])
@pytest.mark.parametrize("layers", [1, 4, 8])
def test_the_gated_prior_sees_all_that_its_depth_allows_and_nothing_later(kernel_size, layers):
    grid, position = (20, 41), (19, 20)
    allowed = receptive_field.allowed_field(layers, kernel_size, grid, position)
    past = receptive_field.allowed_field(100, kernel_size, grid, position)
    seen = receptive_field.gated_field(layers, kernel_size, grid, position)
    assert (seen & allowed).equal(allowed)
    assert not (seen & ~past).any()


def test_the_plain_stack_has_a_blind_spot_that_grows_with_depth():
    shares = [receptive_field.blind_share(layers, 3) for layers in (3, 5, 8)]
    assert shares == pytest.approx([0.125, 0.167, 0.194], abs=0.001)


def test_an_unmasked_last_layer_sees_its_own_answer():
    position = (4, 4)
    assert not receptive_field.plain_field(3, 3, (9, 9), position)[position]
    assert receptive_field.plain_field(3, 3, (9, 9), position, mask_last=False)[position]
