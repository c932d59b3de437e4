"""Distances between sets of features, against values known from theory."""

import numpy as np
import pytest
import torch
from scipy import linalg

from vqgen_utils.evaluation import fidelity


def gaussian(n: int, mean: float = 0.0, spread: float = 1.0, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return mean + spread * torch.randn(n, 4, generator=generator)


def test_the_frechet_distance_of_gaussians_is_the_one_of_the_formula():
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) = 4 * 3^2 + 4 * (2 - 1)^2."""
    distance = fidelity.frechet(gaussian(40_000), gaussian(40_000, 3.0, 2.0, seed=1))
    assert distance == pytest.approx(40, rel=0.02)


def test_a_set_is_at_distance_zero_from_itself():
    some = gaussian(200)
    assert fidelity.frechet(some, some) == pytest.approx(0, abs=1e-6)


def test_the_kernel_distance_is_around_zero_when_alike_and_grows_with_the_shift():
    reference = gaussian(400)
    alike, near, far = (
        fidelity.kid(reference, gaussian(400, shift, seed=1)) for shift in (0.0, 0.5, 1.0)
    )
    assert abs(alike) < near / 10
    assert near < far


def test_the_kernel_distance_is_repeatable_and_leaves_the_random_state_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    values = {fidelity.kid(gaussian(50), gaussian(60, 0.5, seed=1)) for _ in range(2)}
    assert len(values) == 1
    assert torch.equal(torch.get_rng_state(), before)


def test_precision_and_recall_of_hand_made_sets():
    """Real: two clusters. One cluster repeated is precise but covers half; far points neither."""
    steps = torch.arange(10.0)[:, None] * torch.tensor([[0.1, 0.0]])  # (10, 2)
    left, right = steps, steps + 100
    real = torch.cat([left, right])
    assert fidelity.precision_recall(real, real) == (1.0, 1.0)
    assert fidelity.precision_recall(real, left + 0.01) == pytest.approx((1.0, 0.5))
    assert fidelity.precision_recall(real, steps + 5000) == (0.0, 0.0)
    precision, recall = fidelity.precision_recall(real, torch.cat([real, steps + 5000]))
    assert precision == pytest.approx(2 / 3)
    assert recall == 1.0


def test_features_of_a_single_slice_are_centred_and_stay_numbers():
    reference, other = fidelity.standardise(gaussian(1, 3.0, 2.0), gaussian(10, 7.0, 2.0))
    assert torch.equal(reference, torch.zeros_like(reference))
    assert torch.isfinite(other).all()


def test_standardising_uses_the_reference_alone():
    reference, other = fidelity.standardise(gaussian(500, 3.0, 2.0), gaussian(10, 7.0, 2.0))
    assert reference.mean().abs() < 1e-5
    assert reference.std(0) == pytest.approx(torch.ones(4), abs=1e-4)
    assert other.mean() == pytest.approx(2.0, abs=0.5)


def test_the_frechet_distance_is_the_formula_with_a_matrix_root():
    """Against scipy's square root of a matrix, on features that are correlated."""
    mix = torch.randn(4, 4, generator=torch.Generator().manual_seed(7))
    one, other = gaussian(60) @ mix, gaussian(50, 0.5, seed=1) @ mix.t()
    c1, c2 = np.cov(one.double().T), np.cov(other.double().T)
    root = np.trace(linalg.sqrtm(c1 @ c2).real)
    apart = (one.double().mean(0) - other.double().mean(0)).square().sum().item()
    expected = apart + np.trace(c1) + np.trace(c2) - 2 * root
    assert fidelity.frechet(one, other) == pytest.approx(expected, rel=1e-6)


def test_the_kernel_distance_is_the_unbiased_formula():
    """With sets of one size every subset is the whole set, so no draw is left in it."""
    one, other = gaussian(40).double(), gaussian(40, 0.5, seed=1).double()

    def kernel(a, b):
        return (a @ b.T / 4 + 1) ** 3

    def without_diagonal(k):
        return (k.sum() - k.diagonal().sum()) / (40 * 39)

    expected = (
        without_diagonal(kernel(one, one))
        + without_diagonal(kernel(other, other))
        - 2 * kernel(one, other).mean()
    )
    assert fidelity.kid(one.float(), other.float()) == pytest.approx(expected.item(), rel=1e-3)


def test_sets_too_small_for_the_third_neighbour_take_the_farthest():
    assert fidelity.precision_recall(gaussian(2), gaussian(2)) == (1.0, 1.0)


def test_all_measures_are_means_over_sets():
    reference, one, two = gaussian(50), gaussian(30, seed=1), gaussian(30, 1.0, seed=2)
    both = fidelity.compare_sets(reference, [one, two])
    assert tuple(both) == fidelity.MEASURES
    mean = (fidelity.frechet(reference, one) + fidelity.frechet(reference, two)) / 2
    assert both["frechet"] == pytest.approx(mean)


def test_a_counterpart_is_another_patient_at_the_nearest_height():
    heights, patients = np.array([0.1, 0.12, 0.3, 0.5, 0.28]), list("aabba")
    assert fidelity.counterparts(heights, patients).tolist() == [2, 2, 4, 4, 2]
    assert fidelity.counterparts(heights, ["a"] * 5).tolist() == [1, 0, 4, 2, 2]


@pytest.mark.parametrize("side, scales", [(128, 3), (44, 3), (43, 2), (22, 2), (21, 1), (11, 1)])
def test_likeness_is_measured_at_as_many_scales_as_its_window_fits_into(side, scales):
    some = torch.rand(3, 80, side, generator=torch.Generator().manual_seed(0))
    assert fidelity.likeness_scales(some.shape[1:]) == scales
    assert fidelity.likeness(some, some) == pytest.approx(torch.ones(3), abs=1e-5)
    assert fidelity.likeness(some, some.flip(1)).max() < 0.8


def test_slices_smaller_than_the_window_have_no_likeness():
    some = torch.rand(3, 64, 8)
    assert fidelity.likeness_scales((64, 8)) == 0 and fidelity.likeness(some, some).isnan().all()


def test_a_single_slice_has_no_distance_to_a_set():
    assert np.isnan(list(fidelity.compare_sets(gaussian(50), [gaussian(1)]).values())).all()


def test_equal_slices_are_alike_and_others_less_so():
    some = torch.rand(3, 64, 48, generator=torch.Generator().manual_seed(0))
    other = torch.rand(3, 64, 48, generator=torch.Generator().manual_seed(1))
    assert fidelity.likeness(some, some) == pytest.approx(torch.ones(3), abs=1e-5)
    assert (fidelity.likeness(some, other) < 0.5).all()
    assert fidelity.likeness(some, 0.9 * some + 0.1 * other).min() > 0.8
