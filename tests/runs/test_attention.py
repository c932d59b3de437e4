"""Ways to look farther: all start from the run's prior, and get the same time."""

import pytest
import torch
from crashing import DATA, PRIOR, VQVAE, train

from vqgen_utils import cli
from vqgen_utils.models import height_features, sampling
from vqgen_utils.runs import Run
from vqgen_utils.runs.beyond import attention


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with a VQ-VAE and a prior, and its settings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VQGEN_HOME", str(tmp_path_factory.mktemp("farther")))
        for words in (train("vqvae", DATA | VQVAE), train("prior", PRIOR)):
            with pytest.raises(SystemExit):
                cli.main([str(word) for word in words])
        run = Run("r")
        yield run, run.config()


def logits(prior, run):
    codes = run.load_codes()[:2]
    return sampling.full_logits(prior, codes, height_features(torch.tensor([0.2, 0.8])))


@pytest.mark.parametrize("way", attention.WAYS)
def test_before_it_is_trained_each_way_guesses_as_the_runs_prior(way, run):
    run, settings = run
    model = attention.new(settings, tuple(run.load_codes().shape[1:]), way).eval()
    model.load_state_dict(run.load_prior().state_dict(), strict=False)
    assert torch.allclose(logits(model, run), logits(run.load_prior(), run), atol=1e-6)


@pytest.mark.parametrize("way", attention.WAYS)
def test_each_way_learns_something_and_is_loaded_the_second_time(way, run):
    run, settings = run
    prior, fit = attention.farther(run, settings, way, steps=6)
    assert fit.history["step"].iloc[-1] == round(6 / attention.WAYS[way])
    assert not torch.equal(logits(prior, run), logits(run.load_prior(), run))
    again, loaded = attention.farther(run, settings, way, steps=6)
    assert loaded.seconds == fit.seconds
    assert torch.equal(logits(again, run), logits(prior, run))


def test_another_seed_or_a_fresh_start_is_another_training(run):
    run, settings = run
    first, _ = attention.farther(run, settings, "mirror", steps=3)
    other, _ = attention.farther(run, settings, "mirror", steps=3, seed=1)
    fresh, _ = attention.farther(run, settings, "mirror", steps=3, fresh=True)
    assert not torch.equal(logits(first, run), logits(other, run))
    assert not torch.allclose(logits(fresh, run), logits(first, run), atol=0.1)


def test_without_a_number_of_steps_the_profile_says_how_many(run):
    run, settings = run
    _, further = attention.farther(run, settings, "plain")
    _, fresh = attention.farther(run, settings, "plain", fresh=True)
    assert further.history["step"].iloc[-1] < fresh.history["step"].iloc[-1]
