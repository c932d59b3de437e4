"""How much faster is incremental sampling than the loops in use, and how near the hardware's limit?

    python -m benchmarks.sampling

Three ways to draw the same codes from the same prior (64 x 32 grid, 128 codes, 15 gated layers of
64 channels, kernel 3, conditioned on height):

    full grid    a forward pass of the whole grid for each position: what most projects do
    rows so far  a forward pass of the rows drawn so far: rosinality/vq-vae-2-pytorch, phlippe T12
    ours         `vqgen_utils.models.sample`

Ours is a whole run: one thread, and for larger batches all of them in the vertical stack. The other
two get every core; they are timed on some positions and scaled to all of them, since a whole run of
theirs takes up to hours. The limit is what the products of one forward pass would take at the rate
of a large matrix product on all cores: no exact sampler can compute less than each position once.

A second prior has causal attention before its middle layer (notebook 12), and is timed against its
own full grid.
"""

import contextlib
from collections.abc import Iterator

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import report
from vqgen_utils.config import PriorConfig
from vqgen_utils.machine import speed, write_atomic
from vqgen_utils.models import PixelCNN, height_features, sample, sampling
from vqgen_utils.models.beyond import RowAttention
from vqgen_utils.plots import to_png

GRID = (64, 32)
CODES = 128
CONFIG = PriorConfig(prior_channels=64, prior_layers=15, prior_kernel_size=3, prior_hidden_dim=256)
ROUNDS = {1: 10, 16: 3, 64: 1}  # batch size -> timed rounds, after one that warms up
GRIDS = ((8, 8), (16, 8), (32, 16), (64, 32), (128, 64))  # for the growth of cost
ROWS_TIMED = 5  # of the rows-so-far loop, spread over the grid


def make_prior(
    grid: tuple[int, int] = GRID, config: PriorConfig = CONFIG, attends: bool = False
) -> PixelCNN:
    """An untrained prior; speed does not depend on what its weights are."""
    torch.manual_seed(0)
    middle = config.prior_layers // 2
    looks = {middle: RowAttention(config.prior_channels, grid)} if attends else {}
    model = PixelCNN(config, CODES, grid, looks=looks).eval().requires_grad_(False)
    # what starts at zero would not be tested by the equality
    model.atlas.weight.normal_(std=0.1)
    for look in model.looks.values():
        look.out.weight.normal_(std=0.1)
    return model


@torch.inference_mode()
def rows_so_far_step(model: PixelCNN, codes: Tensor, condition: Tensor, i: int) -> Tensor:
    """Logits (B, K, W) of row i by a forward pass of rows 0 to i."""
    place_v, place_h = model.places(condition)
    embedded = model.embedding(codes[:, : i + 1]).permute(0, 3, 1, 2)  # (B, C, i+1, W)
    v = torch.nn.functional.pad(embedded, (0, 0, 1, -1)) + place_v[:, :, : i + 1]
    h = torch.nn.functional.pad(embedded, (1, -1)) + place_h[:, :, : i + 1]
    for layer in model.layers:
        v, h = layer(v, h, condition)
    return model.head(h)[:, :, i]


def seconds_a_sample(model: PixelCNN, batch: int, rounds: int) -> dict[str, float]:
    """Seconds to draw `batch` grids, by each of the three ways."""
    device, (height, width) = model.device, model.grid
    condition = height_features(torch.linspace(0, 1, batch, device=device))
    codes = torch.zeros(batch, height, width, dtype=torch.long, device=device)
    rows = torch.linspace(0, height - 1, min(ROWS_TIMED, height)).round().int().tolist()
    seconds = report.in_turns(
        {
            "ours": lambda: sample(model, condition, range(batch)),
            "full": lambda: sampling.full_grid_step(model, codes, condition, 0, 0),
            **{i: lambda i=i: rows_so_far_step(model, codes, condition, i) for i in rows},
        },
        rounds,
        device.type,
    )
    a_row = torch.tensor([seconds[i] for i in rows])
    mean_row = torch.trapezoid(a_row, torch.tensor(rows, dtype=torch.float)) / (rows[-1] - rows[0])
    return {
        "ours": seconds["ours"],
        "full_grid": seconds["full"] * height * width,
        "rows_so_far": float(mean_row) * height * width,
    }


def times_the_full_grid(model: PixelCNN, batch: int, rounds: int) -> float:
    """Seconds of the full-grid loop over those of `sample`, for any prior."""
    condition = height_features(torch.linspace(0, 1, batch, device=model.device))
    codes = torch.zeros(batch, *model.grid, dtype=torch.long, device=model.device)
    seconds = report.in_turns(
        {
            "ours": lambda: sample(model, condition, range(batch)),
            "full": lambda: sampling.full_grid_step(model, codes, condition, 0, 0),
        },
        rounds,
        model.device.type,
    )
    return seconds["full"] * codes[0].numel() / seconds["ours"]


def largest_difference(model: PixelCNN, batch: int) -> float:
    """Largest difference between the sampler's logits and the full forward pass's."""
    generator = torch.Generator().manual_seed(1)
    codes = torch.randint(0, CODES, (batch, *model.grid), generator=generator)
    condition = height_features(torch.rand(batch, generator=generator))
    full = sampling.full_logits(model, codes, condition)  # (B, K, H, W)
    return float((sampling.incremental_logits(model, codes, condition) - full).abs().max())


def flops(model: PixelCNN) -> int:
    """Floating-point operations of the products in one forward pass of one grid."""
    codes = torch.zeros(1, *model.grid, dtype=torch.long)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model(codes, height_features(torch.zeros(1)))
    return counter.get_total_flops()


def matmul_rate(size: int = 1024) -> float:
    """Floating-point operations a second of a large matrix product on all cores."""
    a, b = torch.randn(2, size, size).unbind()
    seconds = report.in_turns({"product": lambda: a @ b}, rounds=20)["product"]
    return 2 * size**3 / seconds


def growth_figure(growth: list[dict]) -> Figure:
    """Seconds to draw one grid against its number of positions, log-log, theirs and ours."""
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    positions = [row["positions"] for row in growth]
    lines = {"full grid": ("full_grid", "o--"), "rows so far": ("rows_so_far", "s:")}
    for name, (key, style) in {**lines, "ours": ("ours", "D-")}.items():
        seconds = [row[key] for row in growth]
        axes.loglog(positions, seconds, style, label=name)
        axes.annotate(f"  {name}", (positions[-1], seconds[-1]), va="center", annotation_clip=False)
    axes.set(xlabel="positions in the grid, N", ylabel="seconds to draw one grid")
    axes.set_xticks(positions, [f"{row['grid'][0]}x{row['grid'][1]}" for row in growth])
    axes.minorticks_off()
    axes.set_xlim(positions[0] / 1.5, positions[-1] * 6)  # room for the lines' names
    axes.grid(alpha=0.3)
    return figure


def slope(growth: list[dict], key: str) -> float:
    """p in seconds ~ N^p, from the two largest grids."""
    first, last = growth[-2:]
    return float(
        torch.log(torch.tensor(last[key] / first[key]))
        / torch.log(torch.tensor(last["positions"] / first["positions"]))
    )


@contextlib.contextmanager
def on_free_cores() -> Iterator[None]:
    """One thread where another program holds a core: two would wait for it at every operation."""
    threads = torch.get_num_threads()
    if speed.worthwhile_threads() < threads:
        print("Other work keeps this machine busy: the loops get one thread, and no number counts.")
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@on_free_cores()
def attention_headline() -> dict[str, float]:
    """How much faster than its full grid the prior with attention is sampled, and how exactly."""
    model, batches = make_prior(attends=True), (1, 16)
    times = {f"b{batch}": times_the_full_grid(model, batch, ROUNDS[batch]) for batch in batches}
    return {f"attention_sampling_{name}": value for name, value in times.items()} | {
        "attention_logits_max_abs_diff": max(largest_difference(model, batch) for batch in batches)
    }


@on_free_cores()
def main() -> None:
    """Measure, print, write `benchmarks/results/sampling.json` and `sampling.png`."""
    model = make_prior()
    rate, operations = matmul_rate(), flops(model)
    rows, headline = [], {}
    for batch in ROUNDS:
        seconds = seconds_a_sample(model, batch, rounds=ROUNDS[batch])
        row = {
            "batch": batch,
            **{f"{name}_seconds": value for name, value in seconds.items()},
            "vs_full_grid": seconds["full_grid"] / seconds["ours"],
            "vs_rows": seconds["rows_so_far"] / seconds["ours"],
            "over_limit": seconds["ours"] / (batch * operations / rate),
        }
        rows.append(row)
        report.table([row])
        for name in ("vs_full_grid", "vs_rows", "over_limit"):
            headline[f"sampling_{name}_b{batch}"] = row[name]
    headline["logits_max_abs_diff"] = max(largest_difference(model, batch) for batch in (1, 16))
    headline |= attention_headline()

    growth = []
    for grid in GRIDS:
        seconds = seconds_a_sample(make_prior(grid), 1, rounds=2)
        growth.append({"grid": grid, "positions": grid[0] * grid[1], **seconds})
    report.table(growth)
    headline["sampling_growth_ours"] = slope(growth, "ours")
    headline["sampling_growth_full_grid"] = slope(growth, "full_grid")
    write_atomic(report.RESULTS / "sampling.png", to_png(growth_figure(growth), dpi=120))
    report.write(
        "sampling",
        headline,
        table=rows,
        growth=growth,
        flops_a_grid=operations,
        matmul_flops_per_second=rate,
        threads_of_the_loops=torch.get_num_threads(),
    )


if __name__ == "__main__":
    main()
