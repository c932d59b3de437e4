"""The slice: a cut through a body, and what a scanner makes of it."""

from functools import lru_cache

import numpy as np
from scipy.ndimage import correlate1d

from vqgen_utils.data.phantom import regions
from vqgen_utils.data.phantom.canvas import Canvas, body_coordinates
from vqgen_utils.data.phantom.draws import Patient, Week, draw_patient, draw_week
from vqgen_utils.data.phantom.shapes import soft
from vqgen_utils.data.tissues import BACKGROUND
from vqgen_utils.errors import InputError

NUM_SLICES = 60  # numbered 0 (upper thigh) to 59 (iliac wings and sacrum)
SPACING = 3.3  # mm between slices
HIP_SLICE = 26.0  # the slice through the centres of the femoral heads
POINT_SPREAD = np.array([1, 6, 15, 20, 15, 6, 1]) / 64  # of the scanner, along either axis


@lru_cache(maxsize=4)
def noise_tiles(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """White noise and noise with a grain of ~4 pixels, both float32 of standard deviation 1."""
    white, grain = np.random.default_rng(seed).standard_normal((2, 1024, 1024), dtype=np.float32)
    for axis in (0, 0, 1, 1):
        grain = grain + np.roll(grain, 1, axis) + np.roll(grain, 2, axis)
    return white, grain / grain.std()


def scan(anatomy: np.ndarray, inside: np.ndarray, patient: Patient, week: Week, slice: int):
    """What the scanner makes of the anatomy: texture, coil bias, Rician noise and gain."""
    rng = np.random.default_rng([patient.seed, patient.number, week.number, slice])
    width, depth = anatomy.shape

    def piece(tile):  # cutting a piece out of a large tile is much cheaper than drawing it anew
        i, j = rng.integers(0, (tile.shape[0] - width, tile.shape[1] - depth))
        return tile[i : i + width, j : j + depth]

    white, grain = noise_tiles(patient.seed)
    u, v = np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, depth, dtype=np.float32)
    a, b, c, d = week.bias
    coil = (1 + a * u + c * (u * u - 0.3))[:, None] * (1 + b * v + d * (v * v - 0.3))
    signal = anatomy * inside
    for axis in (0, 1):  # the point spread: a scanner's pixels are not this sharp
        signal = correlate1d(signal, POINT_SPREAD, axis, mode="nearest")
    signal += 0.006 * piece(grain) * inside
    signal *= coil
    signal += 0.008 * piece(white)
    return week.gain * np.sqrt(signal * signal + (0.008 * piece(white)) ** 2)


def render_slice(
    patient: int, week: int, slice: int, shape: tuple[int, int] = (256, 128), seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Cut a patient at a height: the MR image and its tissue labels.

    `slice` is 0 (low) to 59 (high). Both arrays have `shape`, at most 1024x1024, with pixels of
    1.75 mm: axis 0 runs from the patient's right to his left, axis 1 from back to front. The
    image is float32 in scanner units, 0 to about 1200; the labels are uint8, indices of TISSUES.
    The same arguments give the same arrays. Raises InputError for a slice out of range.
    """
    if not 0 <= slice < NUM_SLICES:
        raise InputError(f"Slice {slice} does not exist: choose 0 to {NUM_SLICES - 1}.")
    man = draw_patient(patient, seed)
    visit = draw_week(man, week)
    z = ((slice - HIP_SLICE) * SPACING + visit.shift[2]) / man.scale[2]
    canvas = Canvas(*body_coordinates(man, visit, z, shape))
    depth = regions.skin_depth(canvas, man, z)
    regions.paint_bed(canvas, man, depth, z)
    regions.paint_bowel(canvas, man, visit, z)
    for side in canvas.both_sides():
        level = z - side * man.roll
        regions.paint_muscles(canvas, man, level)
        regions.paint_vessels(canvas, level)
        regions.paint_floor(canvas, level)
        regions.paint_hip(canvas, man, level)
        regions.paint_perineum(canvas, level)
    regions.paint_sacrum(canvas, man, z - man.tilt)
    regions.paint_rectum(canvas, visit, z)
    regions.paint_bladder(canvas, man, visit, z)
    regions.paint_prostate(canvas, man, visit, z)
    canvas.labels[depth <= 0] = BACKGROUND
    return scan(canvas.image, soft(depth), man, visit, slice), canvas.labels
