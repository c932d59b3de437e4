"""What does not belong together is refused, saying what differs; no file can run code."""

import dataclasses
import io
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

from vqgen_utils.config import get_profile
from vqgen_utils.data import load_slices
from vqgen_utils.errors import InputError
from vqgen_utils.models import VQVAE, PixelCNN, vqvae_losses
from vqgen_utils.runs import Run
from vqgen_utils.training import checkpoint, fit

SMALL = {
    **{"num_embeddings": 8, "embedding_dim": 4, "hidden_dim": 8, "residual_hidden_dim": 4},
    **{"prior_channels": 4, "prior_layers": 1, "prior_hidden_dim": 4},
    **{"image_height": 32, "image_width": 16, "patients_train": 1, "patients_test": 1},
    **{"patients_validate": 1, "weeks": 1, "slice_step": 30},
}


@pytest.fixture
def run():
    """A run after notebooks 02 and 04, without any training."""
    return make_run("r", SMALL)


def make_run(name: str, changes: dict, seed: int = 0) -> Run:
    run = Run(name)
    settings = run.configure("smoke", "data", **changes)
    slices = load_slices(settings.data)
    torch.manual_seed(seed)
    vqvae = VQVAE(settings.vqvae)
    made_from = run.vqvae_made_from(settings, slices)
    checkpoint.save_weights(run.path("vqvae.safetensors"), vqvae, made_from)
    codes = vqvae.encode(torch.from_numpy(slices.images.astype(np.float32))[:, None])
    run.save_codes(codes)
    grid = tuple(codes.shape[1:])
    prior = PixelCNN(settings.prior, settings.vqvae.num_embeddings, grid)
    made_from = run.prior_made_from(settings, grid, slices)
    checkpoint.save_weights(run.path("prior.safetensors"), prior, made_from)
    return run


def load_all(run: Run):
    """What notebook 05 loads."""
    settings = run.settings("smoke")
    return run.load_vqvae(), run.load_prior(), run.load_codes(), run.load_slices(settings)


def test_what_belongs_together_is_loaded(run):
    load_all(run)


# ---- Files from another run ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "changes", "seed", "words"),
    [
        ("vqvae.safetensors", {"hidden_dim": 12}, 0, ["model.hidden_dim: 12 there, 8 here"]),
        ("vqvae.safetensors", {}, 1, ["codes of another VQ-VAE", "vqvae: "]),
        ("vqvae.safetensors", {"data_seed": 1}, 0, ["made by another VQ-VAE", "data: "]),
        ("codes.npz", {}, 1, ["made by another VQ-VAE", "vqvae: "]),
        (
            "codes.npz",
            {"num_embeddings": 16},
            0,
            ["model.num_embeddings: 16 there, 8 here", "02_vqvae_training again"],
        ),
        ("codes.npz", {"data_seed": 1}, 0, ["data: "]),
        ("prior.safetensors", {}, 1, ["codes of another VQ-VAE", "04_pixelcnn_training again"]),
        ("prior.safetensors", {"num_embeddings": 16}, 0, ["among 16 codes", "has 8"]),
        ("prior.safetensors", {"prior_channels": 6}, 0, ["model.prior_channels: 6 there, 4 here"]),
    ],
)
def test_a_file_of_another_run_is_refused_saying_what_differs(run, file, changes, seed, words):
    other = make_run("other", SMALL | changes, seed)
    run.path(file).write_bytes(other.path(file).read_bytes())
    with pytest.raises(InputError) as refusal:
        load_all(run)
    assert all(word in str(refusal.value) for word in words), refusal.value
    assert "\n" not in str(refusal.value)


def test_data_that_changed_since_are_refused(run):
    settings = get_profile("smoke", **SMALL | {"data_seed": 1})
    with pytest.raises(InputError, match=r"trained before the data changed \(data: "):
        run.load_slices(settings)


def test_a_checkpoint_of_another_profile_says_what_differs(run):
    quick = Run("quick")
    settings = quick.configure("quick", "data")
    checkpoint.save_weights(
        run.path("vqvae.safetensors"),
        VQVAE(settings.vqvae),
        {"model": dataclasses.asdict(settings.vqvae), "data": "x"},
    )
    with pytest.raises(InputError) as refusal:
        run.load_vqvae()
    for name, value in dataclasses.asdict(get_profile("quick").vqvae).items():
        if value != SMALL.get(name, dataclasses.asdict(run.settings("smoke").vqvae)[name]):
            assert f"model.{name}: {value} there" in str(refusal.value)


def test_training_again_to_the_same_weights_parts_nothing(run):
    """The file differs, for it says how long training took; the model does not."""
    path = run.path("vqvae.safetensors")
    settings = checkpoint.load_settings(path)
    checkpoint.save_weights(path, run.load_vqvae(), {**settings, "train_seconds": 3.0})
    load_all(run)


# ---- Other versions ------------------------------------------------------------------------------


def other_format(path, number):
    """Change the format number of a file; None removes it."""

    def change(values: dict) -> dict:
        values = {key: value for key, value in values.items() if key != "format"}
        return values if number is None else {"format": number, **values}

    if path.suffix == ".safetensors":
        header = {"vqgen": json.dumps(change(checkpoint.load_settings(path)))}
        path.write_bytes(save({"weight": torch.zeros(1)}, metadata=header))
    elif path.suffix == ".npz":
        arrays = dict(np.load(path))
        made_from = json.dumps(change(json.loads(str(arrays.pop("made_from")))))
        np.savez(path, **arrays, made_from=made_from)
    else:
        torch.save(change(checkpoint.load_state(path)), path)


@pytest.mark.parametrize(
    "file", ["vqvae.safetensors", "prior.safetensors", "codes.npz", "m.training.pt"]
)
@pytest.mark.parametrize(("number", "words"), [(None, "no format number"), (99, "format 99")])
def test_a_file_of_another_format_is_refused_in_a_sentence(run, file, number, words):
    checkpoint.save_state(run.path("m.training.pt"), {"step": 1})
    other_format(run.path(file), number)
    with pytest.raises(InputError, match=f"{file}.*{words} there, format 2 here") as refusal:
        checkpoint.load_state(run.path("m.training.pt"))
        load_all(run)
    assert "\n" not in str(refusal.value)


def test_training_replaces_files_of_another_format(run, capsys):
    settings = run.settings("smoke")
    path, state = run.path("vqvae.safetensors"), run.path("vqvae.training.pt")
    checkpoint.save_state(state, {"step": 7})
    other_format(path, None)
    other_format(state, 99)
    train = load_slices(settings.data).subset("train")
    fit(VQVAE(settings.vqvae), vqvae_losses, train, settings.vqvae_training, path, {})
    out = capsys.readouterr().out
    assert "vqvae.safetensors comes from another version" in out
    assert "vqvae.training.pt comes from another version" in out
    checkpoint.load_settings(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda config: config["vqvae"].update(shape="round"),
        lambda config: config.pop("name"),
        lambda config: config.update(data=3),
    ],
)
def test_settings_of_another_version_are_refused_in_a_sentence(run, change):
    path = run.path("config.json")
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))
    for use in (lambda: run.settings("smoke"), lambda: run.configure("smoke", "vqvae")):
        with pytest.raises(InputError, match=r"config\.json has settings of another version"):
            use()
    path.write_text("[1]")
    with pytest.raises(InputError, match=r"config\.json does not hold"):
        run.settings("smoke")


# ---- Files from strangers ------------------------------------------------------------------------


class Malice:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def written(save, *arguments, **options) -> bytes:
    """What `save` writes into a file."""
    stream = io.BytesIO()
    save(*arguments, stream, **options)
    return stream.getvalue()


def of_pickle(malice) -> bytes:
    return pickle.dumps(malice)


def of_numpy(malice) -> bytes:
    """An array of objects: its data are a pickle."""
    return written(lambda stream: np.save(stream, np.array([malice]), allow_pickle=True))


def of_numpy_archive(malice) -> bytes:
    return written(lambda stream: np.savez(stream, codes=np.array([malice]), made_from="{}"))


def of_torch(malice) -> bytes:
    return written(torch.save, {"format": 1, "step": malice})


def of_old_torch(malice) -> bytes:
    state = {"format": 1, "step": malice}
    return written(torch.save, state, _use_new_zipfile_serialization=False)


PAYLOADS = [of_pickle, of_numpy, of_numpy_archive, of_torch, of_old_torch]


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload.__name__)
@pytest.mark.parametrize(
    "place",
    [
        *("vqvae.safetensors", "prior.safetensors", "codes.npz", "config.json"),
        *("vqvae.training.pt", "images.npy", "labels.npy", "index.csv", "meta.json"),
    ],
)
def test_a_pickle_is_refused_and_not_executed(run, place, payload, tmp_path):
    settings = run.settings("smoke")
    packed = Path(load_slices(settings.data).images.filename).parent
    path = packed / place if (packed / place).exists() else run.path(place)
    path.write_bytes(payload(Malice(tmp_path / "executed")))
    weights = run.path("vqvae.safetensors")
    with pytest.raises(InputError) as refusal:
        if place == "vqvae.training.pt":
            weights.unlink()
            train = load_slices(settings.data).subset("train")
            fit(VQVAE(settings.vqvae), vqvae_losses, train, settings.vqvae_training, weights, {})
        load_all(run)
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "executed").exists()


def test_the_payloads_would_be_executed_by_a_careless_reader(tmp_path):
    executed = tmp_path / "executed"
    pickle.loads(pickle.dumps(Malice(executed))).close()
    assert executed.exists()
    os.remove(executed)
    (tmp_path / "x.pt").write_bytes(of_torch(Malice(executed)))
    torch.load(tmp_path / "x.pt", weights_only=False)["step"].close()
    assert executed.exists()


@pytest.mark.parametrize(
    "file", ["vqvae.safetensors", "codes.npz", "vqvae.training.pt", "config.json"]
)
def test_damage_anywhere_is_a_sentence(run, file):
    """Bytes changed, cut or added: read as it was, or refused, and never a library's traceback."""
    checkpoint.save_state(run.path("vqvae.training.pt"), {"step": 1, "model": {"w": torch.ones(3)}})
    whole = run.path(file).read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        damaged = bytearray(whole)
        place = int(rng.integers(len(whole))) if rng.random() < 0.5 else int(rng.integers(200))
        kind = rng.integers(3)
        if kind == 0:
            damaged[place % len(whole)] ^= int(rng.integers(1, 256))
        elif kind == 1:
            del damaged[place:]
        else:
            damaged[place:place] = rng.bytes(9)
        run.path(file).write_bytes(damaged)
        try:
            checkpoint.load_state(run.path("vqvae.training.pt"))
            run.settings("smoke")
            run.load_vqvae()
            run.load_codes()
        except InputError as refusal:
            refused += 1
            assert "\n" not in str(refusal)
    assert refused > 30
