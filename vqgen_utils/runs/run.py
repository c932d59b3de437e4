"""One run: the folder `runs/NAME/` that the notebooks fill one after the other.

    config.json                  every setting, as `config.Profile`
    vqvae.safetensors            notebook 02, or `vqgen train vqvae`
    codes.npz                    notebook 02: every slice as a grid of codes
    prior.safetensors            notebook 04, or `vqgen train prior`
    history_*.csv, *.png         learning curves and pictures
    scores_*.csv                 the scores of each held-out slice
    metrics.json                 the scores; each notebook adds its own section
    evaluation.json              what notebooks 06, 07 and 08 measured; each adds its own part

Each artefact names what it was made from, so that a prior is never put on top of another VQ-VAE.
"""

import dataclasses
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from pydantic import ValidationError

from vqgen_utils import made_from
from vqgen_utils.config import (
    PriorConfig,
    Profile,
    VQVAEConfig,
    change,
    get_profile,
    must_be_learnable,
)
from vqgen_utils.data.slices import Slices, load_slices
from vqgen_utils.errors import InputError
from vqgen_utils.evaluation import targets
from vqgen_utils.machine.files import load_json, save_json, write_atomic
from vqgen_utils.machine.places import REPOSITORY, run_folder
from vqgen_utils.machine.speed import best_device
from vqgen_utils.made_from import MAKER, must_fit
from vqgen_utils.models.pixelcnn import PixelCNN
from vqgen_utils.models.vqvae import VQVAE
from vqgen_utils.training import checkpoint

SHIPPED = REPOSITORY / "notebooks" / "pretrained"


class Run:
    """A run folder, its settings, and what it holds.

    Args:
        name: of the folder under `runs/`. "pretrained" is the run that comes with the series: both
            models, trained on the built-in data with profile `quick`.
    """

    def __init__(self, name: str):
        self.name = str(name)  # papermill makes a number of `-p run_name 2024`
        self.folder = run_folder(self.name)
        if self.name == SHIPPED.name and not self.path("config.json").exists():
            for file in ("vqvae.safetensors", "codes.npz", "prior.safetensors", "config.json"):
                write_atomic(self.path(file), (SHIPPED / file).read_bytes())

    def path(self, file: str) -> Path:
        """Where `file` is or will be."""
        return self.folder / file

    def settings(self, profile: str) -> Profile:
        """The settings that earlier notebooks left.

        Raises:
            InputError: when there are none, or they were made with another profile.
        """
        settings = self.config()
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
        settings = self.settled(profile, *sections, **changes)
        save_json(self.path("config.json"), settings.to_dict())
        return settings

    def settled(self, profile: str, *sections: str, **changes) -> Profile:
        """What `configure` would settle, and nothing is written down."""
        settings = get_profile(profile)
        if self.path("config.json").exists():
            before = self.config()
            if before.name == profile:
                own = {section: getattr(settings, section) for section in sections}
                settings = dataclasses.replace(before, **own)
        settings = change(settings, **changes)
        if "vqvae" in sections:
            must_be_learnable(settings)
        return settings

    def add_metrics(
        self, section: str, values: dict, not_measured: dict[str, str] | None = None
    ) -> None:
        """Put one notebook's scores into metrics.json beside the others'.

        Args:
            section: of metrics.json.
            values: the scores by name; what is not a finite number is null.
            not_measured: score -> why it is null; kept beside the scores if there is any.
        """
        path = self.path("metrics.json")
        metrics = load_json(path) if path.exists() else {}
        reasons = {"not_measured": not_measured} if not_measured else {}
        save_json(path, {**metrics, section: targets.plain({**values, **reasons})})

    def add_evaluation(
        self, sections: dict, headline: dict, not_measured: dict[str, str] | None = None
    ) -> dict:
        """Put what one notebook measured into evaluation.json beside what the others did.

        What was measured before the models were last trained goes. The targets are judged anew.

        Args:
            sections: the notebook's own tables and values, by name.
            headline: its own of the keys `targets.HEADLINE`; those that nobody has measured yet are
                None.
            not_measured: score of the headline -> why it is none, whatever `headline` says. The
                file's own `not_measured` has a reason for every score that is null.

        Returns:
            All that evaluation.json now says.
        """
        path = self.path("evaluation.json")
        models = {name: self.fingerprint(f"{name}.safetensors") for name in ("vqvae", "prior")}
        before = load_json(path) if path.exists() else {}
        if before.get("made_from") != models:  # scores of other models are none of this one's
            before = {}
        known = dict.fromkeys(targets.HEADLINE) | before.get("headline", {}) | headline
        reasons = {
            score: reason
            for score, reason in before.get("not_measured", {}).items()
            if score not in headline
        }
        known, reasons = targets.with_reasons(known, reasons | (not_measured or {}))
        headers = {n: checkpoint.load_settings(self.path(f"{n}.safetensors")) for n in models}
        results = {
            "headline": known,
            "not_measured": reasons,
            "data": headers["vqvae"]["data"],
            "made_from": models,
            "started_from": {name: headers[name].get("started_from") for name in models},
            "targets": targets.verdict(known),
        }
        results = targets.plain({**before, **sections, **results})
        save_json(path, results)
        return results

    def save_scores(self, model: str, rows: pd.DataFrame, scores: dict[str, np.ndarray]) -> None:
        """Keep the score of each held-out slice in scores_MODEL.csv, for means over several runs.

        Args:
            model: "vqvae" or "prior".
            rows: of the slices, (N,), as in the data's index.
            scores: name -> (N,), NaN where a slice has none.
        """
        table = rows[["patient", "week", "slice"]].assign(**scores)
        write_atomic(self.path(f"scores_{model}.csv"), table.to_csv(index=False).encode())

    def load_slices(self, settings: Profile) -> Slices:
        """The data of this run.

        Raises:
            InputError: when the data changed since the VQ-VAE was trained on them.
        """
        slices = load_slices(settings.data)
        path = self.made("vqvae.safetensors")
        theirs = checkpoint.load_settings(path)
        must_fit(path, "was trained before the data changed", theirs, {"data": slices.content})
        return slices

    def vqvae_made_from(self, settings: Profile, slices: Slices) -> dict:
        """What goes with the weights of a VQ-VAE into their file, besides how it is trained."""
        return made_from.of_vqvae(settings, slices.content)

    def prior_made_from(self, settings: Profile, grid: tuple[int, int], slices: Slices) -> dict:
        """What goes with the weights of a prior into their file, besides how it is trained."""
        vqvae = self.fingerprint("vqvae.safetensors")
        return made_from.of_prior(settings, grid, slices.content, slices.places, vqvae)

    def places(self) -> list[float]:
        """The places along the scan that the prior has learned from: `Slices.places`."""
        return checkpoint.load_settings(self.made("prior.safetensors"))["places"]

    def load_vqvae(self) -> VQVAE:
        """The trained VQ-VAE, in eval mode, on the GPU if there is one.

        Raises:
            InputError: when it was made with other settings than those of this run.
        """
        path = self.made("vqvae.safetensors")
        settings = checkpoint.load_settings(path)
        self._fits_config(path, settings, "vqvae")
        model = VQVAE(_parsed(VQVAEConfig, settings["model"], path))
        checkpoint.load_weights(path, model)
        return model.eval().to(best_device())

    def save_codes(self, codes: torch.Tensor) -> None:
        """Keep the codes (N, h, w) of all slices, in the order of the data's index."""
        whose = json.dumps({"format": checkpoint.FORMAT, **self._codes_made_from()})
        buffer = io.BytesIO()
        np.savez_compressed(buffer, codes=as_small(codes), made_from=whose)
        write_atomic(self.path("codes.npz"), buffer.getvalue())

    def load_codes(self) -> torch.Tensor:
        """The codes (N, h, w) of all slices.

        Raises:
            InputError: when they are damaged or another VQ-VAE made them.
        """
        path = self.made("codes.npz")
        content = path.read_bytes()
        damaged = f"{path} is damaged: run notebook {MAKER[path.name]} again."
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as file:
                codes = torch.from_numpy(file["codes"].astype(np.int64))  # (N, h, w)
                whose = json.loads(str(file["made_from"])) if "made_from" in file else {}
                number = whose.get("format")
        except Exception as error:  # damage shows in any of a dozen ways, all of them the file's
            raise InputError(damaged) from error
        checkpoint.check_format(path, number)
        ours = self._codes_made_from()
        must_fit(path, "was made by another VQ-VAE", whose, ours)
        if codes.ndim != 3 or int(codes.max()) >= ours["model"]["num_embeddings"]:
            raise InputError(damaged)
        return codes

    def load_prior(self) -> PixelCNN:
        """The trained prior, in eval mode, on the GPU if there is one.

        Raises:
            InputError: when it was trained on another VQ-VAE's codes, or with other settings than
                those of this run.
        """
        path = self.made("prior.safetensors")
        settings = checkpoint.load_settings(path)
        codebook = checkpoint.load_settings(self.made("vqvae.safetensors"))["model"]
        if settings["num_embeddings"] != codebook["num_embeddings"]:
            raise InputError(
                f"{path} chooses among {settings['num_embeddings']} codes but the VQ-VAE of run "
                f"'{self.name}' has {codebook['num_embeddings']}: run notebook "
                "04_pixelcnn_training again."
            )
        wanted = {"vqvae": self.fingerprint("vqvae.safetensors")}
        must_fit(path, "was trained on the codes of another VQ-VAE", settings, wanted)
        self._fits_config(path, settings, "prior")
        model = PixelCNN(
            _parsed(PriorConfig, settings["model"], path),
            settings["num_embeddings"],
            tuple(settings["grid"]),
        )
        checkpoint.load_weights(path, model)
        return model.eval().to(best_device())

    def fingerprint(self, file: str) -> str:
        """Identifies a trained model of this run."""
        return made_from.fingerprint(self.made(file))

    def _codes_made_from(self) -> dict:
        vqvae = checkpoint.load_settings(self.made("vqvae.safetensors"))
        return made_from.of_codes(vqvae, self.fingerprint("vqvae.safetensors"))

    def made(self, file: str) -> Path:
        """Where `file` is.

        Raises:
            InputError: when it is not there, naming the notebook that makes it.
        """
        path = self.path(file)
        if not path.exists():
            raise InputError(
                f"run '{self.name}' has no {file} yet: run notebook {MAKER[file]} first, with "
                f"run_name = '{self.name}'."
            )
        return path

    def config(self) -> Profile:
        """What config.json says, whatever the profile."""
        path = self.made("config.json")
        return _parsed(lambda **values: Profile.from_dict(values), load_json(path), path)

    def _fits_config(self, path: Path, theirs: dict, section: str) -> None:
        """Make sure that the model at `path` is the one that config.json describes."""
        model = dataclasses.asdict(getattr(self.config(), section))
        what = "was trained with other settings than those in config.json"
        must_fit(path, what, theirs, {"model": model})


def as_small(codes: torch.Tensor) -> np.ndarray:
    """Codes of any shape in the smallest whole numbers that can hold them, for a file."""
    return codes.numpy().astype(np.min_scalar_type(int(codes.max()) if codes.numel() else 0))


def _parsed(kind: Callable, values: dict, path: Path):
    """Plain values as settings, `kind(**values)`.

    Raises:
        InputError: when they have other names or values than this version knows.
    """
    try:
        return kind(**values)
    except (KeyError, TypeError, ValidationError) as error:
        wrong = error.errors()[0]["loc"][0] if isinstance(error, ValidationError) else error
        raise InputError(
            f"{path} has settings of another version of vqgen ({wrong}): move it away and run "
            f"notebook {MAKER[path.name]} again."
        ) from error
