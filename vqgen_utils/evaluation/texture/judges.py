"""Can a network tell it from a real slice? A classifier two-sample test, scale by scale.

    Lopez-Paz & Oquab 2017, "Revisiting Classifier Two-Sample Tests", arXiv:1610.06545.

A small network, the judge, learns to tell real slices from others, and is then asked about slices
of patients that it has not seen. Where it can do no better than chance, there is no difference that
it could have learned. It is asked at full, half and quarter resolution: what it finds at a quarter
is the shape of things, what it finds at full resolution alone is their texture.

A judge that cannot tell slices blurred on purpose from sharp ones is blind, and one that tells real
patients from real patients is prejudiced; neither says anything (`why_not`).
"""

import itertools
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor, nn

from vqgen_utils.evaluation import bootstrap
from vqgen_utils.machine.speed import best_device, one_thread
from vqgen_utils.training.loop import learning_rate

SCALES = {"full": 1, "half": 2, "quarter": 4}  # pixels along each axis whose mean becomes one
JUDGES = {"full": 1, "half": 1, "quarter": 3}  # where little is to be found they differ by 0.04
WIDTH, BATCH_SIZE, PEAK = 16, 8, 3e-3  # a batch has so many slices of either kind
LOUD = 10.0  # fine detail is this much weaker than the rest, in every picture
BLUR = 0.5  # pixels, after averaging: what a judge must notice
TELLS = 0.75  # AUC halfway between chance and certainty


class Trial(NamedTuple):
    """What a judge learns from, and what it is then asked about; slices (H, W) in [0, 1]."""

    real: Tensor  # (N, H, W)
    drawn: Tensor  # (M, H, W)
    new_real: Tensor  # (n, H, W), of other patients
    new_drawn: Tensor  # (m, H, W)
    patients: np.ndarray  # (n,), whose the new real ones are


class Judge(nn.Module):
    """Slices -> how real each looks; every scale is seen on one grid, of blocks of 4 x 4 pixels.

    Args:
        pixels: of the scale: 1, 2 or 4.
    """

    def __init__(self, pixels: int):
        super().__init__()
        self.pixels = pixels
        block = 4 // pixels
        layers: list[nn.Module] = [nn.PixelUnshuffle(block)]
        channels = (2 * block**2, WIDTH, WIDTH, 2 * WIDTH)
        for (into, out), stride in zip(itertools.pairwise(channels), (1, 2, 2), strict=True):
            layers += [
                nn.Conv2d(into, out, 3, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(out),
                nn.ReLU(),
            ]
        head = (nn.AdaptiveAvgPool2d((4, 2)), nn.Flatten(), nn.Linear(2 * WIDTH * 8, 1))
        self.layers = nn.Sequential(*layers, *head)

    def forward(self, x: Tensor) -> Tensor:
        """Slices (B, H, W), H and W multiples of 4 -> logits (B,), above 0 for real ones."""
        x = x[:, None].float()
        x = F.avg_pool2d(x, self.pixels) if self.pixels > 1 else x  # (B, 1, H/pixels, W/pixels)
        around = F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
        detail = LOUD * (x - around)  # or it takes thousands of steps to find it under the shapes
        return self.layers(torch.cat([x, detail], 1))[:, 0]


def learn_to_tell(real: Tensor, drawn: Tensor, pixels: int, steps: int, seed: int) -> Judge:
    """A judge that has learned from real and drawn slices, (N, H, W) and (M, H, W)."""
    device = best_device()
    truth = torch.ones(2 * BATCH_SIZE, device=device)
    truth[BATCH_SIZE:] = 0.0
    with torch.random.fork_rng(), one_thread(device):
        torch.manual_seed(seed)
        judge = Judge(pixels).to(device).train()
        optimizer = torch.optim.AdamW(judge.parameters(), PEAK, weight_decay=0.01)
        for step in range(steps):
            some = [kind[torch.randint(len(kind), (BATCH_SIZE,))] for kind in (real, drawn)]
            optimizer.param_groups[0]["lr"] = learning_rate(step, steps, PEAK)
            logits = judge(torch.cat(some).to(device))  # (2 * B,)
            loss = F.binary_cross_entropy_with_logits(logits, truth)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return judge.eval()


def told_apart(trial: Trial, scale: str, steps: int, seed: int = 0) -> np.ndarray:
    """For each new real slice, the share of new drawn slices that look less real to judges.

    Args:
        scale: of SCALES.
        steps: batches that each judge learns from.
        seed: of the first judge's weights and order of slices; the next have the next ones.

    Returns:
        (n,), 0 to 1, means over judges; their mean is the area under the curve (AUC): 0.5 where
        judges cannot tell, 1 where they always can.
    """
    shares = []
    for own_seed in range(seed, seed + JUDGES[scale]):
        judge = learn_to_tell(trial.real, trial.drawn, SCALES[scale], steps, own_seed)
        real, drawn = (how_real(judge, slices) for slices in (trial.new_real, trial.new_drawn))
        less = (drawn < real[:, None]).double() + 0.5 * (drawn == real[:, None])  # (n, m)
        shares.append(less.mean(1))
    return torch.stack(shares).mean(0).numpy()


@torch.inference_mode()
def how_real(judge: Judge, slices: Tensor) -> Tensor:
    """Logits (n,) of slices (n, H, W), a few at a time."""
    device = next(judge.parameters()).device
    return torch.cat([judge(some.to(device)).cpu() for some in slices.split(64)])


def auc_with_intervals(trials: dict[str, Trial], scale: str, steps: int) -> pd.DataFrame:
    """A row a trial: mean of `told_apart`, which is the AUC, and low and high over patients."""
    rows = [
        bootstrap.with_intervals({name: told_apart(trial, scale, steps)}, trial.patients)
        for name, trial in trials.items()
    ]
    return pd.concat(rows)


def blurred(slices: Tensor, scale: str) -> Tensor:
    """Slices (n, H, W) less sharp by as much as a judge at this scale must notice."""
    sigma = BLUR * SCALES[scale]
    return torch.from_numpy(ndimage.gaussian_filter(slices.float().numpy(), (0, sigma, sigma)))


def every_other(patients: np.ndarray) -> np.ndarray:
    """Patients (n,) in two groups, no one in both: (n,) bool."""
    return np.unique(patients, return_inverse=True)[1] % 2 == 0


def why_too_few(known: np.ndarray, held_out: np.ndarray) -> str:
    """Why real slices cannot be held against real ones; "" where they can.

    Args:
        known, held_out: (N,), (n,) whose the training and the held-out slices are.
    """
    fewest, who = min(
        (len(set(patients)), who) for patients, who in ((known, "training"), (held_out, "held-out"))
    )
    if fewest >= 2:
        return ""
    return f"there are too few {who} patients to see whether a judge tells patients from patients"


def why_not(scale: str, blurred: float, real: float) -> str:
    """Why the answers of judges at this scale say nothing; "" where they do.

    Args:
        blurred: AUC of blurred slices, which must be told from sharp ones.
        real: AUC of real slices of other patients, which must not.
    """
    if not blurred > TELLS:
        return f"at {scale} resolution the judge does not notice a blur (AUC {blurred:.2f})"
    if not 1 - TELLS < real < TELLS:
        return f"at {scale} resolution the judge tells patients from patients (AUC {real:.2f})"
    return ""
