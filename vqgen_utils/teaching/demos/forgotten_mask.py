"""One mask forgotten in a plain PixelCNN: a loss too good to be true, and worthless samples.

Everything here is as small and plain as it can be, to be seen going wrong in seconds. The prior of
the series is in `pixelcnn.py`.
"""

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqgen_utils.machine.speed import one_thread
from vqgen_utils.teaching.demos.receptive_field import plain_masks

LAYERS, KERNEL_SIZE, CHANNELS = 3, 3, 32
BATCH_SIZE, LEARNING_RATE = 4, 5e-3
CPU = torch.device("cpu")


class PlainPixelCNN(nn.Module):
    """Masked convolutions on embedded codes (van den Oord et al. 2016, arXiv:1601.06759).

    Args:
        num_embeddings: K, the codes to choose from.
        mask_last: False leaves the last convolution unmasked, the mistake to be looked at.
    """

    def __init__(self, num_embeddings: int, mask_last: bool):
        super().__init__()
        self.embedding = nn.Embedding(num_embeddings, CHANNELS)
        outputs = [CHANNELS] * (LAYERS - 1) + [num_embeddings]
        self.layers = nn.ModuleList(
            nn.Conv2d(CHANNELS, channels, KERNEL_SIZE, padding="same") for channels in outputs
        )
        self.masks = plain_masks(LAYERS, KERNEL_SIZE, mask_last)  # a (k, k) a layer

    def forward(self, codes: Tensor) -> Tensor:
        """Codes (B, h, w) -> logits (B, K, h, w)."""
        x = self.embedding(codes).permute(0, 3, 1, 2)  # (B, C, h, w)
        for number, (layer, mask) in enumerate(zip(self.layers, self.masks, strict=True)):
            x = F.relu(x) if number else x
            x = F.conv2d(x, layer.weight * mask, layer.bias, padding="same")
        return x


def train(num_embeddings: int, codes: Tensor, mask_last: bool, seed: int = 0) -> PlainPixelCNN:
    """A `PlainPixelCNN` that has seen each of the grids (N, h, w) once."""
    with torch.random.fork_rng(), one_thread(CPU):
        torch.manual_seed(seed)
        model = PlainPixelCNN(num_embeddings, mask_last)
        optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
        for batch in codes[torch.randperm(len(codes))].split(BATCH_SIZE):  # (B, h, w)
            loss = F.cross_entropy(model(batch), batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model.eval()


@torch.inference_mode()
def bits_per_code(model: PlainPixelCNN, codes: Tensor) -> float:
    """Mean -log2 p(code) over the grids (N, h, w)."""
    nats = [F.cross_entropy(model(part), part, reduction="sum") for part in codes.split(16)]
    return float(sum(nats)) / codes.numel() / math.log(2)


@torch.inference_mode()
def draw(model: PlainPixelCNN, filled: Tensor, seed: int = 0) -> Tensor:
    """Draws grids of codes by the obvious loop: guess a code, write it down, move on.

    Every grid is drawn with the same noise, so they can differ only by what `filled` holds at
    positions yet to come. To a model that does not look at these it makes no difference.

    Args:
        filled: (B, h, w), the codes that stand there before the first is drawn.

    Returns:
        (B, h, w) codes.
    """
    codes = filled.clone()
    (_, height, width), k = codes.shape, len(model.embedding.weight)
    generator = torch.Generator().manual_seed(seed)
    uniform = torch.rand(height, width, 1, k, generator=generator).clamp(min=1e-20)
    noise = -torch.log(-torch.log(uniform))  # (h, w, 1, K), Gumbel: argmax becomes a draw
    with one_thread(CPU):
        for i, j in itertools.product(range(height), range(width)):
            # no layer looks further than a row or a column, so these few codes are all that count
            top, left = max(0, i - LAYERS), max(0, j - LAYERS)
            around = codes[:, top : i + 2, left : j + LAYERS + 1]
            logits = model(around)[:, :, i - top, j - left]  # (B, K)
            codes[:, i, j] = (logits + noise[i, j]).argmax(1)
    return codes
