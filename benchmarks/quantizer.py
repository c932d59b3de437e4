"""How fast and how lean is the codebook beside those of two packages in use?

    python -m benchmarks.quantizer

One training step (forward, backward, update of the codes) on 65,536 vectors of 32 numbers, for
codebooks of 128, 512 and 8192:

    ours        `vqgen_utils.models.Codebook`
    lucidrains  `VectorQuantize` of the package vector-quantize-pytorch
    monai       `EMAQuantizer` of the package monai

How fair it is. All do the same work: they start from the same codes and moving averages, see the
same vectors, choose by Euclidean distance, learn by moving averages with decay 0.99, and pass the
same gradient and a commitment loss of weight 0.25 straight through. What only some of them have is
off: k-means initialisation, revival of dead codes, the rotation trick (a default of lucidrains
that makes it slower) and monai's wrapper that adds the perplexity. How far the gradients and the
updated codes lie apart after a step is in the results, and so is every vector that is not given the
same code, with the distances in float64.

Memory is the growth of the process's peak resident memory over one step, in a fresh process for
each. lucidrains takes 12 GiB of it at 8192 codes. Everything runs on the CPU.
"""

import resource
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from multiprocessing import get_context
from types import ModuleType
from typing import NamedTuple

import numpy as np
import psutil
import torch
from torch import Tensor

from benchmarks import report
from vqgen_utils.errors import InputError
from vqgen_utils.models import Codebook

SHAPE = (16, 32, 64, 64)  # of z_e: (B, D, H, W)
SIZES = (128, 512, 8192)  # K
MODULES = {  # of the peers
    "lucidrains": "vector_quantize_pytorch",
    "monai": "monai.networks.layers.vector_quantizer",
}
DECAY, COMMITMENT = 0.99, 0.25


class Quantizer(NamedTuple):
    """`quantise` is z_e -> (z_q, indices (B, H, W), loss); `codes` (K, D) change in place."""

    quantise: Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]
    codes: Tensor


def make(name: str, codes: Tensor, count: float) -> Quantizer:
    """A quantizer in training that starts from codes (K, D), each with `count` to its average.

    Raises:
        InputError: when its package is not installed.
    """
    size, dim = codes.shape
    if name == "ours":
        book = Codebook(size, dim, commitment_cost=COMMITMENT, decay=DECAY, revive_below=0.0)
        book.updates += 1  # initialised
        averages = book.embedding, book.ema_sum, book.ema_count

        def quantise(z_e: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            z_q, indices, losses = book(z_e)
            return z_q, indices, losses["commitment"]

    elif name == "lucidrains":
        quantise = import_peer(name).VectorQuantize(
            dim,
            size,
            decay=DECAY,
            commitment_weight=COMMITMENT,
            rotation_trick=False,
            accept_image_fmap=True,
        )
        book = quantise._codebook
        averages = book.embed[0], book.embed_avg[0], book.cluster_size[0]
    else:
        book = import_peer(name).EMAQuantizer(
            2, size, dim, commitment_cost=COMMITMENT, decay=DECAY, ddp_sync=False
        )
        averages = book.embedding.weight, book.ema_w, book.ema_cluster_size

        def quantise(z_e: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            z_q, loss, indices = book(z_e)
            return z_q, indices, loss

    embedding, sums, counts = (tensor.detach() for tensor in averages)
    embedding.copy_(codes)
    sums.copy_(codes * count)
    counts.fill_(count)
    return Quantizer(quantise, embedding)


def import_peer(peer: str) -> ModuleType:
    """The peer's module. Raises InputError when its package is not installed."""
    try:
        return import_module(MODULES[peer])
    except ImportError as error:
        raise InputError(
            f"the comparison needs a package that is not installed ({error}): "
            "pip install -e '.[benchmarks]'"
        ) from error


def make_task(shape: Sequence[int], size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Vectors z_e (B, D, H, W), the gradient a decoder sends back, and codes (K, D) to begin with.

    All are normal draws: the time of a step does not depend on what the vectors are.
    """
    generator = torch.Generator().manual_seed(0)
    z_e = torch.randn(shape, generator=generator)
    upstream = torch.randn(shape, generator=generator)
    return z_e, upstream, torch.randn(size, shape[1], generator=generator)


def make_all(names: Sequence[str], shape: Sequence[int], size: int) -> dict[str, Callable]:
    """name -> a call that does one training step, all from the same codes."""
    z_e, upstream, codes = make_task(shape, size)
    count = z_e[:, 0].numel() / size
    quantizers = {name: make(name, codes, count) for name in names}
    return {
        name: lambda quantizer=quantizer: step(quantizer, z_e, upstream)
        for name, quantizer in quantizers.items()
    }


def step(quantizer: Quantizer, z_e: Tensor, upstream: Tensor) -> tuple[Tensor, Tensor]:
    """One training step: the indices it chose (B, H, W) and the gradient of z_e (B, D, H, W)."""
    z_e = z_e.detach().requires_grad_()
    z_q, indices, loss = quantizer.quantise(z_e)
    torch.autograd.backward([z_q, loss], [upstream, None])
    return indices, z_e.grad


def first_step(name: str, shape: Sequence[int], size: int) -> dict[str, float | np.ndarray]:
    """The first step of a quantizer, in a process that has done nothing else.

    Returns:
        `mebibytes` by which the step raised the peak memory, `indices` (B, H, W) it chose,
        `gradient` (B, D, H, W) of z_e, and `codes` (K, D) after the update.
    """
    z_e, upstream, codes = make_task(shape, size)
    quantizer = make(name, codes, count=z_e[:, 0].numel() / size)
    warm_up = make(name, codes[:2], count=1.0)
    step(warm_up, z_e[:1, :, :2, :2], upstream[:1, :, :2, :2])  # threads start, libraries load
    # Imports leave a peak behind; memory is filled up to it, so that the step must raise it.
    ballast = np.ones(max(0, peak_memory() - psutil.Process().memory_info().rss), dtype=np.uint8)
    before = peak_memory()
    indices, gradient = step(quantizer, z_e, upstream)
    mebibytes = (peak_memory() - before) / 2**20
    del ballast
    return {
        "mebibytes": mebibytes,
        "indices": indices.numpy(),
        "gradient": gradient.numpy(),
        "codes": quantizer.codes.numpy(),
    }


def peak_memory() -> int:
    """The most memory this process has had resident, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def in_fresh_process(function: Callable, *arguments: object) -> object:
    """What `function(*arguments)` returns in a process that has imported the peers, and no more.

    Raises:
        InputError: when the process is killed, which is what a lack of memory looks like.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.report", *MODULES.values()])
    try:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            return pool.submit(function, *arguments).result()
    except BrokenProcessPool as error:
        raise InputError(
            f"{function.__name__}{arguments} was killed: use a machine with 16 GiB of free memory."
        ) from error


def differences(z_e: Tensor, codes: Tensor, ours: np.ndarray, theirs: np.ndarray) -> dict:
    """Vectors that are not given the same code.

    Args:
        z_e, codes: (B, D, H, W) and (K, D).
        ours, theirs: (B, H, W) indices.

    Returns:
        `differ`: how many; `ours_nearer`: for how many of them ours is nearer or as near;
        `largest_gap`: |d_ours - d_theirs| / min(d_ours, d_theirs), the largest, where d are squared
        distances in float64.
    """
    differ = torch.from_numpy(ours != theirs)
    vectors = z_e.permute(0, 2, 3, 1)[differ].double()  # (n, D)
    d_ours, d_theirs = (
        (vectors - codes.double()[torch.from_numpy(indices)[differ]]).square().sum(1)  # (n,)
        for indices in (ours, theirs)
    )
    gaps = (d_ours - d_theirs).abs() / torch.minimum(d_ours, d_theirs)
    return {
        "differ": len(vectors),
        "ours_nearer": int((d_ours <= d_theirs).sum()),
        "largest_gap": float(gaps.max()) if len(gaps) else 0.0,
    }


def compare_codebooks(shape: Sequence[int], size: int, rounds: int) -> list[dict]:
    """A row for each quantizer: seconds and memory of a step, and how far it lies from ours."""
    names = ("ours", *MODULES)
    first = {name: in_fresh_process(first_step, name, shape, size) for name in names}
    seconds = report.in_turns(make_all(names, shape, size), rounds)
    z_e, _, codes = make_task(shape, size)
    ours, rows = first["ours"], []
    for name, its in first.items():
        rows.append(
            {
                "codes": size,
                "quantizer": name,
                "seconds": seconds[name],
                "mebibytes": its["mebibytes"],
                "time_ratio": seconds[name] / seconds["ours"],
                "memory_ratio": its["mebibytes"] / ours["mebibytes"],
                **differences(z_e, codes, ours["indices"], its["indices"]),
                "gradient_differs": float(abs(its["gradient"] - ours["gradient"]).max()),
                "codes_differ": float(abs(its["codes"] - ours["codes"]).max()),
            }
        )
    return rows


def headline(rows: list[dict]) -> dict[str, float]:
    """The numbers worth quoting; a ratio is theirs / ours."""
    numbers = {}
    for row in rows:
        case = f"{row['quantizer']}_k{row['codes']}"
        if row["quantizer"] in MODULES:
            numbers[f"quantizer_vs_{case}"] = row["time_ratio"]
            numbers[f"quantizer_memory_vs_{case}"] = row["memory_ratio"]
            numbers[f"assignments_differ_{case}"] = row["differ"]
            numbers[f"assignments_largest_gap_{case}"] = row["largest_gap"]
        else:
            numbers[f"quantizer_milliseconds_{case}"] = 1000 * row["seconds"]
            numbers[f"quantizer_mebibytes_{case}"] = row["mebibytes"]
    return numbers


def main() -> None:
    """Measure, print, write `benchmarks/results/quantizer.json`."""
    try:
        for peer in MODULES:
            import_peer(peer)
        rows = []
        for size in SIZES:
            some = compare_codebooks(SHAPE, size, rounds=1 if size > 1000 else 5)
            report.table(some)
            rows += some
    except InputError as error:
        print(f"benchmarks.quantizer: {error}", file=sys.stderr)
        sys.exit(2)
    report.write("quantizer", headline(rows), table=rows, shape=SHAPE)


if __name__ == "__main__":
    main()
