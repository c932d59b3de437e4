"""A decoder that paints texture, and the critic that it learns from.

    Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks",
    arXiv:1611.07004 (a critic of patches, section 3.2.2).
    Lim & Ye 2017, "Geometric GAN", arXiv:1705.02894 (the hinge loss).
    Esser et al. 2021, "Taming Transformers for High-Resolution Image Synthesis", arXiv:2012.09841
    (both on top of a codebook, with an adaptive weight and a late start, section 3.1).
    Karras et al. 2019, "A Style-Based Generator Architecture for Generative Adversarial Networks",
    arXiv:1812.04948 (noise as an input, section 3.2).

Encoder, codebook and prior stay as they are: codes mean what they meant, and only what is painted
from them changes.
"""

import copy
import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqgen_utils.errors import InputError
from vqgen_utils.models.vqvae import AT_ONCE, VQVAE, ResidualBlock

LOUD = 10.0  # fine detail is this much weaker than the rest, in every picture
MOST = 1e4  # an adaptive weight beyond it comes from a gradient that is hardly there


class NoisyDecoder(nn.Module):
    """A trained decoder that is given noise beside the codes.

    Codes leave open what a patch looks like in detail. A decoder that is a function of the codes
    alone must answer the same each time; with noise it can answer differently each time, as
    texture does. At first neither the noise nor the blocks that are added change anything.

    Args:
        vqvae: a trained one, with whatever codes its `lookup` takes; it stays as it is.
        blocks: residual blocks that are added to its decoder.
    """

    def __init__(self, vqvae: VQVAE, blocks: int = 1):
        super().__init__()
        config = vqvae.config
        hidden, self.folded = config.hidden_dim, config.stride**2
        self.vqvae = copy.deepcopy(vqvae).requires_grad_(False).eval()
        layers = list(copy.deepcopy(vqvae.decoder).requires_grad_(True))
        before = 1 + config.residual_layers  # the first convolution and the blocks
        self.from_codes, self.blocks = layers[0], nn.Sequential(*layers[1:before])
        for _ in range(blocks):
            block = ResidualBlock(hidden, config.residual_hidden_dim)
            nn.init.zeros_(block.conv2.weight)
            nn.init.zeros_(block.conv2.bias)
            self.blocks.append(block)
        self.head = nn.Sequential(*layers[before:])  # (B, hidden, h, w) -> (B, 1, H, W)
        noises = [nn.Conv2d(self.folded, hidden, 3, padding=1, bias=False) for _ in range(2)]
        for noise in noises:
            nn.init.zeros_(noise.weight)
        self.early, self.late = noises  # what is bent by the blocks, and what is not

    @property
    def last(self) -> nn.Parameter:
        """The weights of the last layer, where gradients of two losses can be compared."""
        return next(layer.weight for layer in reversed(self.head) if hasattr(layer, "weight"))

    def forward(self, codes: Tensor, noise: Tensor | None = None) -> Tensor:
        """Codes (B, h, w) and noise (B, s*s, h, w), or none -> slices (B, 1, s*h, s*w).

        A number of noise for each pixel, s*s of them folded into one position of the grid.
        """
        hidden = self.from_codes(self.vqvae.lookup(codes))  # (B, hidden, h, w)
        if noise is None:
            return self.head(self.blocks(hidden))
        return self.head(self.blocks(hidden + self.early(noise)) + self.late(noise))

    @torch.no_grad()
    def decode(self, codes: Tensor, seeds: Sequence[int], strength: float = 1.0) -> Tensor:
        """Codes (N, h, w) and a seed each -> slices (N, 1, s*h, s*w), clamped to [0, 1].

        Args:
            codes: on any device; the slices come back to it.
            seeds: N integers. A slice's noise depends on its own seed alone.
            strength: the noise is multiplied by it; 0 paints the same whatever the seed.

        Raises:
            InputError: when there is not one seed a slice.
        """
        if len(seeds) != len(codes):
            raise InputError(f"{len(seeds)} seeds for {len(codes)} slices: give one seed a slice.")
        device, pictures = self.last.device, []
        for some, own in zip(
            codes.split(AT_ONCE), torch.as_tensor(list(seeds)).split(AT_ONCE), strict=True
        ):
            noise = noise_of(own.tolist(), (self.folded, *codes.shape[-2:])).to(device)
            x = self(some.to(device), strength * noise)
            pictures.append(x.clamp(0, 1).to(codes.device))
        return torch.cat(pictures)


def noise_of(seeds: Sequence[int], shape: Sequence[int]) -> Tensor:
    """Gaussian noise of B seeds, each from a generator of its own: (B, *shape), on the CPU."""
    return torch.stack(
        [torch.randn(*shape, generator=torch.Generator().manual_seed(int(seed))) for seed in seeds]
    )


class PatchCritic(nn.Module):
    """Slices -> how real each of their patches looks. It never sees a slice as a whole.

    Args:
        pixels: along each axis whose mean becomes one before it looks: 1 for the finest texture,
            2 to see farther.
        channels: of its first layers.
    """

    def __init__(self, pixels: int = 1, channels: int = 24):
        super().__init__()
        self.pixels = pixels
        block = 4 // pixels
        layers: list[nn.Module] = [nn.PixelUnshuffle(block)]  # (B, 2*block*block, H/4, W/4)
        sizes = (2 * block**2, channels, channels, 2 * channels)
        for (into, out), stride in zip(itertools.pairwise(sizes), (1, 2, 1), strict=True):
            layers += [
                nn.Conv2d(into, out, 3, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(out),
                nn.LeakyReLU(0.2),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(2 * channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Slices (B, 1, H, W), H and W multiples of 4 -> (B, 1, H/8, W/8), above 0 if real."""
        x = F.avg_pool2d(x, self.pixels) if self.pixels > 1 else x  # (B, 1, H/pixels, W/pixels)
        return self.layers(torch.cat([x, LOUD * fine(x)], 1))

    def compare(self, real: Tensor, painted: Tensor) -> tuple[Tensor, Tensor]:
        """Its answers to real and to painted slices, seen side by side.

        In one batch, or its normalisation would hide what all painted slices have in common.
        """
        answers = self(torch.cat([real, painted]))
        return answers[: len(real)], answers[len(real) :]


def critic_loss(real: Tensor, painted: Tensor) -> Tensor:
    """The hinge loss of a critic: its answers to real and to painted patches -> one number.

    Real patches should get 1 or more, painted ones -1 or less; what is beyond that is enough
    (Lim & Ye 2017, eq. 8).
    """
    return F.relu(1 - real).mean() + F.relu(1 + painted).mean()


def painter_loss(painted: Tensor) -> Tensor:
    """What the decoder pays for a critic's answers to what it painted: the higher, the less."""
    return -painted.mean()


def detail_loss(painted: Tensor, real: Tensor) -> Tensor:
    """How far slices are from the true amount of detail, in all and about where.

    Amount is the mean square of fine detail: of the finest octave in the whole batch (the squared
    logarithm of the ratio), and in blocks of 8 x 8 pixels, at full and at half resolution (1: no
    better than the mean). The detail itself may be any: where squared error asks for the mean
    picture of all that codes leave open, this asks for the mean *amount*. Critics find out that
    detail is missing, but slowly; this says how much.

    Args:
        painted, real: (B, 1, H, W), H and W multiples of 4.
    """
    loss = (finest_power(painted) / finest_power(real)).log().square()
    for pixels in (1, 2):
        ours, theirs = (_amount(F.avg_pool2d(some, pixels)) for some in (painted, real))
        loss = loss + F.mse_loss(ours, theirs) / theirs.var().clamp(min=1e-12)
    return loss


def finest_power(x: Tensor) -> Tensor:
    """Mean power of slices (B, 1, H, W) in waves of two to four pixels: one number above 0."""
    waves = torch.fft.rfft2(x[:, 0])  # (B, H, W/2 + 1)
    rows = torch.fft.fftfreq(x.shape[2], device=x.device)[:, None]
    frequency = torch.hypot(rows, torch.fft.rfftfreq(x.shape[3], device=x.device)[None])
    ring = (frequency >= 0.25) & (frequency < 0.5)
    return waves.abs().square().mean(0)[ring].mean() + 1e-8


def _amount(x: Tensor) -> Tensor:
    """Mean square of the detail in each block: (B, 1, H, W) -> (B, 1, H/4, W/4), overlapping."""
    return F.avg_pool2d(fine(x).square(), 8, stride=4, padding=2, count_include_pad=False)


def fine(x: Tensor) -> Tensor:
    """What each pixel differs from the mean of the nine around it: (B, 1, H, W), the same shape."""
    return x - F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


def adaptive_weight(truth: Tensor, looks: Tensor, last: nn.Parameter) -> Tensor:
    """How much the critic may say, so that both losses pull equally hard at the last layer.

    The ratio of the lengths of their gradients there (Esser et al. 2021, eq. 7).

    Args:
        truth, looks: the loss against the true slices, and the loss of what the critic says.
        last: weights of the decoder's last layer.
    """
    of_truth, of_looks = (
        torch.autograd.grad(loss, last, retain_graph=True)[0].norm() for loss in (truth, looks)
    )
    return (of_truth / (of_looks + 1e-4)).clamp(max=MOST).detach()


def blend(smooth: NoisyDecoder, sharp: NoisyDecoder, share: float) -> NoisyDecoder:
    """A decoder whose every weight lies between those of two: share 0 is the first, 1 the second.

    It works where the second was trained on from the first: Wang et al. 2018, "ESRGAN",
    arXiv:1809.00219, section 3.4.
    """
    between = copy.deepcopy(smooth)
    first, second = smooth.state_dict(), sharp.state_dict()
    mixed = {
        name: torch.lerp(value, second[name], share) if value.is_floating_point() else value
        for name, value in first.items()
    }
    between.load_state_dict(mixed)
    return between.eval()
