"""What is painted and was never there, and how much of the detail is where it should be."""

import numpy as np
import torch

from vqgen_utils.data import phantom
from vqgen_utils.evaluation.texture import invented, octaves

RNG = np.random.default_rng(0)


def bodies(n: int = 3) -> np.ndarray:
    """Slices (n, 64, 32) of a bright body in the dark."""
    x = np.zeros((n, 64, 32), np.float32)
    x[:, 8:56, 4:28] = 0.5 + 0.05 * RNG.random((n, 48, 24))
    return x


def test_a_hole_is_put_into_the_body_and_needs_no_labels():
    (image,) = bodies(1)
    changed = invented.hole(image, None, np.random.default_rng(1))
    new = changed != image
    assert new.any() and (image[new] > 0.4).all() and (changed[new] < 0.1).all()
    assert invented.hole(np.zeros((64, 32), np.float32), None, np.random.default_rng(1)) is None


def test_what_is_painted_over_is_a_share_of_the_change():
    before = bodies()
    odd = np.stack(
        [invented.hole(one, None, np.random.default_rng(n)) for n, one in enumerate(before)]
    )
    noise = 0.001 * RNG.standard_normal(before.shape)
    for share in (0.0, 0.3, 1.0):
        decoded = (1 - share) * odd + share * before + noise
        assert np.allclose(invented.painted_over(before, odd, decoded), share, atol=0.01)


def test_what_happens_elsewhere_is_not_counted():
    before = bodies()
    odd, decoded = before.copy(), before.copy()
    odd[:, 30:34, 10:14] = decoded[:, 30:34, 10:14] = 0
    decoded[:, 50:, :] = 1
    assert np.allclose(invented.painted_over(before, odd, decoded), 0)


def test_brightness_is_read_where_signal_was_taken_away():
    before = bodies()
    odd = before.copy()
    odd[:, 30:34, 10:14], odd[:, 40:44, 10:14] = 0.02, 1.0
    assert np.isclose(invented.brightness(odd, before, odd), 0.02)
    assert invented.brightness(before, before, odd) > 0.5
    assert np.isnan(invented.brightness(before, before, before))


def test_a_bladder_of_some_size_is_seen():
    _, labels = phantom.render_slice(0, 0, 28)
    none = np.where(labels == 3, 1, labels)
    few = none.copy()
    few[100:102, 60:63] = 3
    assert invented.sees_bladder(np.stack([labels, none, few])).tolist() == [True, False, False]


def test_paintings_that_agree_leave_nothing_open():
    same = torch.rand(1, 8, 8).repeat(4, 1, 1)
    assert np.allclose(invented.left_open(same), 0, atol=1e-6)
    differing = same.clone()
    differing[:2, 3, 3] += 1
    assert np.argmax(invented.left_open(differing)) == 3 * 8 + 3


def test_agreement_is_of_detail_in_its_place():
    generator = torch.Generator().manual_seed(0)
    real, other = torch.rand(2, 12, 64, 32, generator=generator)
    sets = {"itself": real, "fainter": 0.1 * real + 0.3, "other": other, "half": real + other}
    table = octaves.agreement_with_real(sets, real)
    assert np.allclose(table.loc[["itself", "fainter"]], 1, atol=1e-4)
    assert (table.loc["other"].abs() < 0.2).all()
    assert np.allclose(table.loc["half"].iloc[0], 0.5**0.5, atol=0.05)
    assert np.isnan(octaves.agreement_with_real({"flat": 0 * real}, real)).all().all()
