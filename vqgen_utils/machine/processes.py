"""Processes that work together, started by `torchrun` or `accelerate launch`.

Each holds its share of a batch. Alone, a process holds all of it, and nothing here does anything.
"""

import torch
import torch.distributed as distributed
from torch import Tensor

from vqgen_utils.errors import InputError


def number() -> int:
    """How many processes work together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """Which of them this one is, from 0. The first one writes files and prints."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def is_first() -> bool:
    """Whether this process writes and prints."""
    return rank() == 0


def say(sentence: str) -> None:
    """Print, once for all processes."""
    if is_first():
        print(sentence)


def add_up(tensor: Tensor) -> Tensor:
    """`tensor`, in place, as the sum over all processes."""
    if distributed.is_initialized():
        distributed.all_reduce(tensor)
    return tensor


def from_first(tensor: Tensor) -> Tensor:
    """`tensor`, in place, as the first process has it."""
    if distributed.is_initialized():
        distributed.broadcast(tensor, src=0)
    return tensor


def rows_of_all(share: Tensor) -> Tensor:
    """The shares of all processes behind one another: (n, ...) -> (N, ...), on every process.

    Each adds its rows to a table of zeros. Shares may differ in length.
    """
    if number() == 1:
        return share
    lengths = torch.zeros(number(), dtype=torch.long, device=share.device)
    lengths[rank()] = len(share)
    lengths = add_up(lengths).tolist()
    start = sum(lengths[: rank()])
    table = share.new_zeros(sum(lengths), *share.shape[1:])  # (N, ...)
    table[start : start + len(share)] = share
    return add_up(table)


def share_of(length: int) -> range:
    """Which of `length` things in a row are this process's."""
    parts, part = number(), rank()
    return range(length * part // parts, length * (part + 1) // parts)


def agree(value: int, what: str, device: torch.device) -> None:
    """Make sure that all processes have the same number.

    Raises:
        InputError: when they do not: they read different files.
    """
    values = rows_of_all(torch.tensor([value], device=device)).tolist()
    if len(set(values)) > 1:
        raise InputError(
            f"the processes see different files: {what} is {', '.join(map(str, values))}, process "
            "by process; set VQGEN_HOME to a folder that all machines share."
        )
