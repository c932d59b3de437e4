"""What does a GPU make of it? Everything in one go, at full size.

    python -m benchmarks.gpu

Runs the series, 01 to 14, with profile `full` on the phantom's 12,600 slices (256 x 128), and keeps
its scores, those of the generator of notebook 14 among them; then measures the training steps of
VQ-VAE and prior, plain and with `torch.compile`, and sampling against the full-grid loop, on the
GPU. Writes `benchmarks/results/gpu.json`. Without a GPU it says so and stops.
"""

import sys
from collections.abc import Callable

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from benchmarks import report, sampling
from vqgen_utils.config import PROFILES, Profile
from vqgen_utils.machine import load_json, run_folder, speed
from vqgen_utils.models import VQVAE, PixelCNN, prior_losses, vqvae_losses
from vqgen_utils.series import Stopped, run_series
from vqgen_utils.training import CLIP_NORM

RUN = "gpu"
STEPS = 20  # timed as one call; a single step is too short to time


def training_calls(
    profile: Profile, device: torch.device, compiled: bool
) -> dict[str, tuple[Callable[[], None], int]]:
    """For each model: a function that takes `STEPS` training steps, and the images in them."""
    data, batch = profile.data, profile.vqvae_training.batch_size
    grid = tuple(n // profile.vqvae.stride for n in (data.image_height, data.image_width))
    codebook = profile.vqvae.num_embeddings
    images = torch.rand(batch, 1, data.image_height, data.image_width, device=device)
    prior_batch = profile.prior_training.batch_size
    codes = torch.randint(codebook, (prior_batch, *grid), device=device)
    heights = torch.rand(prior_batch, device=device)
    vqvae, prior = VQVAE(profile.vqvae), PixelCNN(profile.prior, codebook, grid)
    return {
        "vqvae": (training_steps(vqvae, vqvae_losses, [images], compiled), STEPS * batch),
        "prior": (
            training_steps(prior, prior_losses, [codes, heights], compiled),
            STEPS * prior_batch,
        ),
    }


def training_steps(
    model: nn.Module, losses: Callable, batch: list[Tensor], compiled: bool
) -> Callable[[], None]:
    """A function that trains `model` on one batch for `STEPS` steps, as `training.fit` does."""
    device = batch[0].device
    accelerator = Accelerator(
        mixed_precision="bf16" if device.type == "cuda" else "no", cpu=device.type == "cpu"
    )
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4, fused=True)
    model = model.to(device, memory_format=torch.channels_last)
    wrapped, optimizer = accelerator.prepare(model, optimizer)
    if compiled:
        wrapped = torch.compile(wrapped)

    def steps() -> None:
        for _ in range(STEPS):
            loss = losses(wrapped, batch)["loss"]
            optimizer.zero_grad()
            accelerator.backward(loss)
            accelerator.clip_grad_norm_(wrapped.parameters(), CLIP_NORM)
            optimizer.step()

    return steps


def images_per_second(profile: Profile, device: torch.device, compiled: bool) -> dict[str, float]:
    """Training rate of each model."""
    calls = training_calls(profile, device, compiled)
    with speed.training_settings(device):
        seconds = report.in_turns({name: call for name, (call, _) in calls.items()}, 3, device.type)
    return {name: images / seconds[name] for name, (_, images) in calls.items()}


def sampling_rates(model: PixelCNN, batches: tuple[int, ...]) -> list[dict]:
    """Samples a second and the ratio to the full-grid loop, a row for each batch size."""
    rows = []
    for batch in batches:
        seconds = sampling.seconds_a_sample(model, batch, rounds=2)
        rows.append(
            {
                "batch": batch,
                "samples_per_second": batch / seconds["ours"],
                "vs_full_grid": seconds["full_grid"] / seconds["ours"],
                "vs_rows": seconds["rows_so_far"] / seconds["ours"],
            }
        )
    return rows


def main() -> None:
    """Run, measure, print, write."""
    device = speed.best_device()
    if device.type != "cuda":
        sys.exit("There is no GPU here that PyTorch can use: run this on a machine with one.")
    try:
        run_series(profile="full", run_name=RUN)
    except Stopped as error:
        sys.exit(str(error))
    metrics = load_json(run_folder(RUN) / "metrics.json")
    minutes = {name: seconds / 60 for name, seconds in metrics["series"]["seconds"].items()}
    report.table([minutes])

    rates = {
        name: images_per_second(PROFILES["full"], device, compiled)
        for name, compiled in (("plain", False), ("compiled", True))
    }
    report.table([{"training": name, **each} for name, each in rates.items()])
    model = sampling.make_prior().to(device)
    rows = sampling_rates(model, (1, 16, 64, 256))
    report.table(rows)
    report.write(
        "gpu",
        {
            "gpu_minutes": minutes["total"],
            "gpu_ssim": metrics["vqvae"]["ssim"],
            "gpu_bits_per_code": metrics["prior"]["bits_per_code"],
            "gpu_vqvae_images_per_second": rates["plain"]["vqvae"],
            "gpu_prior_images_per_second": rates["plain"]["prior"],
            "gpu_samples_per_second_b64": rows[2]["samples_per_second"],
            "gpu_sampling_vs_full_grid_b64": rows[2]["vs_full_grid"],
            "gpu_logits_max_abs_diff": sampling.largest_difference(model, 16),
        },
        minutes=minutes,
        scores={name: metrics[name] for name in ("vqvae", "prior", "generation")},
        all_together=load_json(run_folder(RUN) / "comparison.json")["headline"],
        images_per_second=rates,
        sampling=rows,
    )


if __name__ == "__main__":
    main()
