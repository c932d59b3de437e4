"""What a file was made from, and whether that still holds.

Each file of a run names what it was made from, so that a prior is never put on top of another
VQ-VAE, and a notebook is not run again for nothing.
"""

import re
from pathlib import Path

from vqgen_utils.errors import InputError

MAKER = {  # file -> the notebook that makes it
    "config.json": "02_vqvae_training",
    "vqvae.safetensors": "02_vqvae_training",
    "codes.npz": "02_vqvae_training",
    "prior.safetensors": "04_pixelcnn_training",
}


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
