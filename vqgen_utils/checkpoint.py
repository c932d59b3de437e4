"""Files that are either whole or not there: model weights and the state of a training run.

Weights are safetensors with their settings as JSON in the file's own header, so that the two cannot
part. The training state (optimiser, step, random state) is read back with `weights_only=True`.
Nothing that could run code is ever unpickled.
"""

import errno
import io
import json
import os
import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from vqgen_utils.errors import InputError


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` under a temporary name, then rename: a reader sees the old file or the new one.

    Raises:
        InputError: when the disk is full; whatever was at `path` before is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.errno == errno.ENOSPC:
            raise InputError(
                f"no space left to write {path}: free {len(data) / 1e6:.0f} MB and run again; "
                "nothing written before is lost."
            ) from error
        raise


def save_json(path: Path, values: dict) -> None:
    """Write plain values as readable JSON, atomically."""
    write_atomic(path, (json.dumps(values, indent=2) + "\n").encode())


def load_json(path: Path) -> dict:
    """Read what `save_json` wrote.

    Raises:
        InputError: when the file is not JSON.
    """
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise InputError(f"{path} is not readable JSON: delete it and run again.") from error


def save_weights(path: Path, model: nn.Module, settings: dict) -> None:
    """Write a model's weights, with `settings` (plain values) in the header."""
    tensors = {name: value.contiguous().cpu() for name, value in model.state_dict().items()}
    write_atomic(path, save(tensors, metadata={"vqgen": json.dumps(settings)}))


def load_settings(path: Path) -> dict:
    """The settings in the header of a weights file, without reading the weights.

    Raises:
        InputError: when the file is missing, damaged or not ours.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return json.loads((file.metadata() or {})["vqgen"])
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing: run the notebook that trains it.") from error
    except (SafetensorError, KeyError, ValueError) as error:
        raise InputError(
            f"{path} is not a whole vqgen model file: delete it and train again."
        ) from error


def load_weights(path: Path, model: nn.Module) -> None:
    """Put the weights at `path` into `model`.

    Raises:
        InputError: when the file is damaged, or a weight has another name or shape.
    """
    load_settings(path)
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    wanted = model.state_dict()
    for name in sorted(wanted.keys() | tensors.keys()):
        theirs, ours = tensors.get(name), wanted.get(name)
        if theirs is None or ours is None or theirs.shape != ours.shape:
            raise InputError(
                f"{path} does not fit this model: '{name}' is {_shape(theirs)} in the file and "
                f"{_shape(ours)} in the model; train again with these settings."
            )
    model.load_state_dict(tensors)


def _shape(tensor: Tensor | None) -> str:
    return "absent" if tensor is None else str(tuple(tensor.shape))


def save_state(path: Path, state: dict) -> None:
    """Write a training state: tensors, numbers, strings, lists and dictionaries of them."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomic(path, buffer.getvalue())


def load_state(path: Path) -> dict:
    """Read what `save_state` wrote; tensors and plain values only.

    Raises:
        InputError: when the file is damaged or holds anything else.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise InputError(
            f"{path} is not a whole training state: delete it and train again."
        ) from error
