"""The original's recipe, from its description.

The starting point of this project is a published student project: a VQ-VAE and a PixelCNN whose
layers, settings and mistakes are described, and whose code is not here. This is that recipe written
afresh, for benchmarks to measure against.

From the description, the images: clipped at 255 by a conversion to 8 bits.

The VQ-VAE: 128 codes; stride 4 by two 4x4 convolutions of stride 2, then a 3x3; 128 channels; two
residual blocks that share one set of weights, 32 channels inside; a code projection sized by the
number of codes, which works only because codes have 128 numbers as well; a codebook learned by its
loss (van den Oord et al. 2017, eq. 3), commitment 0.25; a plain squared error, not divided by the
data's variance; AdamW with a learning rate of 1e-2, batches of 32.

Training: an "epoch" is one batch, and what is shown comes from the epoch with the lowest loss.

The score: SSIM with `data_range=2` on images in [0, 1], on one shuffled batch of training slices.

The prior: a PixelCNN on vectors instead of codes, trained by mean squared error, whose last 3x3
convolution is not masked. Sampling: position by position, the *number* of a code goes into all 128
channels and is never looked up in the codebook.

The description leaves open, and is completed in the original's favour:

- the schedule: it says nothing, so the rate is constant, and gradients are not clipped;
- the codes' first values: uniform in [-1/K, 1/K], as is usual;
- how the nearest code is found: by one matrix product, as in `vqgen_utils.models`; a table of
  distances and one-hot codes would give the same, later;
- the residual block: the paper's, as in `vqgen_utils.models`;
- when images are clipped: after they were brought to our size, so that nothing else differs;
- what the lowest loss chooses: the weights that had it, for everything that follows;
- the PixelCNN's other layers: masked, type A and then B (van den Oord et al. 2016,
  arXiv:1601.06759), few and small, so that it sees many batches; its rate: a tenth of the VQ-VAE's,
  with which its loss falls lower;
- how its 128 outputs become the number of one of 128 codes: they are taken for scores and drawn
  from by a softmax. With the code nearest to them instead, all samples would be the same one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import torch
import torch.nn.functional as F
from skimage.metrics import structural_similarity
from torch import Tensor, nn

from vqgen_utils.machine import speed
from vqgen_utils.models import Codebook, vqvae
from vqgen_utils.teaching.demos import receptive_field

NUM_EMBEDDINGS = 128  # K
EMBEDDING_DIM = 128  # D
HIDDEN_DIM = 128
RESIDUAL_LAYERS = 2
RESIDUAL_HIDDEN_DIM = 32
COMMITMENT_COST = 0.25
LEARNING_RATE = 1e-2  # AdamW's
WEIGHT_DECAY = 0.01  # AdamW's default
BATCH_SIZE = 32
PRIOR_KERNELS = (3, 3, 3, 3)  # of the PixelCNN's convolutions; the last one is not masked
PRIOR_LEARNING_RATE = 1e-3
WHITE = 255  # the largest number in 8 bits


def to_8_bits(values: np.ndarray) -> np.ndarray:
    """Intensities as a scanner stores them -> [0, 1]; whatever is above 255 becomes 1."""
    return np.rint(np.clip(values, 0, WHITE)).astype(np.float32) / WHITE


def own_ssim(images: np.ndarray, others: np.ndarray) -> float:
    """The original's score: mean SSIM of two (N, H, W) in [0, 1], by its formula.

    skimage's defaults (a flat window of 7x7) with `data_range=2`, as if pixels could be -1 to 1.
    """
    pairs = zip(images, others, strict=True)
    return float(np.mean([structural_similarity(*pair, data_range=2.0) for pair in pairs]))


def residual_stack() -> nn.Sequential:
    """Two residual blocks that are one: `[layer] * n` repeats a reference, not the weights."""
    return nn.Sequential(*[vqvae.ResidualBlock(HIDDEN_DIM, RESIDUAL_HIDDEN_DIM)] * RESIDUAL_LAYERS)


class OriginalVQVAE(nn.Module):
    """The original's layers around a codebook; called like `vqgen_utils.models.VQVAE`.

    Args:
        codebook_update: "gradient", the original's, or "ema", the codebook of this package.
        seed: of the EMA codebook's draws.
    """

    def __init__(self, codebook_update: str = "gradient", seed: int = 0):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, HIDDEN_DIM // 2, 4, stride=2, padding=1),  # (B, 64, H/2, W/2)
            nn.ReLU(),
            nn.Conv2d(HIDDEN_DIM // 2, HIDDEN_DIM, 4, stride=2, padding=1),  # (B, 128, H/4, W/4)
            nn.ReLU(),
            nn.Conv2d(HIDDEN_DIM, HIDDEN_DIM, 3, padding=1),
            residual_stack(),
            nn.ReLU(),
            nn.Conv2d(HIDDEN_DIM, NUM_EMBEDDINGS, 1),  # the mistake: should be EMBEDDING_DIM
        )
        self.codebook = Codebook(
            NUM_EMBEDDINGS,
            EMBEDDING_DIM,
            commitment_cost=COMMITMENT_COST,
            update=codebook_update,
            seed=seed,
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(EMBEDDING_DIM, HIDDEN_DIM, 3, padding=1),
            residual_stack(),
            nn.ReLU(),
            nn.ConvTranspose2d(HIDDEN_DIM, HIDDEN_DIM // 2, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(HIDDEN_DIM // 2, 1, 4, stride=2, padding=1),  # (B, 1, H, W)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Images (B, 1, H, W) in [0, 1] -> x_hat (B, 1, H, W), codes (B, H/4, W/4), loss terms."""
        z_q, codes, losses = self.codebook(self.encoder(x))
        x_hat = self.decoder(z_q)
        losses["reconstruction"] = F.mse_loss(x_hat, x)
        losses["loss"] = sum(losses.values())
        return x_hat, codes, losses


class OriginalPixelCNN(nn.Module):
    """Predicts every vector from those around it, the last convolution unmasked: (B, D, H, W) each.

    What stands right of a position and below it has seen the position's own vector, and the last
    convolution looks there.
    """

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv2d(EMBEDDING_DIM, EMBEDDING_DIM, kernel, padding="same")
            for kernel in PRIOR_KERNELS
        )
        *masked, last = PRIOR_KERNELS
        masks = [
            receptive_field.causal_mask(kernel, centre=n > 0) for n, kernel in enumerate(masked)
        ]
        for n, mask in enumerate([*masks, torch.ones(last, last)]):  # the mistake: no mask
            self.register_buffer(f"mask{n}", mask)

    def forward(self, vectors: Tensor) -> Tensor:
        x = vectors
        for n, layer in enumerate(self.layers):
            x = F.relu(x) if n else x
            weight = layer.weight * self.get_buffer(f"mask{n}")
            x = F.conv2d(x, weight, layer.bias, padding="same")
        return x


@dataclass(frozen=True)
class Trained:
    """What a training run of the original's leaves, beside the weights it chose."""

    epochs: int  # of one batch each
    lowest: float  # loss of a single batch, by which the weights were chosen
    seconds: float


def train(
    model: nn.Module,
    loss: Callable[[nn.Module, Tensor], Tensor],
    batches: Iterator[Tensor],
    seconds: float,
    rate: float,
) -> Trained:
    """Train for some seconds; keep the weights that had the lowest loss of a single batch.

    Args:
        model: trained in place, in eval mode afterwards.
        loss: of the model on a batch.
        batches: without end.
        seconds: of training; the last step ends after them.
        rate: AdamW's, constant.
    """
    model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=WEIGHT_DECAY, fused=True)
    epochs, lowest, chosen = 0, float("inf"), model.state_dict()
    with speed.training_settings(torch.device("cpu")) as choose_threads:
        started = perf_counter()
        while (elapsed := perf_counter() - started) < seconds:
            value = loss(model, next(batches))
            if value.item() < lowest:
                lowest = value.item()
                chosen = {name: tensor.clone() for name, tensor in model.state_dict().items()}
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            epochs += 1
            choose_threads()
    model.load_state_dict(chosen)
    model.eval()
    return Trained(epochs, lowest, elapsed)


@torch.inference_mode()
def visit(prior: OriginalPixelCNN, shape: tuple[int, ...], write: Callable) -> Tensor:
    """Fill a grid in reading order, all zero at first, asking the prior at every position.

    Args:
        prior: the PixelCNN.
        shape: (B, D, H, W).
        write: `write(i, j, output (B, D))` -> what to put there, (B, D).

    Returns:
        (B, D, H, W), the filled grid.
    """
    grid = torch.zeros(shape)
    above = sum(kernel // 2 for kernel in PRIOR_KERNELS)  # rows that the prior looks up
    for i in range(shape[2]):
        top = max(0, i - above)
        for j in range(shape[3]):
            output = prior(grid[:, :, top : i + 2])  # the last convolution reads the row below
            grid[:, :, i, j] = write(i, j, output[:, :, i - top, j])
    return grid


def sample(
    prior: OriginalPixelCNN,
    number: int,
    grid: tuple[int, int],
    seed: int,
    codebook: Codebook | None = None,
) -> Tensor:
    """Samples as the original draws them, ready for its decoder: (number, D, H, W).

    All D channels of a position hold the number of its code. With a codebook that mistake is
    mended, and they hold the code's vector.
    """
    generator = torch.Generator().manual_seed(seed)

    def write(i: int, j: int, output: Tensor) -> Tensor:
        codes = torch.multinomial(output.softmax(1), 1, generator=generator)  # (B, 1)
        if codebook is not None:
            return codebook.lookup(codes[:, :, None])[:, :, 0, 0]  # (B, D)
        return codes.float().expand_as(output)  # (B, D), the mistake

    return visit(prior, (number, EMBEDDING_DIM, *grid), write)


def error_when_drawing(prior: OriginalPixelCNN, vectors: Tensor) -> float:
    """Mean squared error on vectors (B, D, H, W) when what is yet to come stands at zero.

    That is all the prior has when it draws. In training everything stands there, the answer too.
    """
    errors = []

    def write(i: int, j: int, output: Tensor) -> Tensor:
        errors.append(F.mse_loss(output, vectors[:, :, i, j]))
        return vectors[:, :, i, j]

    visit(prior, tuple(vectors.shape), write)
    return torch.stack(errors).mean().item()
