"""A run folder: each notebook finds what the one before left, and nothing that does not fit."""

import json

import numpy as np
import pytest
import torch

from vqgen_utils.config import PriorConfig, VQVAEConfig, get_profile
from vqgen_utils.errors import InputError
from vqgen_utils.evaluation import targets
from vqgen_utils.machine import load_json
from vqgen_utils.models import VQVAE, PixelCNN
from vqgen_utils.runs import Run
from vqgen_utils.training import checkpoint

VQVAE_CONFIG = VQVAEConfig(num_embeddings=8, embedding_dim=4, hidden_dim=8)
PRIOR_CONFIG = PriorConfig(prior_channels=4, prior_layers=1, prior_hidden_dim=4)


def plain(config):
    return dict(vars(config))


@pytest.fixture
def run():
    """A run after notebooks 02 and 04, without any training."""
    run = Run("r")
    torch.manual_seed(0)
    run.configure("smoke", "data", **plain(VQVAE_CONFIG), **plain(PRIOR_CONFIG))
    save_vqvae(run)
    run.save_codes(torch.randint(8, (5, 4, 3)))
    save_prior(run)
    return run


def save_vqvae(run, config=VQVAE_CONFIG):
    settings = {"model": plain(config), "data": "content"}
    checkpoint.save_weights(run.path("vqvae.safetensors"), VQVAE(config), settings)


def save_prior(run, num_embeddings=8, grid=(4, 3), fingerprint=None):
    settings = {
        "model": plain(PRIOR_CONFIG),
        "num_embeddings": num_embeddings,
        "grid": list(grid),
        "vqvae": fingerprint or run.fingerprint("vqvae.safetensors"),
    }
    model = PixelCNN(PRIOR_CONFIG, num_embeddings, grid)
    checkpoint.save_weights(run.path("prior.safetensors"), model, settings)


def test_what_was_saved_is_loaded(run):
    again = Run("r")
    assert again.load_codes().shape == (5, 4, 3)
    assert again.load_vqvae().num_embeddings == 8
    assert again.load_prior().grid == (4, 3)


@pytest.mark.parametrize(
    ("load", "notebook"),
    [
        (lambda run: run.settings("smoke"), "02_vqvae_training"),
        (lambda run: run.load_vqvae(), "02_vqvae_training"),
        (lambda run: run.load_codes(), "02_vqvae_training"),
        (lambda run: run.load_prior(), "04_pixelcnn_training"),
    ],
)
def test_what_is_missing_names_the_notebook_that_makes_it(load, notebook):
    with pytest.raises(InputError, match=notebook):
        load(Run("empty"))


def test_a_prior_for_another_codebook_is_refused(run):
    save_prior(run, num_embeddings=16)
    with pytest.raises(InputError, match=r"among 16 codes.*has 8.*04_pixelcnn_training"):
        run.load_prior()


def test_a_prior_of_another_vqvae_is_refused(run):
    save_prior(run, fingerprint="something else")
    with pytest.raises(InputError, match="another VQ-VAE"):
        run.load_prior()


def test_a_prior_for_another_grid_is_refused(run):
    save_prior(run, grid=(8, 8))
    with pytest.raises(InputError, match=r"\(4, 3\).*made for \(8, 8\)"):
        run.load_prior()(run.load_codes(), torch.zeros(5, 16))


def test_codes_of_another_vqvae_are_refused(run):
    save_vqvae(run, VQVAEConfig(num_embeddings=16, embedding_dim=4, hidden_dim=8))
    with pytest.raises(
        InputError, match=r"another VQ-VAE \(model.num_embeddings: 8 there, 16 here"
    ):
        run.load_codes()


def test_damaged_codes_are_refused(run):
    path = run.path("codes.npz")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="damaged"):
        run.load_codes()


def test_codes_that_could_run_code_are_refused(run):
    np.savez(run.path("codes.npz"), codes=np.array([print], dtype=object), vqvae="x")
    with pytest.raises(InputError, match="damaged"):
        run.load_codes()


def test_another_profile_is_refused(run):
    with pytest.raises(InputError, match="made with profile 'smoke', not 'quick'"):
        run.settings("quick")


def test_a_notebook_keeps_what_earlier_ones_chose_and_changes_its_own():
    run = Run("r")
    run.configure("smoke", "data", data_source="nifti", data_dir="somewhere")
    settings = run.configure("smoke", "vqvae", "vqvae_training", num_embeddings=64, epochs=9)
    assert settings.data.data_source == "nifti"
    assert settings.vqvae.num_embeddings == 64
    assert run.configure("smoke", "prior").vqvae_training.epochs == 9
    assert run.settings("smoke") == run.configure("smoke")


def test_a_changed_parameter_does_not_stick_when_its_notebook_runs_again():
    run = Run("r")
    run.configure("smoke", "vqvae", num_embeddings=64)
    default = get_profile("smoke").vqvae.num_embeddings
    assert run.configure("smoke", "vqvae").vqvae.num_embeddings == default


def test_each_notebook_adds_its_own_metrics():
    run = Run("r")
    run.add_metrics("data", {"a": 1})
    run.add_metrics("vqvae", {"b": 2})
    run.add_metrics("data", {"a": 3})
    metrics = json.loads(run.path("metrics.json").read_text())
    assert metrics == {"data": {"a": 3}, "vqvae": {"b": 2}}


def test_a_run_may_be_called_by_a_number(home):
    """`papermill -p run_name 2024` gives a number."""
    assert Run(2024).folder == home / "runs" / "2024"


def test_a_home_may_begin_with_the_users_own(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("VQGEN_HOME", "~/scans")
    assert Run("r").folder == tmp_path / "scans" / "runs" / "r"


def test_codes_of_a_large_codebook_come_back(run):
    config = VQVAEConfig(num_embeddings=70_000, embedding_dim=1, hidden_dim=8)
    save_vqvae(run, config)
    codes = torch.tensor([[[0, 69_999], [65_536, 1]]])
    run.save_codes(codes)
    assert torch.equal(run.load_codes(), codes)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b"])
def test_a_run_name_must_be_a_folder_name(name):
    with pytest.raises(InputError, match="run name"):
        Run(name)


@pytest.mark.parametrize(
    ("profile", "changes", "words"),
    [
        ("huge", {}, "profile 'huge' does not exist"),
        ("smoke", {"epoch": 3}, "'epoch' does not exist"),
        ("smoke", {"epochs": "three"}, "'epochs' must be of type int"),
        ("smoke", {"steps": -1}, "'steps' is -1"),
        ("smoke", {"epochs": -1}, "'epochs' is -1"),
        ("smoke", {"data_source": "dicom"}, "choose phantom or hipmri or nifti"),
        ("smoke", {"prior_kernel_size": 4}, "odd"),
        ("smoke", {"image_width": 30}, "multiple of 4"),
        ("smoke", {"image_width": 60, "stride": 8}, "multiple of 8"),
        ("smoke", {"stride": 3}, "'stride' is '3': choose 2 or 4 or 8"),
        ("smoke", {"learning_rate": -1.0}, "'learning_rate' is -1.0"),
    ],
)
def test_bad_settings_are_one_sentence(profile, changes, words):
    with pytest.raises(InputError, match=words):
        get_profile(profile, **changes)


def test_each_notebook_adds_its_part_to_the_evaluation(run):
    first = run.add_evaluation({"bits": {"ours": np.float32(2)}}, {"ssim": 0.9})
    assert first == load_json(run.path("evaluation.json"))
    assert first["data"] == "content" and first["bits"] == {"ours": 2.0}
    assert first["headline"] == dict.fromkeys(targets.HEADLINE) | {"ssim": 0.9}
    assert all(row["met"] == "not measured" for row in first["targets"].values())
    run.add_evaluation({"sets": {"generated": 1}}, {"precision": 0.8, "recall": np.float64("nan")})
    both = run.add_evaluation({"bits": {"ours": 3.0}}, {"ssim": 0.8})  # once more
    assert both["bits"] == {"ours": 3.0} and both["sets"] == {"generated": 1}
    measured = {key: value for key, value in both["headline"].items() if value is not None}
    assert measured == {"ssim": 0.8, "precision": 0.8}
    assert both["targets"]["precision"]["met"] == "yes"
    assert both["targets"]["recall"] == {
        "asked": "at least 0.5",
        "got": None,
        "met": "not measured",
    }


def test_a_score_without_an_instrument_is_null_with_its_reason(run):
    scores = {"precision": 0.9, "recall": 0.8}
    first = run.add_evaluation({}, scores, {"precision": "the reader is blind"})
    assert first["headline"]["precision"] is None and first["headline"]["recall"] == 0.8
    assert first["targets"]["precision"]["met"] == "not measured"
    assert first["not_measured"]["precision"] == "the reader is blind"
    missing = {key for key, value in first["headline"].items() if value is None}
    assert first["not_measured"].keys() == missing
    other = run.add_evaluation({}, {"ssim": 0.9})  # another notebook's part leaves it as it is
    assert other["not_measured"]["precision"] == "the reader is blind"
    again = run.add_evaluation({}, scores)
    assert again["headline"]["precision"] == 0.9 and "precision" not in again["not_measured"]


def test_metrics_say_why_a_score_is_null():
    run = Run("r")
    run.add_metrics("vqvae", {"ssim": float("nan"), "psnr": 20.0}, {"ssim": "too small"})
    section = load_json(run.path("metrics.json"))["vqvae"]
    assert section == {"ssim": None, "psnr": 20.0, "not_measured": {"ssim": "too small"}}


@pytest.mark.parametrize("train_again", [save_vqvae, save_prior])
def test_what_was_measured_on_models_that_are_gone_is_forgotten(run, train_again):
    run.add_evaluation({"bits": {"ours": 2.0}}, {"ssim": 0.9})
    train_again(run)  # from other random weights
    now = run.add_evaluation({"sets": {"generated": 1}}, {"precision": 0.8})
    assert "bits" not in now and now["headline"]["ssim"] is None
    assert now["headline"]["precision"] == 0.8


def test_there_is_no_evaluation_without_a_prior():
    with pytest.raises(InputError, match="02_vqvae_training"):
        Run("empty").add_evaluation({}, {})
