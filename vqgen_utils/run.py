"""One run: the folder `runs/NAME/` that the notebooks fill one after the other.

    config.json                  every setting, as `config.Profile`
    vqvae.safetensors            notebook 02
    codes.npz                    notebook 02: every slice as a grid of codes
    prior.safetensors            notebook 04
    history_*.csv, *.png         learning curves and pictures
    metrics.json                 the scores; each notebook adds its own section

Each artefact names what it was made from, so that a prior is never put on top of another VQ-VAE.
"""

import dataclasses
import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import torch

from vqgen_utils import checkpoint
from vqgen_utils.config import (
    PriorConfig,
    Profile,
    VQVAEConfig,
    change,
    get_profile,
    run_folder,
)
from vqgen_utils.data import Slices, load_slices
from vqgen_utils.errors import InputError
from vqgen_utils.machine import best_device
from vqgen_utils.pixelcnn import PixelCNN
from vqgen_utils.vqvae import VQVAE

MAKER = {  # file -> the notebook that makes it
    "config.json": "02_vqvae_training",
    "vqvae.safetensors": "02_vqvae_training",
    "codes.npz": "02_vqvae_training",
    "prior.safetensors": "04_pixelcnn_training",
}


class Run:
    """A run folder, its settings, and what it holds.

    Args:
        name: of the folder under `runs/`.
    """

    def __init__(self, name: str):
        self.name = name
        self.folder = run_folder(name)

    def path(self, file: str) -> Path:
        """Where `file` is or will be."""
        return self.folder / file

    def settings(self, profile: str) -> Profile:
        """The settings that earlier notebooks left.

        Raises:
            InputError: when there are none, or they were made with another profile.
        """
        settings = Profile.from_dict(checkpoint.load_json(self._made("config.json")))
        if settings.name != profile:
            raise InputError(
                f"run '{self.name}' was made with profile '{settings.name}', not '{profile}': set "
                f"profile = '{settings.name}', or choose another run_name."
            )
        return settings

    def configure(self, profile: str, *sections: str, **changes) -> Profile:
        """Settle this notebook's settings and write them down for the next ones.

        The named sections start from the profile; the others stay as earlier notebooks of this run
        left them, if they used the same profile. `changes` (flat names) go on top.

        Raises:
            InputError: for an unknown profile or parameter, or a value that cannot be.
        """
        settings = get_profile(profile)
        path = self.path("config.json")
        if path.exists():
            before = Profile.from_dict(checkpoint.load_json(path))
            if before.name == profile:
                own = {section: getattr(settings, section) for section in sections}
                settings = dataclasses.replace(before, **own)
        settings = change(settings, **changes)
        checkpoint.save_json(path, settings.to_dict())
        return settings

    def add_metrics(self, section: str, values: dict) -> None:
        """Put one notebook's scores into metrics.json beside the others'."""
        path = self.path("metrics.json")
        metrics = checkpoint.load_json(path) if path.exists() else {}
        checkpoint.save_json(path, {**metrics, section: values})

    def load_slices(self, settings: Profile) -> Slices:
        """The data of this run.

        Raises:
            InputError: when the data changed since the VQ-VAE was trained on them.
        """
        slices = load_slices(settings.data)
        made_from = checkpoint.load_settings(self._made("vqvae.safetensors"))["data"]
        if made_from != slices.content:
            raise InputError(
                f"the data changed since the VQ-VAE of run '{self.name}' was trained: run notebook "
                "02_vqvae_training again."
            )
        return slices

    def load_vqvae(self) -> VQVAE:
        """The trained VQ-VAE, in eval mode, on the GPU if there is one."""
        path = self._made("vqvae.safetensors")
        model = VQVAE(VQVAEConfig(**checkpoint.load_settings(path)["model"]))
        checkpoint.load_weights(path, model)
        return model.eval().to(best_device())

    def save_codes(self, codes: torch.Tensor) -> None:
        """Keep the codes (N, h, w) of all slices, in the order of the data's index."""
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer, codes=codes.numpy().astype(np.uint16), vqvae=self.vqvae_fingerprint()
        )
        checkpoint.write_atomic(self.path("codes.npz"), buffer.getvalue())

    def load_codes(self) -> torch.Tensor:
        """The codes (N, h, w) of all slices.

        Raises:
            InputError: when they are damaged or another VQ-VAE made them.
        """
        path = self._made("codes.npz")
        try:
            with np.load(path, allow_pickle=False) as file:
                codes = torch.from_numpy(file["codes"].astype(np.int64))  # (N, h, w)
                made_by = str(file["vqvae"])
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f"{path} is damaged: run notebook 02_vqvae_training again.") from error
        if made_by != self.vqvae_fingerprint():
            raise InputError(
                f"{path} was made by another VQ-VAE: run notebook 02_vqvae_training again."
            )
        return codes

    def load_prior(self) -> PixelCNN:
        """The trained prior, in eval mode, on the GPU if there is one.

        Raises:
            InputError: when it was trained on another VQ-VAE's codes, or does not fit them.
        """
        path = self._made("prior.safetensors")
        settings = checkpoint.load_settings(path)
        codebook = checkpoint.load_settings(self._made("vqvae.safetensors"))["model"]
        if settings["num_embeddings"] != codebook["num_embeddings"]:
            raise InputError(
                f"{path} chooses among {settings['num_embeddings']} codes but the VQ-VAE of run "
                f"'{self.name}' has {codebook['num_embeddings']}: run notebook "
                "04_pixelcnn_training again."
            )
        if settings["vqvae"] != self.vqvae_fingerprint():
            raise InputError(
                f"{path} was trained on the codes of another VQ-VAE: run notebook "
                "04_pixelcnn_training again."
            )
        model = PixelCNN(
            PriorConfig(**settings["model"]),
            settings["num_embeddings"],
            tuple(settings["grid"]),
        )
        checkpoint.load_weights(path, model)
        return model.eval().to(best_device())

    def vqvae_fingerprint(self) -> str:
        """Identifies the trained VQ-VAE: the hash of its file."""
        return hashlib.sha256(self._made("vqvae.safetensors").read_bytes()).hexdigest()[:16]

    def _made(self, file: str) -> Path:
        path = self.path(file)
        if not path.exists():
            raise InputError(
                f"run '{self.name}' has no {file} yet: run notebook {MAKER[file]} first, with "
                f"run_name = '{self.name}'."
            )
        return path
