"""The decoder is trained on against critics, the same each time."""

import dataclasses
import shutil

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from vqgen_utils.config import get_profile
from vqgen_utils.evaluation import domain
from vqgen_utils.models import VQVAE
from vqgen_utils.models.beyond import critic as painting
from vqgen_utils.runs import Run
from vqgen_utils.runs.beyond import critic

STEPS = 20
CONFIG = critic.CriticConfig(batch_size=4)


class Batches(TensorDataset):
    """`[list]` is a batch."""

    def __getitem__(self, items):
        return tuple(tensor[items] for tensor in self.tensors)


@pytest.fixture
def lesson() -> critic.Lesson:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(12, 1, 32, 16, generator=generator)
    codes = torch.randint(8, (12, 8, 4), generator=generator)
    return critic.Lesson(Batches(x, codes), codes.flip(0), domain.DomainNetwork(8), 0.1)


def learned(lesson, config=CONFIG, seed=0):
    torch.manual_seed(0)
    vqvae = VQVAE(get_profile("smoke", num_embeddings=8).vqvae).eval()
    both = nn.ModuleDict({n: painting.NoisyDecoder(vqvae) for n in ("smooth", "sharp")})
    return both, critic.train(both, lesson, STEPS, seed, config)


def weights(both, name) -> torch.Tensor:
    return torch.cat([value.flatten().float() for value in both[name].state_dict().values()])


def test_it_learns_alone_then_waits_then_both_learn(lesson):
    both, progress = learned(lesson)
    assert progress.step == STEPS and [row["step"] for row in progress.rows] == [10, 20]
    alone, together = progress.rows
    assert "critics" not in alone and together.keys() >= {"truth", "critics", "looks", "weight"}
    assert not torch.equal(weights(both, "smooth"), weights(both, "sharp"))


def test_what_a_seed_gave_it_gives_again(lesson):
    first, again, other = (weights(learned(lesson, seed=n)[0], "sharp") for n in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_with_critics_that_nobody_hears_only_the_truth_counts(lesson):
    deaf = dataclasses.replace(CONFIG, critic_says=0.0)
    both, progress = learned(lesson, deaf)
    assert np.isfinite(progress.rows[-1]["truth"])
    assert not torch.equal(weights(both, "sharp"), weights(learned(lesson)[0], "sharp"))


def test_the_callers_random_state_is_left(lesson):
    vqvae = VQVAE(get_profile("smoke", num_embeddings=8).vqvae)
    both = nn.ModuleDict({n: painting.NoisyDecoder(vqvae) for n in ("smooth", "sharp")})
    before = torch.get_rng_state()
    critic.train(both, lesson, 4, 0, CONFIG)
    assert torch.equal(torch.get_rng_state(), before)


def test_what_was_drawn_before_changes_nothing(finished, monkeypatch):
    """A kernel in which other cells have drawn random numbers trains the same decoder."""
    monkeypatch.setenv("VQGEN_HOME", str(finished))
    run = Run("critic")
    shutil.copytree(finished / "runs" / "smoke", run.folder)
    trained = []
    for cells_before in (0, 1):
        torch.manual_seed(cells_before)
        critic.weights_of(run, two_levels=False).unlink()
        both = critic.sharpened(run, run.settings("smoke"))
        trained.append(nn.ModuleDict({"smooth": both.smooth, "sharp": both.sharp}))
    shutil.rmtree(run.folder)
    for name in ("smooth", "sharp"):
        assert torch.equal(*(weights(both, name) for both in trained)), name
