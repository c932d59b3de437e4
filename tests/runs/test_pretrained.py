"""The run that comes with the series: opened without training, and exactly what it says it is."""

import pytest
import torch

from vqgen_utils.config import get_profile
from vqgen_utils.machine import load_json
from vqgen_utils.models import height_features
from vqgen_utils.runs import Run


@pytest.fixture
def run():
    return Run("pretrained")


def test_its_models_fit_each_other_and_draw(run):
    vqvae, prior, codes = run.load_vqvae(), run.load_prior(), run.load_codes()
    settings = run.settings("quick")
    assert settings.data == get_profile("quick").data
    assert tuple(codes.shape[1:]) == prior.grid
    pictures = vqvae.decode(codes[:2])
    assert pictures.shape == (2, 1, settings.data.image_height, settings.data.image_width)
    assert prior(codes[:1], height_features(torch.tensor(run.places()[:1]))).isfinite().all()


def test_what_one_has_trained_under_its_name_is_left_alone(run):
    run.path("config.json").write_text('{"name": "smoke"}')
    assert load_json(Run("pretrained").path("config.json")) == {"name": "smoke"}


def test_it_is_small_enough_to_come_along(run):
    assert sum(file.stat().st_size for file in run.folder.iterdir()) < 20e6
