"""Notebook 10's trainings on a tiny run: what they leave, load again and tell apart."""

import pytest
import torch
from commands import vqgen
from crashing import DATA, PRIOR, VQVAE, train

from vqgen_utils import config
from vqgen_utils.models.beyond import alphabets as models
from vqgen_utils.runs import Run
from vqgen_utils.runs.beyond import alphabets


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A home with a run `r` that trained a VQ-VAE."""
    home = tmp_path_factory.mktemp("trained")
    assert vqgen(home, *train("vqvae", DATA | VQVAE)).returncode == 0
    return home


@pytest.fixture
def run(trained, monkeypatch):
    monkeypatch.setenv("VQGEN_HOME", str(trained))
    return Run("r")


@pytest.fixture
def settings(run):
    return config.change(run.settings("smoke"), **PRIOR)


def test_a_share_of_the_steps_that_the_run_has(run, settings):
    slices = run.load_slices(settings)
    assert alphabets.steps_for(settings, slices) == round(0.3 * 24)
    assert alphabets.prior_steps_for(settings, slices) == round(0.1 * 24)


def test_what_was_trained_is_loaded_and_another_alphabet_is_trained_anew(run, settings):
    small = config.change(settings, embedding_dim=2)
    first, how = alphabets.train(run, small, "a", steps=4)
    assert how.history["step"].iloc[-1] == 4 and {"used", "bits"} <= set(how.history)
    again, _ = alphabets.train(run, small, "a", steps=4)
    assert torch.equal(first.codebook.embedding, again.codebook.embedding)
    priced, _ = alphabets.train(run, small, "a", models.RateCodebook(small.vqvae, 0.1, 2), steps=4)
    assert isinstance(priced.codebook, models.RateCodebook)
    fingerprint = run.fingerprint("alphabet_a.safetensors")
    alphabets.train(run, small, "a", models.RateCodebook(small.vqvae, 0.2, 2), steps=4)
    assert run.fingerprint("alphabet_a.safetensors") != fingerprint


def test_the_run_own_models_are_not_touched(run, settings):
    before = run.fingerprint("vqvae.safetensors")
    alphabets.train(run, settings, "b", steps=2)
    assert run.fingerprint("vqvae.safetensors") == before and run.load_vqvae()


def test_another_seed_has_a_file_and_weights_of_its_own(run, settings):
    one, _ = alphabets.train(run, settings, "c", steps=2)
    other, _ = alphabets.train(run, settings, "c", steps=2, seed=3)
    assert run.path("alphabet_c_3.safetensors").exists()
    assert not torch.equal(one.encoder[1].weight, other.encoder[1].weight)


def test_a_lattice_has_a_prior_over_its_own_number_of_codes(run, settings):
    lattice = config.change(settings, embedding_dim=2, num_embeddings=6)
    model, _ = alphabets.train(run, lattice, "fsq", models.FSQ((3, 2)), steps=3)
    prior, how, codes = alphabets.train_prior(run, lattice, "fsq", model, steps=3)
    slices = run.load_slices(settings)
    assert prior.num_embeddings == 6 and codes.max() < 6
    assert codes.shape == (len(slices.index), 8, 4) and how.history["step"].iloc[-1] == 3


def test_reconstructions_are_those_of_the_codes_where_there_are_codes(run, settings):
    x = torch.rand(40, 32, 16)
    model, _ = alphabets.train(run, settings, "b", steps=2)
    x_hat, codes = alphabets.reconstruct(model, x)
    assert torch.equal(codes, model.encode(x[:, None]))
    assert torch.allclose(x_hat, model.decode(codes)[:, 0], atol=1e-5)
    without, _ = alphabets.train(run, settings, "none", models.NoCodebook(), steps=2)
    assert alphabets.reconstruct(without, x)[0].shape == x.shape
