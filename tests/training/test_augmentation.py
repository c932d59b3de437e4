"""Pictures are changed a little before they are learned from, and never before they are scored."""

import dataclasses
import functools

import pytest
import torch
from torch.utils.data import TensorDataset

from vqgen_utils.config import AugmentationConfig, TrainingConfig, VQVAEConfig
from vqgen_utils.models import VQVAE, vqvae_losses
from vqgen_utils.training import augmentation, fit

NOTHING = dataclasses.replace(AugmentationConfig(), augment="off").scaled_for(3)


def pictures(count=3, height=24, width=16):
    """A bright box in the dark, not in the middle."""
    images = torch.zeros(count, 1, height, width)
    images[..., 6:12, 4:10] = 0.6
    return images


def changed(seed=0, **ranges):
    only = dataclasses.replace(NOTHING, **ranges)
    return augmentation.augment(pictures(64), range(seed, seed + 64), 1.0, only)


def centres(images):
    """Centre of mass of each picture, in pixels: (B, 2)."""
    mass = images[:, 0]
    rows, columns = torch.arange(mass.shape[1]), torch.arange(mass.shape[2])
    total = mass.sum((1, 2))
    along = [(mass.sum(2) * rows).sum(1) / total, (mass.sum(1) * columns).sum(1) / total]
    return torch.stack(along, 1)


def test_empty_ranges_leave_pictures_as_they_are():
    assert NOTHING.changes_nothing
    assert torch.allclose(
        augmentation.augment(pictures(), range(3), 1.0, NOTHING), pictures(), atol=1e-5
    )


def test_a_shift_moves_a_picture_by_a_share_of_its_sides_at_most():
    moved = centres(changed(augment_shift=0.1)) - centres(pictures(64))
    limit = 0.1 * torch.tensor([24, 16])
    assert (moved.abs() <= limit + 0.2).all()
    assert (moved.abs().max(0).values > 0.7 * limit).all()
    assert (moved.min(0).values < 0).all() and (moved.max(0).values > 0).all()


def test_a_turn_keeps_shapes_on_pictures_that_are_not_square():
    turned = changed(augment_turn=90.0)
    mass = turned.sum((1, 2, 3)) / pictures(64).sum((1, 2, 3))
    inside = mass[(mass - 1).abs() < 0.5]  # those whose box was not turned out of the picture
    assert len(inside) > 30 and ((inside - 1).abs() < 0.1).all()


def test_a_scale_makes_bodies_larger_and_smaller():
    area = changed(augment_scale=0.2).sum((1, 2, 3)) / pictures(64).sum((1, 2, 3))
    assert 0.6 < area.min() < 0.8 and 1.2 < area.max() < 1.6


def test_a_contrast_keeps_black_and_white_and_moves_what_lies_between():
    images = changed(augment_contrast=0.22)
    assert images[..., :5, :].max() < 0.01
    inside = images[..., 7:11, 5:9]
    assert 0.6**1.25 - 0.01 <= inside.min() < 0.58 and 0.62 < inside.max() <= 0.6**0.8 + 0.01


def test_mirror_images_are_made_only_where_they_are_allowed():
    right = centres(changed())[:, 0]
    assert (right < 12).all()
    mirrored = centres(changed(augment_mirror=True))
    assert (mirrored[:, 0] > 12).any() and (mirrored[:, 0] < 12).any()
    assert torch.allclose(mirrored[:, 1], centres(pictures(64))[:, 1], atol=0.1)


def test_a_picture_is_changed_by_its_own_seed_alone():
    full = AugmentationConfig()
    three = augmentation.augment(pictures(), [4, 5, 6], 1.0, full)
    alone = augmentation.augment(pictures(1), [5], 1.0, full)  # in another batch
    assert torch.equal(three[1], alone[0]) and not torch.equal(three[0], three[1])
    assert three.min() >= 0 and three.max() <= 1


def test_without_strength_nothing_is_changed():
    full = AugmentationConfig()
    same = augmentation.augment(pictures(), range(3), 0.0, full)
    assert torch.allclose(same, pictures(), atol=1e-5)


def test_changes_grow_small_until_the_end_of_training(tmp_path):
    strengths = []

    def change(images, seeds, strength):
        strengths.append(strength)
        return images

    fit(small_vqvae(), vqvae_losses, DATA, CONFIG, tmp_path / "m.safetensors", {}, change=change)
    assert strengths[0] == 1 and strengths[-1] < 0.1
    assert strengths == sorted(strengths, reverse=True) and len(strengths) == CONFIG.steps


def test_few_patients_are_changed_fully_many_a_little_and_on_request_not_at_all():
    auto = AugmentationConfig()
    assert auto.scaled_for(5).augment_turn == auto.scaled_for(30).augment_turn == auto.augment_turn
    assert auto.scaled_for(120).augment_turn == pytest.approx(auto.augment_turn / 4)
    full = dataclasses.replace(auto, augment="full")
    assert full.scaled_for(1000).augment_turn == auto.augment_turn


CONFIG = TrainingConfig(batch_size=2, steps=7)
DATA = TensorDataset(torch.rand(6, 1, 16, 8), torch.zeros(6))
CHANGE = functools.partial(augmentation.augment, ranges=AugmentationConfig())


def small_vqvae():
    torch.manual_seed(0)
    small = VQVAEConfig(num_embeddings=8, embedding_dim=4, hidden_dim=8, residual_hidden_dim=4)
    return VQVAE(small)


def test_scoring_sees_pictures_as_they_are_and_training_changed_ones(tmp_path):
    seen = {True: [], False: []}

    def watching(model, batch):
        seen[model.training].extend(batch[0])
        return vqvae_losses(model, batch)

    fit(small_vqvae(), watching, DATA, CONFIG, tmp_path / "m.safetensors", {}, DATA, CHANGE)
    own = DATA.tensors[0]
    assert all(any(torch.equal(one, picture) for picture in own) for one in seen[False])
    assert not any(torch.equal(one, picture) for picture in own for one in seen[True])


class Stop(Exception):
    """Stands for a crash."""


def test_a_resumed_training_draws_the_same_changes(tmp_path, monkeypatch):
    monkeypatch.setattr("vqgen_utils.training.loop.SAVE_EVERY", 2)

    def train(name, stop=None):
        model, calls = small_vqvae(), []

        def watched(model, batch):
            calls.append(1)
            if len(calls) == stop:
                raise Stop
            return vqvae_losses(model, batch)

        fit(model, watched, DATA, CONFIG, tmp_path / name, {}, change=CHANGE)
        return model.state_dict()

    whole = train("whole.safetensors")
    with pytest.raises(Stop):
        train("parts.safetensors", stop=5)
    parts = train("parts.safetensors")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
