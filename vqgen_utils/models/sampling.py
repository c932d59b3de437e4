"""Exact incremental sampling: draw codes one by one, computing only what each new one changes.

    Ramachandran et al. 2017, "Fast Generation for Convolutional Autoregressive Models",
    arXiv:1704.06001.

The obvious loop runs the whole network once a position and throws all but one position's logits
away. Here each layer keeps what it has seen: once a row, the vertical stack convolves its last few
rows into the new one; once a position, the horizontal stack multiplies its last few columns. The
logits are those of the full forward pass, up to rounding.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from vqgen_utils.errors import InputError
from vqgen_utils.machine.progress import progress_bar
from vqgen_utils.machine.speed import (
    exact_products,
    in_eval_mode,
    numpy_on_one_thread,
    one_thread,
)
from vqgen_utils.models.incremental import Columns, Rows
from vqgen_utils.models.pixelcnn import PixelCNN


@torch.inference_mode()
def walk(
    model: PixelCNN,
    condition: Tensor,
    choose: Callable[[int, int, Tensor], Tensor],
    progress: bool = False,
) -> Tensor:
    """Visit the grid in reading order; at each position `choose(i, j, logits)` gives the codes.

    Args:
        model: the prior.
        condition: (B, F); on any device, the codes come back to it.
        choose: gets logits (B, K) and returns codes (B,).
        progress: show a bar over rows.

    Returns:
        (B, h, w) codes.
    """
    height, width = model.grid
    asked_on, condition = condition.device, condition.to(model.device)
    nothing = torch.full_like(condition[:, 0], model.num_embeddings, dtype=torch.long)  # (B,)
    codes = nothing.new_empty(height, width, len(condition))
    bar = progress_bar(height, "sampling", "row", shown=progress)
    with in_eval_mode(model), one_thread(condition.device), numpy_on_one_thread(), bar:
        rows, columns = Rows(model, condition), Columns(model, condition)
        for i in range(height):
            columns.start_row(i, rows.next(i, codes[i - 1] if i else None))
            left = [nothing]
            for j in range(width):
                left.append(choose(i, j, columns.step(j, left[-1])))
            codes[i] = torch.stack(left[1:])  # (w, B)
            bar.update()
    return codes.permute(2, 0, 1).to(asked_on)  # (B, h, w)


def sample(
    model: PixelCNN,
    condition: Tensor,
    seeds: Sequence[int],
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    given: Tensor | None = None,
    progress: bool = False,
) -> Tensor:
    """Draw grids of codes from the prior.

    Args:
        model: the prior.
        condition: (B, F), one row an image; on any device, the codes come back to it.
        seeds: B integers. An image depends on its own seed alone, whatever else is in the batch.
        temperature: divides the logits; below 1 likely codes get likelier, 0 takes the likeliest.
        top_k: only the k likeliest codes may be drawn (default: all).
        given: (B, h, w) codes to keep, -1 where a code is to be drawn.
        progress: show a bar over rows.

    Returns:
        (B, h, w) codes.

    Raises:
        InputError: for arguments that do not fit the model or each other.
    """
    height, width = model.grid
    if len(seeds) != len(condition):
        raise InputError(f"{len(seeds)} seeds for {len(condition)} images: give one seed an image.")
    if not 0 <= temperature < math.inf:  # NaN is neither
        raise InputError(f"temperature is {temperature}: give zero or more, and not without end.")
    if top_k is not None and not 1 <= top_k <= model.num_embeddings:
        raise InputError(f"top_k is {top_k}: give 1 to {model.num_embeddings}.")
    if given is not None and tuple(given.shape) != (len(condition), height, width):
        raise InputError(
            f"given codes have shape {tuple(given.shape)}: give {(len(condition), height, width)}."
        )
    if given is not None:
        _must_be_codes(given, model.num_embeddings)
        given = given.to(model.device)
    generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds]
    noise = None

    def choose(i: int, j: int, logits: Tensor) -> Tensor:
        nonlocal noise
        if j == 0:  # a row of noise at a time, each image's from its own generator
            rows = [torch.rand(width, logits.shape[1], generator=g) for g in generators]
            uniform = torch.stack(rows, 1).clamp_(min=1e-20).to(logits.device)  # (w, B, K)
            noise = (-torch.log(-torch.log(uniform)) * temperature).unbind()  # w of (B, K)
        if top_k is not None:
            least = logits.topk(top_k, 1).values[:, -1:]  # (B, 1)
            logits = logits.masked_fill(logits < least, -torch.inf)
        # argmax(logits + Gumbel noise) is a draw from softmax(logits): Gumbel 1954
        drawn = (logits + noise[j]).argmax(1)  # (B,)
        if given is None:
            return drawn
        return torch.where(given[:, i, j] >= 0, given[:, i, j], drawn)

    return walk(model, condition, choose, progress)


def _must_be_codes(given: Tensor, num_embeddings: int) -> None:
    """Make sure that what is to be kept are codes of the model, or -1."""
    if given.is_floating_point() or given.is_complex():
        raise InputError(f"given codes are {given.dtype}: give whole numbers.")
    low, high = (int(end) for end in given.aminmax()) if given.numel() else (-1, -1)
    if not -1 <= low <= high < num_embeddings:
        raise InputError(
            f"given codes reach from {low} to {high}: give 0 to {num_embeddings - 1}, and -1 where "
            "a code is to be drawn."
        )


def incremental_logits(model: PixelCNN, codes: Tensor, condition: Tensor) -> Tensor:
    """The logits the sampler sees on its way through known codes (B, h, w): (B, K, h, w).

    Equal to `model(codes, condition)` up to rounding; the tests hold it to 1e-4.
    """
    seen = []
    known = codes.to(model.device)

    def choose(i: int, j: int, logits: Tensor) -> Tensor:
        seen.append(logits.clone())  # the next step writes over them
        return known[:, i, j]

    walk(model, condition, choose)
    return torch.stack(seen, 2).unflatten(2, model.grid).to(codes.device)  # (B, K, h, w)


@torch.inference_mode()
def full_logits(model: PixelCNN, codes: Tensor, condition: Tensor) -> Tensor:
    """The same logits by one forward pass over the whole grid: (B, K, h, w).

    Codes (B, h, w) and condition (B, F) may be on another device than the model.
    """
    with exact_products():
        return model(codes.to(model.device), condition.to(model.device)).to(codes.device)


def full_grid_step(model: PixelCNN, codes: Tensor, condition: Tensor, i: int, j: int) -> Tensor:
    """Logits (B, K) at (i, j) by the obvious way, a whole forward pass: the slow yardstick."""
    return full_logits(model, codes, condition)[:, :, i, j]
