"""Ways to look farther: they begin alike, and get the same time."""

import pandas as pd
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


def test_before_they_are_trained_all_ways_of_one_depth_guess_alike(run):
    run, settings = run
    grid = tuple(run.load_codes().shape[1:])
    plain = logits(attention.new(settings, grid, "plain").eval(), run)
    for way in ("attention", "mirror", "both"):
        assert torch.equal(logits(attention.new(settings, grid, way).eval(), run), plain)
    deeper = attention.new(settings, grid, "more layers")
    assert len(deeper.layers) == round(1.5 * settings.prior.prior_layers)


@pytest.mark.parametrize("way", attention.WAYS)
def test_each_way_learns_something_and_is_loaded_the_second_time(way, run):
    run, settings = run
    prior, fit = attention.farther(run, settings, way, steps=6)
    assert fit.history["step"].iloc[-1] == round(6 / attention.WAYS[way])
    again, loaded = attention.farther(run, settings, way, steps=6)
    assert loaded.seconds == fit.seconds
    assert torch.equal(logits(again, run), logits(prior, run))


def test_another_seed_is_another_training(run):
    run, settings = run
    first, _ = attention.farther(run, settings, "mirror", steps=3)
    other, _ = attention.farther(run, settings, "mirror", steps=3, seed=1)
    assert not torch.equal(logits(first, run), logits(other, run))


def test_the_plain_way_of_the_profiles_length_is_the_runs_own_prior(run):
    run, settings = run
    prior, fit = attention.farther(run, settings, "plain")
    steps = pd.read_csv(run.path("history_prior.csv"))["step"].iloc[-1]
    assert fit.history["step"].iloc[-1] == steps
    assert torch.equal(logits(prior, run), logits(run.load_prior(), run))
