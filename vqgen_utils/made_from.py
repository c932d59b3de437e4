"""What a file was made from, and whether that still holds.

Each file of a run names what it was made from, so that a prior is never put on top of another
VQ-VAE, and a notebook is not run again for nothing.
"""

import dataclasses
import hashlib
import re
from pathlib import Path

from vqgen_utils.config import Profile
from vqgen_utils.errors import InputError

MAKER = {  # file -> the notebook that makes it
    "config.json": "02_vqvae_training",
    "vqvae.safetensors": "02_vqvae_training",
    "codes.npz": "02_vqvae_training",
    "prior.safetensors": "04_pixelcnn_training",
}


def of_vqvae(settings: Profile, data: str) -> dict:
    """What a VQ-VAE is made from, besides how it is trained; `data` is `Slices.content`."""
    return {
        "model": dataclasses.asdict(settings.vqvae),
        "data": data,
        "augmentation": dataclasses.asdict(settings.augmentation),
    }


def of_codes(vqvae: dict, weights: str) -> dict:
    """What codes are made from: the VQ-VAE, by what it was made from and its fingerprint."""
    return {"data": vqvae["data"], "model": vqvae["model"], "vqvae": weights}


def of_prior(
    settings: Profile, grid: tuple[int, int], data: str, places: list[float], weights: str
) -> dict:
    """What a prior is made from, besides how it is trained.

    Args:
        settings: of the run.
        grid: (h, w) of its codes.
        data: `Slices.content`.
        places: `Slices.places`; elsewhere it has seen nothing.
        weights: the VQ-VAE's fingerprint.
    """
    return {
        "model": dataclasses.asdict(settings.prior),
        "num_embeddings": settings.vqvae.num_embeddings,
        "grid": list(grid),
        "vqvae": weights,
        "data": data,
        "places": places,
        "augmentation": dataclasses.asdict(settings.augmentation),
    }


def fingerprint(path: Path) -> str:
    """Identifies a trained model: the hash of the weights in its safetensors file.

    The header of the file does not count, since it also says how long training took.
    """
    content = path.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")  # length, header, weights
    return hashlib.sha256(content[header:]).hexdigest()


def must_fit(path: Path, what: str, theirs: dict, ours: dict) -> None:
    """Make sure that the file at `path`, made from `theirs`, belongs to what is here.

    Raises:
        InputError: with the sentence's middle `what`, naming every field that differs.
    """
    differing = differences(theirs, ours)
    if differing:
        raise InputError(f"{path} {what} ({differing}): run notebook {MAKER[path.name]} again.")


def differences(theirs: dict, ours: dict, names: tuple[str, str] = ("there", "here")) -> str:
    """What in `theirs` is not as in `ours`: "steps: 100 there, 200 here; ...", or "" for nothing.

    Fields that only `theirs` has do not count; nested ones are named "model.hidden_dim".
    """
    old, new = _flat(theirs), _flat(ours)
    return "; ".join(
        f"{name}: {_short(old.get(name, 'absent'))} {names[0]}, {_short(value)} {names[1]}"
        for name, value in new.items()
        if name not in old or old[name] != value
    )


def _flat(values: dict, prefix: str = "") -> dict:
    """Nested dictionaries as one, its names joined by dots."""
    flat = {}
    for name, value in values.items():
        flat |= (
            _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
        )
    return flat


def _short(value: object) -> str:
    """A value for a sentence; of a hash, the beginning."""
    text = "none" if value in (None, "") else str(value)
    return f"{text[:12]}..." if re.fullmatch(r"[0-9a-f]{32,}", text) else text
