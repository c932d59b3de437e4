"""A digital pelvis: anatomy -> a T2w-like axial slice and its tissue labels.

The anatomy is a set of tables: each structure is a shape with keyframes over height, as in an
animation. A patient stretches and warps the whole body, a week fills the organs and moves the
patient on the table, and a slice is a cut through it all, painted from deep to superficial.

Lengths are mm in the body of an average man: x to the left, y to the front, z up from the
centres of the femoral heads. Paired structures are written down for the left side only.
"""

import gzip
import os
import shutil
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import cos, hypot, radians, sin, sqrt
from pathlib import Path

import numpy as np
from nibabel import Nifti1Header
from scipy.ndimage import correlate1d

from vqgen_utils.errors import InputError

NUM_SLICES = 60  # numbered 0 (upper thigh) to 59 (iliac wings and sacrum)
LABELS = ("background", "body", "bone", "bladder", "rectum", "prostate")  # index = label value
BACKGROUND, BODY, BONE, BLADDER, RECTUM, PROSTATE = range(6)

PIXEL, SPACING = 1.75, 3.3  # mm, in the slice and between slices
HIP_SLICE = 26.0  # the slice through the centres of the femoral heads
BACK = 9.0  # mm by which the bodies' origin lies in front of the image's middle
EDGE = 2.8  # mm over which an edge fades: about 1.7 pixels of partial volume
POINT_SPREAD = np.array([1, 6, 15, 20, 15, 6, 1]) / 64  # of the scanner, along either axis
TAPER = 9.0  # mm over which a structure closes at its lower and upper end

# T2w brightness: urine brightest, then fat and marrow; muscle grey; cortex, gas and flow black.
URINE, FAT, MARROW, MUSCLE, CORTEX, GAS = 1.0, 0.68, 0.50, 0.23, 0.06, 0.03


# ---- The draws ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Patient:
    """One man's anatomy; a few draws (build, weight, age) drive many structures together."""

    number: int
    seed: int
    scale: tuple[float, float, float]  # stretch of the whole body along x, y, z
    fat: float  # thickness of the subcutaneous fat, mm
    bulk: float  # muscles swell (+) or shrink (-) by this many mm
    prostate: float  # size relative to average
    tilt: float  # the sacrum stands higher (+) than average by this many mm
    roll: float  # the left side stands higher (+) by this many mm
    marrow: float  # brightness relative to average: fattier with age
    warp: tuple[float, ...]  # phases of the gentle bending that makes outlines organic


@dataclass(frozen=True)
class Week:
    """One scan of a patient: what differs from week to week."""

    number: int
    bladder: float  # filling, 0-1
    rectum: float  # filling, 0-1
    gas: float  # share of the rectum that is gas, 0-1
    shift: tuple[float, float, float]  # where the body lies, mm
    turn: float  # rotation on the table, degrees
    bias: tuple[float, ...]  # coil sensitivity: slopes and curvatures along x and y
    gain: float  # scanner units of the brightest tissue


@lru_cache(maxsize=64)
def draw_patient(patient: int, seed: int = 0) -> Patient:
    """Draw the anatomy of patient number `patient` (0 or more)."""
    rng = np.random.default_rng([seed, patient])
    build, weight, age, *own = np.clip(rng.standard_normal(9), -1.8, 1.8).tolist()
    return Patient(
        number=patient,
        seed=seed,
        scale=(
            1 + 0.035 * build + 0.010 * own[0],
            1 + 0.030 * build + 0.015 * weight + 0.01 * own[1],
            1 + 0.035 * build,
        ),
        fat=19 + 7.0 * weight - 1.0 * build,
        bulk=2.0 + 0.7 * build - 0.7 * age,
        prostate=1 + 0.10 * age + 0.04 * own[2],
        tilt=3.0 * own[3],
        roll=1.2 * own[4],
        marrow=1 + 0.06 * age,
        warp=tuple(rng.uniform(0, 2 * np.pi, 6).tolist()),
    )


@lru_cache(maxsize=256)
def draw_week(patient: Patient, week: int) -> Week:
    """Draw scan number `week` (0 or more) of a patient."""
    rng = np.random.default_rng([patient.seed, patient.number, week])
    return Week(
        number=week,
        bladder=rng.uniform(0.1, 0.9),
        rectum=rng.beta(1.5, 3.0),
        gas=rng.uniform(0, 1),
        shift=tuple(rng.normal(0, (2.5, 1.5, 2.5)).tolist()),
        turn=rng.normal(0, 1.0),
        bias=tuple((rng.uniform(-1, 1, 4) * (0.08, 0.07, 0.08, 0.08)).tolist()),
        gain=rng.uniform(650, 1150),
    )


# ---- The vocabulary of shapes: `depth` is the distance to the edge in mm, positive inside -------


class Ellipse:
    """An ellipse turned by `angle` degrees; `bend` (mm) curves its ends upwards."""

    def __init__(self, x, y, rx, ry, angle=0.0, bend=0.0):
        self.x, self.y, self.rx, self.ry, self.bend = x, y, max(rx, 0.1), max(ry, 0.1), bend
        self.c, self.s = cos(radians(angle)), sin(radians(angle))
        self.girth = min(rx, ry)

    def box(self):
        hx = hypot(self.rx * self.c, self.ry * self.s) + abs(self.bend)
        hy = hypot(self.rx * self.s, self.ry * self.c) + abs(self.bend)
        return self.x - hx, self.x + hx, self.y - hy, self.y + hy

    def depth(self, x, y):
        u, v = (x - self.x) * (1 / self.rx), (y - self.y) * (1 / self.ry)
        if self.s:
            k = self.rx / self.ry
            u, v = self.c * u + (self.s / k) * v, self.c * v - (self.s * k) * u
        if self.bend:
            v += (self.bend / self.ry) * (0.5 - u * u)
        u *= u
        v *= v
        norm = np.sqrt(u + v)  # 1 on the edge; dividing by its slope turns it into mm
        u *= 1 / self.rx**2
        v *= 1 / self.ry**2
        slope = np.sqrt(u + v)
        slope += 1e-6
        return (norm + 1e-6 * self.girth) * (1 - norm) / slope


class Blade:
    """A rounded bar from (x0, y0) to (x1, y1), of radius r0 to r1; `bend` (mm) bows its middle."""

    def __init__(self, x0, y0, x1, y1, r0, r1, bend=0.0):
        self.x, self.y, self.r0, self.r1, self.bend = x0, y0, r0, r1, bend
        self.length = max(hypot(x1 - x0, y1 - y0), 0.1)
        self.c, self.s = (x1 - x0) / self.length, (y1 - y0) / self.length
        self.girth = max(r0, r1)
        self.ends = (x0, x1, y0, y1)

    def box(self):
        x0, x1, y0, y1 = self.ends
        r = self.girth + abs(self.bend)
        return min(x0, x1) - r, max(x0, x1) + r, min(y0, y1) - r, max(y0, y1) + r

    def depth(self, x, y):
        x, y = x - self.x, y - self.y
        u = self.c * x + self.s * y
        v = self.c * y - self.s * x
        h = np.minimum(np.maximum(u * (1 / self.length), 0), 1)
        if self.bend:
            v -= self.bend * 4 * h * (1 - h)
        u -= h * self.length
        return self.r0 + (self.r1 - self.r0) * h - np.sqrt(u * u + v * v)


class Union:
    """Several shapes melted into one, with rounded inner corners."""

    def __init__(self, shapes, rounding=5.0):
        self.shapes, self.rounding = shapes, rounding
        self.girth = max(s.girth for s in shapes)

    def box(self):
        x0, x1, y0, y1 = zip(*(s.box() for s in self.shapes), strict=True)
        return min(x0), max(x1), min(y0), max(y1)

    def depth(self, x, y):
        total, *others = (s.depth(x, y) for s in self.shapes)
        for other in others:
            total = smooth_max(total, other, self.rounding)
        return total


def soft(depth: np.ndarray, start=0.0) -> np.ndarray:
    """How much of a pixel is deeper than `start`, 0-1: partial volume."""
    cover = depth - (start - EDGE / 2)
    cover *= 1 / EDGE
    return np.minimum(np.maximum(cover, 0, out=cover), 1, out=cover)


def smooth_max(a, b, rounding):
    """The larger of two depths, rounded where they are within `rounding` mm of each other."""
    near = np.maximum(rounding - np.abs(a - b), 0)
    return np.maximum(a, b) + near * near * (0.25 / rounding)


# ---- Keyframes over height ---------------------------------------------------------------------


def along(z: float, keys: dict[float, tuple]) -> tuple:
    """Values at height z, interpolated between keyframes {height: values}."""
    heights = list(keys)
    i = min(max(bisect_right(heights, z), 1), len(heights) - 1)
    low, high = heights[i - 1], heights[i]
    t = min(max((z - low) / (high - low), 0.0), 1.0)
    return tuple(a + t * (b - a) for a, b in zip(keys[low], keys[high], strict=True))


def presence(z: float, low: float, high: float) -> float:
    """0 outside low-high, 1 well inside, rounded like the end of a finger in between."""
    t = min(1.0, (z - low) / TAPER, (high - z) / TAPER)
    return sqrt(t * (2 - t)) if t > 0 else 0.0


def ball(x: float, y: float, z: float, r: float) -> dict[float, tuple]:
    """Keyframes of a sphere, for an Ellipse."""
    cuts = [(s, sqrt(1 - s * s)) for s in (-0.97, -0.85, -0.6, -0.3, 0, 0.3, 0.6, 0.85, 0.97)]
    return {z + r * s: (x, y, r * c, r * c) for s, c in cuts}


# ---- The anatomical tables ---------------------------------------------------------------------

# half width, front and back of the body under its fat
OUTLINE = {
    -130: (138, 74, 76), -60: (146, 74, 82), -20: (146, 70, 86),
    20: (140, 70, 88), 70: (138, 72, 88), 130: (142, 76, 86),
}  # fmt: skip

HIP_BONE = (
    (Ellipse, {-90: (54, -40, 10, 12, 20), -65: (55, -38, 14, 19, 20), -40: (62, -30, 12, 17, 10),
               -15: (68, -25, 11, 14, 0), 20: (70, -24, 10, 13, 0), 36: (70, -26, 9, 12, 0)}),
    (Blade, {-86: (48, -30, 36, -8, 6, 4), -62: (40, -6, 18, 20, 5, 6),
             -42: (24, 18, 13, 36, 4, 7)}),  # inferior ramus
    (Ellipse, {-62: (10, 28, 5, 9, 0), -45: (12, 38, 8, 14, -25), -25: (14, 44, 10, 13, -40),
               -2: (17, 48, 9, 8, -40)}),  # body of the pubis
    (Blade, {-32: (20, 44, 40, 36, 7, 5), -15: (18, 46, 60, 28, 8, 9), 2: (24, 46, 64, 27, 6, 11),
             18: (56, 34, 68, 26, 7, 10)}),  # superior ramus
    (Blade, {-34: (66, -24, 60, 16, 5, 4), 0: (66, -24, 62, 26, 6, 7),
             34: (70, -24, 76, 22, 8, 9)}),  # the floor of the socket, and its two lips
    (Blade, {-22: (64, 28, 70, 32, 5, 3), 8: (64, 29, 84, 37, 7, 5), 26: (68, 28, 94, 34, 7, 6)}),
    (Blade, {-22: (68, -26, 80, -24, 9, 4), 8: (70, -26, 97, -21, 10, 6),
             26: (72, -26, 98, -18, 9, 7)}),
    (Ellipse, {11: (88, 5, 18, 22, -10), 24: (86, 4, 24, 30, -15), 42: (82, -2, 13, 26, -25)}),
    (Blade, {24: (68, -26, 86, 26, 9, 11, 0), 42: (62, -42, 96, 32, 8, 9, -3),
             60: (52, -58, 106, 36, 8, 7, -6), 85: (46, -64, 119, 36, 8, 6, -8),
             130: (44, -68, 136, 36, 7, 5, -12)}),  # wing of the ilium
)  # fmt: skip

FEMUR = (
    (Ellipse, ball(88, 8, 0, 24)),
    (Blade, {-40: (110, 0, 122, -4, 11, 13), -24: (96, 5, 124, -5, 12, 13),
             -6: (98, 5, 126, -7, 11, 11), 8: (102, 4, 128, -10, 7, 9)}),  # neck
    (Ellipse, {-48: (122, -4, 14, 16, 0), -15: (130, -9, 11, 17, 0), 22: (133, -14, 6, 9, 0)}),
    (Ellipse, {-140: (108, 4, 14, 14), -70: (113, 2, 15, 15), -50: (117, 0, 17, 17),
               -26: (121, -3, 14, 15)}),
    (Ellipse, {-74: (101, -9, 7, 7), -46: (104, -11, 8, 8)}),  # lesser trochanter
)  # fmt: skip

SACRUM = (
    (Ellipse, {-12: (0, -56, 5, 4, 0, 0), 8: (0, -62, 8, 6, 0, -1), 30: (0, -69, 22, 8, 0, -4),
               55: (0, -67, 40, 12, 0, -5), 80: (0, -59, 50, 18, 0, -5),
               130: (0, -44, 56, 26, 0, -4)}),
)  # fmt: skip

# where fat, not muscle, fills the space around the organs; these cross the midline
HOLLOWS = (
    (Ellipse, {-30: (0, 2, 40, 40, 0, 0), 0: (0, 4, 56, 52, 0, 0), 34: (0, 4, 72, 56, 0, 0),
               60: (0, 8, 76, 52, 0, -4), 140: (0, 18, 104, 46, 0, -10)}),  # pelvis and belly
    (Ellipse, {-120: (0, 20, 7, 54, 0, 0), -74: (0, -12, 19, 46, 0, 0), -30: (0, -30, 42, 32, 0, 0),
               -4: (0, -44, 40, 20, 0, 0)}),  # beside the anus
    (Ellipse, {-130: (0, 70, 30, 16, 0, 0), -14: (0, 66, 30, 10, 0, 0)}),  # above the penis
)  # fmt: skip
FAT_PLANES = (
    (Ellipse, {-100: (82, -44, 32, 4, 34, -4), -30: (88, -42, 40, 5, 22, -9),
               10: (80, -46, 42, 5, 20, -8), 62: (64, -60, 30, 4, 18, -4)}),  # under the gluteus
    (Ellipse, {-120: (70, 44, 12, 10), -40: (62, 52, 15, 9), 20: (54, 50, 14, 8)}),  # of the groin
)  # fmt: skip

# painted in this order: deep first
MUSCLES = {
    "obturator internus": (Blade, {
        -62: (46, -26, 24, 20, 4, 3, 2), -30: (51, -28, 28, 34, 7, 5, -5),
        0: (54, -34, 53, 26, 7, 5, -2), 30: (57, -30, 60, 12, 5, 4, -2)}),
    "obturator externus": (Blade, {-68: (62, 0, 32, 22, 6, 6), -28: (82, -8, 36, 32, 8, 9)}),
    "quadratus femoris": (Blade, {-76: (70, -30, 104, -22, 6, 6), -32: (72, -34, 112, -24, 8, 6)}),
    "piriformis": (Blade, {
        2: (72, -42, 122, -22, 5, 4), 28: (26, -62, 92, -40, 8, 6), 56: (26, -56, 58, -50, 6, 5)}),
    "iliacus": (Blade, {
        26: (80, 34, 92, 34, 9, 9, 0), 60: (64, -28, 100, 26, 8, 9, 3),
        130: (60, -44, 124, 28, 8, 8, 6)}),
    "psoas": (Ellipse, {
        -84: (100, -6, 5, 6, 0), -50: (94, 14, 11, 11, 0), -20: (84, 36, 17, 13, -20),
        5: (76, 41, 20, 13, -20), 30: (72, 38, 18, 15, -20), 60: (56, 22, 18, 17, 0),
        130: (46, -4, 20, 20, 0)}),
    "gluteus minimus": (Blade, {
        -6: (122, 12, 116, 30, 6, 8), 25: (108, -10, 114, 30, 9, 9), 70: (94, -20, 112, 12, 6, 5)}),
    "adductor magnus": (Blade, {-140: (40, -6, 86, -16, 20, 14), -62: (50, -2, 84, -8, 11, 10),
                                -46: (66, 4, 80, 0, 6, 6)}),
    "adductor brevis": (Ellipse, {-140: (44, 22, 24, 12, -10), -50: (44, 20, 16, 9, -35)}),
    "adductor longus": (Ellipse, {-140: (48, 42, 22, 12, 0), -40: (30, 46, 11, 8, -30)}),
    "gracilis": (Ellipse, {-140: (14, 14, 5, 20, 0), -56: (18, 22, 4, 13, 20)}),
    "pectineus": (Ellipse, {-90: (72, 24, 12, 9, -30), -40: (54, 40, 17, 10, -25),
                            -10: (50, 44, 14, 7, -25)}),
    "hamstrings": (Ellipse, {-140: (70, -44, 26, 15, 10), -56: (60, -54, 10, 8, 20)}),
    "vastus intermedius": (Ellipse, {-140: (106, 28, 20, 12, 0), -46: (112, 24, 14, 9, 0)}),
    "vastus lateralis": (Blade, {
        -140: (132, -20, 120, 32, 13, 12, -8), -60: (137, -14, 126, 22, 8, 10, -5),
        -30: (138, 0, 134, 10, 4, 5, 0)}),
    "rectus femoris": (Ellipse, {-140: (102, 52, 18, 11, 0), -60: (106, 48, 14, 11, 0),
                                 22: (104, 37, 7, 8, 0)}),
    "sartorius": (Ellipse, {-140: (66, 60, 15, 7, 10), -60: (86, 62, 12, 6, 10),
                            0: (108, 56, 10, 6, -20), 44: (116, 46, 6, 5, -30)}),
    "tensor fasciae latae": (Ellipse, {-80: (136, 26, 5, 15, 10), -20: (132, 34, 9, 17, 15),
                                       48: (124, 40, 7, 10, 25)}),
    "gluteus medius": (Blade, {
        -22: (138, -4, 138, 14, 4, 5, -2), 20: (122, -26, 128, 24, 11, 12, -7),
        60: (98, -46, 128, 26, 13, 12, -9), 130: (86, -62, 142, 22, 12, 8, -10)}),
    "gluteus maximus": (Blade, {
        -140: (92, -54, 112, -44, 14, 11, 0), -70: (48, -64, 118, -40, 13, 11, -8),
        -20: (24, -68, 122, -40, 15, 9, -12), 20: (22, -76, 112, -50, 13, 9, -12),
        60: (32, -82, 88, -62, 9, 7, -6), 104: (48, -82, 66, -76, 4, 4, 0)}),
    "rectus abdominis": (Blade, {
        -20: (7, 58, 14, 56, 3, 3, 0), 30: (8, 64, 36, 61, 5, 4, 2),
        130: (10, 69, 50, 66, 5, 5, 2)}),
    "obliques": (Blade, {46: (90, 58, 116, 46, 3, 4, 3), 80: (58, 66, 126, 42, 4, 6, 5),
                         130: (60, 67, 138, 34, 5, 7, 8)}),
    "multifidus": (Blade, {50: (12, -82, 24, -82, 3, 3), 130: (14, -80, 44, -76, 9, 9)}),
}  # fmt: skip

# artery, vein, branches at the sacrum, spermatic cord, sciatic nerve:
# (shape, keyframes, brightness of the wall, brightness inside, thickness of the wall)
VESSELS = (
    (Ellipse, {-140: (72, 42, 4.5, 4.5), -60: (68, 50, 5, 5), 0: (58, 52, 5, 5),
               30: (52, 36, 5, 5), 70: (36, 12, 6, 6), 130: (24, -4, 7, 7)}, 0.30, 0.05, 1.2),
    (Ellipse, {-140: (66, 34, 5, 5), -60: (60, 46, 6, 5), 0: (47, 48, 6, 5), 30: (44, 28, 6, 6),
               70: (34, -2, 7, 6), 130: (22, -16, 8, 7)}, 0.25, 0.12, 1.2),
    (Ellipse, {30: (44, -30, 4, 4), 70: (38, -24, 5, 5), 112: (28, -16, 5, 5)}, 0.25, 0.10, 1.2),
    (Ellipse, {-100: (16, 66, 7, 7), -20: (22, 62, 6, 6), 24: (52, 58, 5, 4)}, 0.55, 0.30, 1.6),
    (Ellipse, {-140: (84, -34, 5, 4), -40: (84, -42, 6, 4), 30: (70, -48, 7, 4)}, 0.6, 0.36, 1.0),
)  # fmt: skip

# x, y, height of the middle, radius, brightness of the content
BOWEL = (
    (-40, 30, 70, 17, 0.42), (38, 42, 60, 15, 0.55), (-8, 46, 66, 16, 0.34), (14, 16, 72, 15, 0.62),
    (-34, 6, 88, 15, 0.50), (-66, 44, 98, 20, 0.30), (66, 44, 96, 16, 0.40), (0, 20, 104, 17, 0.38),
    (28, -8, 44, 14, 0.36), (-30, -4, 42, 13, 0.46), (-4, 14, 50, 15, 0.40),
    (-28, 48, 104, 16, 0.58), (30, 46, 100, 17, 0.46), (-10, -10, 92, 14, 0.36),
)  # fmt: skip


# ---- The painter -------------------------------------------------------------------------------


class Canvas:
    """An image and its labels over body coordinates; `side` = -1 mirrors what is painted."""

    def __init__(self, x: np.ndarray, y: np.ndarray, to_pixel: Callable):
        self.x, self.y, self.to_pixel, self.side = x, y, to_pixel, 1
        self.mirrored = {1: x, -1: -x}
        self.image = np.full(x.shape, FAT, np.float32)
        self.labels = np.full(x.shape, BODY, np.uint8)

    def paint(self, shape, *layers, label: int = BODY, present: float = 1.0, grow: float = 0.0):
        """Paint `shape`: each layer is (depth in mm where it starts, brightness)."""
        box = self.to_pixel(shape.box(), self.side, max(grow, 0) + EDGE)
        depth = shape.depth(self.mirrored[self.side][box], self.y[box])
        # a structure that is ending shrinks to nothing rather than turning transparent
        depth += grow - (1 - present) * (shape.girth + EDGE)
        image = self.image[box]
        for start, value in layers:
            value = value[box] if isinstance(value, np.ndarray) else value
            cover = soft(depth, start)
            cover *= value - image
            image += cover
        np.copyto(self.labels[box], label, where=depth > 0)

    def both_sides(self):
        """A loop that paints the left side, then its mirror image."""
        for self.side in (1, -1):
            yield self.side
        self.side = 1

    def part(self, kind, keys: dict, z: float, *layers, **options):
        """Paint one entry of a table, if it reaches height z."""
        present = presence(z, min(keys), max(keys))
        if present > 0:
            self.paint(kind(*along(z, keys)), *layers, present=present, **options)

    def bone(self, parts, z: float, cortex: float, marrow: float):
        """Paint parts melted into one bone: a dark cortex (mm thick) around its marrow."""
        shapes = []
        for kind, keys in parts:
            present = presence(z, min(keys), max(keys))
            if present > 0.15:
                values = list(along(z, keys))
                first = 2 if kind is Ellipse else 4
                values[first : first + 2] = [r * present for r in values[first : first + 2]]
                shapes.append(kind(*values))
        if shapes:
            self.paint(Union(shapes), (0, CORTEX), (cortex, marrow), label=BONE)


def body_coordinates(patient: Patient, week: Week, z: float, shape: tuple[int, int]):
    """Where each pixel lies in the average man's body, and the way back for a bounding box."""
    (sx, sy, _), (dx, dy, _) = patient.scale, week.shift
    c, s = cos(radians(week.turn)), sin(radians(week.turn))
    middle = [(n - 1) / 2 for n in shape]
    i, j = (np.arange(n, dtype=np.float32) - m for n, m in zip(shape, middle, strict=True))
    i, j = i[:, None] * PIXEL - dx, j[None, :] * PIXEL - dy - BACK
    x, y = (c * i + s * j) / sx, (c * j - s * i) / sy
    # gentle bending, different in every man, drifting slowly with height
    p, q = patient.warp, z / 60
    i, j = i / 28, j / 28
    x += 1.6 * np.sin(j + p[0] + q) + 1.0 * np.sin(2.1 * i + p[1] - q) * np.cos(1.7 * j + p[2])
    y += 1.4 * np.sin(i + p[3] - q) + 1.0 * np.sin(2.3 * j + p[4] + q) * np.cos(1.9 * i + p[5])
    x += 0.45 * np.sin(5.1 * j + p[1]) * np.sin(4.3 * i + p[3] + q)
    y += 0.45 * np.sin(4.9 * i + p[2]) * np.sin(4.1 * j + p[0] - q)

    def to_pixel(box, side, margin):
        x0, x1, y0, y1 = box
        bx, by = side * (x0 + x1) / 2 * sx, (y0 + y1) / 2 * sy
        hx, hy = (x1 - x0) / 2 * sx, (y1 - y0) / 2 * sy
        centre = c * bx - s * by + dx, c * by + s * bx + dy + BACK
        half = hx + abs(s) * hy + margin + 3, hy + abs(s) * hx + margin + 3  # 3: the bending
        return tuple(
            slice(max(0, int((m - h) / PIXEL + o)), max(0, int((m + h) / PIXEL + o) + 2))
            for m, h, o in zip(centre, half, middle, strict=True)
        )

    return x, y, to_pixel


# ---- The regions -------------------------------------------------------------------------------


def skin_depth(canvas: Canvas, patient: Patient, z: float) -> np.ndarray:
    """Depth under the skin, mm: a flattened round box, cleft behind, a dip between the groins."""
    width, front, back = along(z, OUTLINE)
    width += 1.15 * patient.fat
    front += 0.7 * patient.fat
    back += 0.85 * patient.fat
    x, y = canvas.x, canvas.y
    ry = np.where(y > 0, np.float32(front), np.float32(back))
    square = np.where(y > 0, np.float32(0.25), np.float32(0.5))  # lying on the table: flat back
    u, v = x / width, y / ry
    uu, vv = u * u, v * v
    norm = (1 - square) * (uu + vv) + square * (uu * uu + vv * vv)
    gu = u * (2 - 2 * square + 4 * square * uu) / width
    gv = v * (2 - 2 * square + 4 * square * vv) / ry
    depth = (1 - norm) / np.sqrt(gu * gu + gv * gv + 1e-5)

    def carve(shape, rounding):  # as deep as the fat reaches, no further: it is lined with fat
        box = canvas.to_pixel(shape.box(), 1, 1.2 * patient.fat + 6)
        depth[box] = -smooth_max(-depth[box], shape.depth(x[box], y[box]), rounding)

    deep = presence(z, -200, 22 + patient.tilt)
    if deep:
        carve(Blade(0, -back - 8, 0, -back + 26 * deep, 6, 0.3), 5)
    deep = min(max((-40 - z) / 50, 0), 1)
    if deep:
        carve(Blade(0, front + 30, 0, front - 6 * deep, 18, 4), 24)
    return depth


def paint_bed(canvas: Canvas, patient: Patient, depth: np.ndarray, z: float):
    """Skin, fat with the fascia half way down, and flesh under it, with fibres."""
    x, y = np.abs(canvas.x), canvas.y
    fat = patient.fat * (0.92 - 0.002 * y)
    fibres = np.sin(0.20 * x + 0.38 * y + 1.8 * np.sin(x / 13))
    canvas.flesh = MUSCLE + 0.014 * fibres
    image = canvas.image
    image -= 0.35 * np.clip(1.2 - depth / 2.5, 0, 1)
    image -= 0.12 * np.clip(1 - np.abs(depth - 0.55 * fat) / 1.6, 0, 1)
    image += soft(depth, fat) * (canvas.flesh - image)
    for shape, keys in HOLLOWS:
        canvas.part(shape, keys, z, (0, FAT))


def paint_muscles(canvas: Canvas, patient: Patient, z: float):
    """Each muscle over the last, in a sheath of fat: the bright septa between them."""
    septum = 0.27 + 0.006 * patient.fat
    for kind, keys in FAT_PLANES:
        canvas.part(kind, keys, z, (0, FAT))
    for kind, keys in MUSCLES.values():
        canvas.part(kind, keys, z, (-1.2, septum), (0.9, canvas.flesh), grow=patient.bulk)


def paint_hip(canvas: Canvas, patient: Patient, z: float):
    """Hip bone and thigh bone: a ball in its socket, with a line of cartilage between."""
    marrow = MARROW * patient.marrow
    canvas.bone(HIP_BONE, z, 2.0, 0.92 * marrow)
    canvas.part(Ellipse, ball(88, 8, 0, 26.5), z, (0, 0.34))
    shaft = min(max((-35 - z) / 30, 0), 1)
    canvas.bone(FEMUR, z, 1.6 + 4 * shaft, 1.1 * marrow)


def paint_vessels(canvas: Canvas, z: float):
    """Vessels, nerve and cord, each in a little fat; flowing blood is black."""
    for kind, keys, wall, inside, thick in VESSELS:
        canvas.part(kind, keys, z, (-1, FAT), (0, wall), (thick, inside))


def paint_perineum(canvas: Canvas, z: float):
    """The root of the penis, bright and spongy, and its dark coat."""
    for keys in (
        {-120: (0, 30, 10, 8), -84: (0, 4, 11, 9), -50: (0, 2, 8, 7)},
        {-120: (8, 62, 8, 8), -86: (7, 56, 8, 9), -58: (10, 40, 5, 9)},
        {-90: (26, -2, 5, 8), -54: (30, 2, 4, 8)},
    ):
        canvas.part(Ellipse, keys, z, (-1, 0.2), (1.5, 0.6))


def paint_floor(canvas: Canvas, z: float):
    """The levator ani: a thin sling from the pubis around prostate and rectum."""
    keys = {-64: (7, -36, 14, 0, 3, 3, -2), -40: (12, -40, 20, 30, 2, 2, -10),
            -6: (10, -54, 50, 0, 2, 2, -8)}  # fmt: skip
    canvas.part(Blade, keys, z, (0, MUSCLE))


def paint_sacrum(canvas: Canvas, patient: Patient, z: float):
    """Sacrum and coccyx, the foramina with their nerves, and the canal behind."""
    canvas.bone(SACRUM, z, 1.8, 0.85 * MARROW * patient.marrow)
    for _ in canvas.both_sides():
        holes = {42: (16, -70, 4, 3), 80: (21, -62, 6, 5), 130: (28, -52, 8, 6)}
        canvas.part(Ellipse, holes, z, (-1, CORTEX), (0.5, FAT), (2.5, 0.35), label=BONE)
    canal = {58: (0, -74, 6, 2), 90: (0, -72, 11, 4), 130: (0, -68, 13, 7)}
    canvas.part(Ellipse, canal, z, (-1, CORTEX), (0.8, 0.9), label=BONE)


def paint_rectum(canvas: Canvas, week: Week, z: float):
    """Anal canal, rectum along the sacrum, sigmoid: a wall, stool, and gas that floats in front."""
    r = 5 + 9 * week.rectum
    keys = {-92: (0, -36, 8, 9, 0), -62: (0, -28, 10, 11, 0), -46: (0, -24, 11, 11, 0),
            -24: (0, -27, 9 + r, 7 + r, 0), 0: (2, -33, 9 + r, 7 + r, 0),
            30: (4, -45, 9 + r, 6 + r, 10), 55: (8, -42, 7 + r, 5 + r, 20),
            84: (22, -30, 5 + r, 4 + r, 30)}  # fmt: skip
    x, y, rx, ry, angle = along(z, keys)
    present = presence(z, -92, 84)
    if not present:
        return
    wall = along(z, {-60: (5.5,), -34: (2.6,)})[0]
    tube = Ellipse(x, y, rx, ry, angle)
    canvas.paint(tube, (-1, FAT), (0, 0.24), (wall, 0.44), label=RECTUM, present=present)
    hollow = present * presence(z, -46, 80)
    if hollow > 0.1:
        size = hollow * (0.25 + 0.75 * week.gas)
        gas = Ellipse(x, y + (1 - size) * (ry - wall), (rx - wall) * sqrt(size), (ry - wall) * size)
        canvas.paint(gas, (0, GAS), label=RECTUM)


def paint_prostate(canvas: Canvas, patient: Patient, week: Week, z: float):
    """Seminal vesicles; prostate: a bright horseshoe around a darker centre, in a dark capsule."""
    y = 5 + 4 * week.rectum
    size = patient.prostate
    vesicles = {-16: (3, y - 11, 14, y - 10, 4, 3, 0), 4: (4, y - 8, 28, y - 3, 4, 5, -2),
                16: (12, y - 6, 34, y, 3, 4, -2)}  # fmt: skip
    for _ in canvas.both_sides():
        canvas.part(Blade, vesicles, z, (0, 0.35), (1.6, 0.85))
    plexus = {-52: (0, y + 16, 14, 7, 0, 4), -12: (0, y + 20, 20, 8, 0, 4)}
    canvas.part(Ellipse, plexus, z, (0, 0.66))

    # the gland, a ball higher than wide
    low, high = -24 - 23 * size, -26 + 23 * size
    t = (z - low) / (high - low)
    if not 0 < t < 1:
        return
    r = size * sqrt(4 * t * (1 - t)) ** 0.8
    gland = Ellipse(0, y, 25 * r, 19 * r, 0, 3 * r)
    canvas.paint(gland, (0, 0.16), (1.6, 0.66), label=PROSTATE)
    central = r * min(1, 0.45 + t)
    inner = Ellipse(0, y + 4.5 * r, 19 * central, 13.5 * central)
    canvas.paint(inner, (-0.8, 0.18), (1.2, 0.36), label=PROSTATE)
    for x, dy, rx, value in ((8, 5, 6.5, 0.46), (-8, 4, 7, 0.42), (0, -3, 3, 0.6)):
        nodule = Ellipse(x * central, y + dy * central, rx * central, rx * central)
        canvas.paint(nodule, (0, 0.30), (1.2, value), label=PROSTATE)
    front = Ellipse(0, y + 17 * r, 11 * r, 3.5 * r)
    canvas.paint(front, (0, 0.17), label=PROSTATE)


def paint_bladder(canvas: Canvas, patient: Patient, week: Week, z: float):
    """Urine in a thin dark wall, from the prostate's base up as far as it is filled."""
    fill = week.bladder
    low, high = -16 + 12 * (patient.prostate - 1), 20 + 42 * fill
    t = (z - low) / (high - low)
    if not 0 < t < 1:
        return
    r = sqrt(1 - (2 * t**0.8 - 1) ** 2)
    y = 24 + 4 * week.rectum + 6 * t * fill
    dome = Ellipse(0, y, (32 + 16 * fill) * r, (21 + 10 * fill) * r, 0, -3 * r)
    canvas.paint(dome, (-1, FAT), (0, 0.14), (4.2 - 2 * fill, URINE), label=BLADDER)


def paint_bowel(canvas: Canvas, patient: Patient, week: Week, z: float):
    """Loops of bowel in their fat, pushed up by a full bladder; some hold gas at the front."""
    lift = 18 * week.bladder - 6
    for k, (x, y, middle, r, content) in enumerate(BOWEL):
        sway = patient.warp[k % 6]
        x, y = x + 5 * sin(sway + z / 30), y + 4 * cos(sway + z / 30)
        present = presence(z, middle + lift - 30, middle + lift + 30)
        if present:
            loop = Ellipse(x, y, 1.2 * r, 0.85 * r, 40 * sin(sway + k), 3)
            canvas.paint(loop, (-1, FAT), (0, 0.22), (2.4, content), present=present)
            if k % 3 == 2:
                bubble = Ellipse(x, y + 0.3 * r, 0.8 * r, 0.4 * r)
                canvas.paint(bubble, (0, GAS), present=present)


# ---- The slice ---------------------------------------------------------------------------------


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
    image is float32 in scanner units, 0 to about 1200; the labels are uint8, indices of LABELS.
    The same arguments give the same arrays. Raises InputError for a slice out of range.
    """
    if not 0 <= slice < NUM_SLICES:
        raise InputError(f"Slice {slice} does not exist: choose 0 to {NUM_SLICES - 1}.")
    man = draw_patient(patient, seed)
    visit = draw_week(man, week)
    z = ((slice - HIP_SLICE) * SPACING + visit.shift[2]) / man.scale[2]
    canvas = Canvas(*body_coordinates(man, visit, z, shape))
    depth = skin_depth(canvas, man, z)
    paint_bed(canvas, man, depth, z)
    paint_bowel(canvas, man, visit, z)
    for side in canvas.both_sides():
        level = z - side * man.roll
        paint_muscles(canvas, man, level)
        paint_vessels(canvas, level)
        paint_floor(canvas, level)
        paint_hip(canvas, man, level)
        paint_perineum(canvas, level)
    paint_sacrum(canvas, man, z - man.tilt)
    paint_rectum(canvas, visit, z)
    paint_bladder(canvas, man, visit, z)
    paint_prostate(canvas, man, visit, z)
    canvas.labels[depth <= 0] = BACKGROUND
    return scan(canvas.image, soft(depth), man, visit, slice), canvas.labels


# ---- The folder --------------------------------------------------------------------------------


def nifti_bytes(pixels: np.ndarray, slope: float = 1.0) -> bytes:
    """A gzipped NIfTI-1 file; readers multiply by `slope`. Same pixels, same bytes."""
    header = Nifti1Header()
    header.set_data_dtype(pixels.dtype)
    header.set_data_shape(pixels.shape)
    header.set_zooms((PIXEL, PIXEL, SPACING)[: pixels.ndim])
    header.set_slope_inter(slope, 0)
    affine = np.diag([PIXEL, PIXEL, SPACING, 1.0])
    affine[:2, 3] = [-(n - 1) / 2 * PIXEL for n in pixels.shape[:2]]
    header.set_sform(affine, code="scanner")
    header.set_xyzt_units("mm")
    header["vox_offset"] = 352  # the 348 of the header, and 4 that say "no extensions"
    return gzip.compress(header.binaryblock + bytes(4) + pixels.tobytes("F"), 1, mtime=0)


def write_patient(folder: Path, split: str, patient: int, weeks: int, step: int, seed: int, wide):
    """Write all slices of one patient; `wide` is the (patient, week) seen in a wider field."""
    # files of the study differ in such ways, so readers have to cope
    slope = (1.0, 0.25, 0.5)[patient % 3]
    last_axis = (1,) if patient % 4 == 3 else ()
    for week in range(weeks):
        shape = (256, 144) if (patient, week) == wide else (256, 128)
        for slice in range(patient % step, NUM_SLICES, step):
            image, labels = render_slice(patient, week, slice, shape, seed)
            name = f"{patient:03d}_week_{week}_slice_{slice}.nii.gz"
            stored = np.rint(image / slope).astype(np.int16).reshape(shape + last_axis)
            path = folder / f"keras_slices_{split}" / f"case_{name}"
            path.write_bytes(nifti_bytes(stored, slope))
            path = folder / f"keras_slices_seg_{split}" / f"seg_{name}"
            path.write_bytes(nifti_bytes(labels))


def write_phantom(
    folder: Path,
    *,
    patients_train: int,
    patients_validate: int,
    patients_test: int,
    weeks: int,
    slice_step: int,
    seed: int,
    odd_shape: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write a phantom study: NIfTI slices and labels in the layout of the HipMRI release.

    Patients are numbered 1, 2, ... through train, validate and test; patient p has `weeks` scans
    (from 0) and every `slice_step`-th slice from p % slice_step on. Images are int16 of 256x128
    pixels, in scanner units once the header's slope is applied; labels are uint8. Every fourth
    patient's images have a third axis of one. With `odd_shape`, one training scan is 256x144
    (case 19 week 1 if there is one). `progress(done, total)` is called after each patient. The
    folder appears whole or not at all. Raises InputError if it exists already or a number is out
    of range.
    """
    folder = Path(folder)
    counts = {"train": patients_train, "validate": patients_validate, "test": patients_test}
    if folder.exists():
        raise InputError(f"{folder} exists already: choose another folder or delete it first.")
    if min(counts.values()) < 0 or not patients_train or weeks < 1:
        raise InputError("A phantom needs at least 1 training patient and 1 week each.")
    if not 1 <= slice_step <= NUM_SLICES:
        raise InputError(f"slice_step is {slice_step}: choose 1 to {NUM_SLICES}.")
    wide = (19, 1) if patients_train >= 19 and weeks > 1 else (patients_train, weeks - 1)
    splits = [split for split, count in counts.items() for _ in range(count)]
    partial = folder.with_name(f".{folder.name}.partial-{os.getpid()}")
    try:
        for split in counts:
            (partial / f"keras_slices_{split}").mkdir(parents=True)
            (partial / f"keras_slices_seg_{split}").mkdir()
        for patient, split in enumerate(splits, start=1):
            write_patient(
                partial, split, patient, weeks, slice_step, seed, wide if odd_shape else None
            )
            if progress:
                progress(patient, len(splits))
        partial.rename(folder)
    except BaseException:  # Ctrl-C too: leave nothing half done
        shutil.rmtree(partial, ignore_errors=True)
        raise
