"""What `vqgen sample` does: draw many slices from a trained run, over all processes there are."""

import io

import numpy as np
import torch
from torch import Tensor

from vqgen_utils import plots
from vqgen_utils.errors import InputError
from vqgen_utils.machine import processes
from vqgen_utils.machine.files import write_atomic
from vqgen_utils.models.pixelcnn import PixelCNN, height_features
from vqgen_utils.models.sampling import sample
from vqgen_utils.models.vqvae import VQVAE
from vqgen_utils.runs.run import Run, as_small
from vqgen_utils.runs.train import together

TOGETHER = 32  # images that are drawn as one batch, however many processes there are
SHOWN = 30  # of the images in the picture
GOLDEN = 0.6180339887498949  # steps of this share, modulo 1, fill an interval ever more densely


def generate(run_name: str, images: int, seed: int, temperature: float) -> None:
    """Draw slices and leave them as `generated.npz` and, the first of them, `generated.png`.

    Image n depends on the run, the temperature and seed + n alone: neither on how many are drawn
    nor on how many processes draw them.

    Args:
        run_name: of the folder under `runs/`.
        images: how many.
        seed: of the first image.
        temperature: as for `sample`.
    """
    if images < 1:
        raise InputError(f"--images {images}: give 1 or more.")
    run = Run(run_name)
    with together(run):
        vqvae, prior = run.load_vqvae(), run.load_prior()
        numbers = torch.arange(seed, seed + images)
        places = torch.tensor(run.places())  # (100,), those that training slices have
        heights = places[(numbers.double() * GOLDEN % 1 * len(places)).long()]  # (N,)
        batches = list(zip(numbers.split(TOGETHER), heights.split(TOGETHER), strict=True))
        mine = [draw(prior, *batches[i], temperature) for i in processes.share_of(len(batches))]
        nothing = torch.empty(0, *prior.grid, dtype=torch.long)
        codes = processes.rows_of_all(torch.cat([nothing, *mine]).to(prior.device)).cpu()
        if processes.is_first():
            _save(run, vqvae, codes, heights, numbers)


def draw(prior: PixelCNN, seeds: Tensor, heights: Tensor, temperature: float) -> Tensor:
    """Codes (n, h, w) of images with these seeds (n,) at these places (n,)."""
    return sample(prior, height_features(heights), seeds.tolist(), temperature=temperature)


def _save(run: Run, vqvae: VQVAE, codes: Tensor, heights: Tensor, numbers: Tensor) -> None:
    pictures = vqvae.decode(codes)[:, 0]  # (N, H, W)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        images=pictures.numpy().astype(np.float16),
        codes=as_small(codes),
        heights=heights.numpy(),
        seeds=numbers.numpy(),
    )
    write_atomic(run.path("generated.npz"), buffer.getvalue())
    titles = [
        f"place {height:.2f}, seed {seed}"
        for height, seed in zip(heights.tolist(), numbers.tolist(), strict=True)
    ]
    figure = plots.slices.sheet(pictures[:SHOWN].numpy(), titles[:SHOWN])
    write_atomic(run.path("generated.png"), plots.to_png(figure))
    print(f"{len(codes)} slices: {run.path('generated.npz')} (pictures: generated.png)")
