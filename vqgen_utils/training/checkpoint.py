"""Model weights and the state of a training run, each a file that is whole or not there.

Weights are safetensors with their settings as JSON in the file's own header, so that the two cannot
part. The training state (optimiser, step, learning curves) is read back with `weights_only=True`.
Nothing that could run code is ever unpickled. Every file carries the number of its format.
"""

import io
import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from vqgen_utils.errors import InputError
from vqgen_utils.machine.files import load_json as load_json
from vqgen_utils.machine.files import save_json as save_json
from vqgen_utils.machine.files import write_atomic

FORMAT = 2  # of weights, training states and codes; raise it when older files cannot be read


class OtherFormat(InputError):
    """A file of another version of vqgen. Training replaces it; whoever needs it cannot go on."""


def check_format(path: Path, found: object) -> None:
    """Make sure that a file has the format that this version of vqgen reads.

    Raises:
        OtherFormat: when `found`, the number in the file (None: there is none), is another one.
    """
    if found != FORMAT:
        number = "no format number" if found is None else f"format {found}"
        raise OtherFormat(
            f"{path} comes from another version of vqgen ({number} there, format {FORMAT} here): "
            "make it anew with this one."
        )


def save_weights(path: Path, model: nn.Module, settings: dict) -> None:
    """Write a model's weights, with `settings` (plain values) in the header."""
    tensors = {name: value.contiguous().cpu() for name, value in model.state_dict().items()}
    header = json.dumps({"format": FORMAT, **settings})
    write_atomic(path, save(tensors, metadata={"vqgen": header}))


def load_settings(path: Path) -> dict:
    """The settings in the header of a weights file, without reading the weights.

    Raises:
        InputError: when the file is missing, damaged, not ours or of another format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            settings = json.loads((file.metadata() or {})["vqgen"])
            found = settings.pop("format", None)
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing: run the notebook that trains it.") from error
    except (SafetensorError, KeyError, ValueError, AttributeError, TypeError) as error:
        raise InputError(
            f"{path} is not a whole vqgen model file: delete it and train again."
        ) from error
    check_format(path, found)
    return settings


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
    torch.save({"format": FORMAT, **state}, buffer)
    write_atomic(path, buffer.getvalue())


def load_state(path: Path) -> dict:
    """Read what `save_state` wrote; tensors and plain values only.

    Raises:
        InputError: when the file is damaged, of another format, or holds anything else.
    """
    content = io.BytesIO(path.read_bytes())
    try:
        state = torch.load(content, map_location="cpu", weights_only=True)
    except Exception as error:  # damage shows in any of a dozen ways, all of them the file's fault
        raise InputError(
            f"{path} is not a whole training state: delete it and train again."
        ) from error
    check_format(path, state.get("format") if isinstance(state, dict) else None)
    return state
