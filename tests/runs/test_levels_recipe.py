"""The recipes of notebook 11: trained once, loaded after that, and on top of this run's VQ-VAE."""

import math
import shutil

import pytest
import torch

from vqgen_utils.config import change
from vqgen_utils.runs import Run
from vqgen_utils.runs.beyond import levels
from vqgen_utils.training import checkpoint


@pytest.fixture
def run(finished, monkeypatch):
    """A copy of the series' run on `smoke`, in which nothing of notebook 11 lies yet."""
    monkeypatch.setenv("VQGEN_HOME", str(finished))
    run = Run("levels")
    shutil.copytree(finished / "runs" / "smoke", run.folder)
    for path in run.folder.glob("levels_*"):
        path.unlink()
    yield run
    shutil.rmtree(run.folder)


@pytest.fixture
def settings(run):
    return run.settings("smoke")


@pytest.fixture
def slices(run, settings):
    return run.load_slices(settings)


def same_weights(one, other):
    return all(
        torch.equal(a, b)
        for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("recipe", [levels.residual, levels.hierarchical, levels.finer])
def test_what_was_trained_is_loaded(run, settings, slices, recipe):
    model, fit = recipe(run, settings, slices, steps=2)
    again, loaded = recipe(run, settings, slices, steps=2)
    assert same_weights(model, again) and loaded.seconds == fit.seconds
    other, _ = recipe(run, settings, slices, steps=2, seed=1)
    assert not same_weights(model, other)


@pytest.mark.parametrize("recipe", [levels.residual, levels.hierarchical, levels.finer])
def test_what_was_drawn_before_changes_nothing(run, settings, slices, recipe):
    trained = []
    for cells_before in (0, 1):
        torch.manual_seed(cells_before)
        trained.append(recipe(run, settings, slices, steps=2)[0])
        for path in run.folder.glob("levels_*"):
            path.unlink()
    assert same_weights(*trained)


def test_the_first_stage_of_residual_codes_is_the_prior_of_the_run(run, settings, slices):
    model, _ = levels.residual(run, settings, slices, steps=2)
    top, _ = model.to_grids(slices.tensor)
    assert torch.equal(top, run.load_codes())


def test_a_stage_names_the_model_whose_codes_it_knows(run, settings, slices):
    model, _ = levels.hierarchical(run, settings, slices, steps=2)
    for stage, name in ((levels.top_stage, "top"), (levels.bottom_stage, "bottom")):
        stage(run, settings, slices, model, "hierarchical", steps=1)
        made = checkpoint.load_settings(levels.weights_of(run, f"hierarchical_{name}"))
        assert made["vqvae"] == run.fingerprint("levels_hierarchical.safetensors")


@pytest.mark.parametrize("augment", ["off", "full"])
def test_both_stages_learn_from_pictures_as_the_run_does(run, settings, slices, augment):
    settings = change(settings, augment=augment)
    model, _ = levels.hierarchical(run, settings, slices, steps=2)
    top_grid, grid = (tuple(codes.shape[1:]) for codes in model.to_grids(slices.tensor[:1]))
    prior, fit = levels.bottom_stage(run, settings, slices, model, "hierarchical", steps=2)
    assert (prior.top_grid, prior.grid) == (top_grid, grid)
    assert math.isfinite(fit.history["loss"].iloc[-1])


def test_a_stage_that_is_told_nothing_is_another_one(run, settings, slices):
    model, _ = levels.residual(run, settings, slices, steps=2)
    told, _ = levels.bottom_stage(run, settings, slices, model, "residual", steps=2)
    blind, _ = levels.bottom_stage(run, settings, slices, model, "residual", steps=2, blind=True)
    assert not same_weights(told, blind)
    assert levels.weights_of(run, "residual_bottom").exists()
    assert levels.weights_of(run, "residual_blind").exists()


@pytest.mark.parametrize(("codes", "stride"), [(128, 4), (64, 8), (16, 2)])
def test_the_rival_of_one_level_has_as_many_bits(run, settings, slices, codes, stride):
    settings = change(settings, num_embeddings=codes, stride=stride)
    rival, _ = levels.finer(run, settings, slices, steps=1)
    grid = rival.encode(slices.tensor[:1])
    pixels = slices.tensor[0].numel()
    wanted = pixels / stride**2 * 2 * math.log2(codes)
    assert grid.numel() * math.log2(rival.num_embeddings) == pytest.approx(wanted, rel=0.02)
