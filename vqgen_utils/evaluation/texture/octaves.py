"""How much fine detail is there? The power of slices by octave of spatial frequency.

A decoder that is trained by squared error paints the mean of what it cannot know, and the mean of
many textures is smooth. Power says how much detail there is, not whether it is the right one.
"""

import numpy as np
import pandas as pd
import torch
from scipy.signal.windows import tukey
from torch import Tensor

FADED = 0.25  # of each side, an eighth at either end


def octave_names(shape: tuple[int, int]) -> list[str]:
    """The octaves that slices of this shape (H, W) have, the finest first, by pixels a wave.

    At least two waves of the coarsest fit along the shorter side: of fewer one cannot speak.
    """
    halvings = int(np.log2(min(shape))) - 2
    return [f"{2**n} to {2 ** (n + 1)} pixels" for n in range(1, max(1, halvings) + 1)]


def octave_power(images: Tensor) -> pd.Series:
    """Mean power of slices in each octave: (N, H, W) in [0, 1] -> as `octave_names`.

    Waves of all directions count alike, so an octave is a ring. The slices fade out towards their
    edges: a Fourier transform takes left and right for neighbours, and where these do not meet it
    sees a step, which has power in every octave.
    """
    return _by_octave(_waves(images).abs().square().mean(0))


def _waves(images: Tensor) -> Tensor:
    """The Fourier transform of slices that fade out towards their edges: (N, H, W), complex."""
    images = images.float()  # slices are stored in halves of that precision
    height, width = images.shape[1:]
    window = torch.from_numpy(np.outer(tukey(height, FADED), tukey(width, FADED))).float()  # (H, W)
    mean = (images * window).sum((1, 2), keepdim=True) / window.sum()  # (N, 1, 1)
    return torch.fft.fft2((images - mean) * window)


def _by_octave(values: Tensor) -> pd.Series:
    """Means over rings of frequencies: (H, W) -> as `octave_names`."""
    rows, columns = (torch.fft.fftfreq(size) for size in values.shape)
    frequency = torch.hypot(rows[:, None], columns)  # (H, W), in waves a pixel
    names = octave_names(tuple(values.shape))
    rings = [
        (frequency >= 0.5 / 2 ** (n + 1)) & (frequency < 0.5 / 2**n) for n in range(len(names))
    ]
    return pd.Series([values[ring].mean().item() for ring in rings], index=names)


def power_over_real(sets: dict[str, Tensor], real: Tensor) -> pd.DataFrame:
    """Power of each set in each octave, over that of real slices: 1 where there is as much.

    Args:
        sets: name -> slices (n, H, W) in [0, 1].
        real: (N, H, W).

    Returns:
        A row a set, a column an octave, the finest first; NaN where real slices have no power.
    """
    of_real = octave_power(real)
    rows = {name: octave_power(some) / of_real for name, some in sets.items()}
    return pd.DataFrame(rows).T.replace([np.inf, -np.inf], np.nan)


def agreement_with_real(sets: dict[str, Tensor], real: Tensor) -> pd.DataFrame:
    """How far the detail of each set is that of the real slices, octave by octave.

    The correlation of the two at the same frequencies (Fourier ring correlation: van Heel & Schatz
    2005): 1 where all of it is where it should be, 0 where it only looks like it. It does not see
    how much detail there is; that is `power_over_real`.

    Args:
        sets: name -> slices (N, H, W) in [0, 1], such as reconstructions.
        real: (N, H, W), each the truth of the slice of the same number.

    Returns:
        A row a set, a column an octave, the finest first; NaN where there is no detail at all.
    """
    truth = _waves(real)  # (N, H, W)
    of_real, rows = _by_octave(truth.abs().square().mean(0)), {}
    for name, some in sets.items():
        waves = _waves(some)
        both = _by_octave((waves * truth.conj()).real.mean(0))
        rows[name] = both / (of_real * _by_octave(waves.abs().square().mean(0))) ** 0.5
    return pd.DataFrame(rows).T
