"""What is painted at a height, region by region, from deep to superficial."""

from math import cos, sin, sqrt

import numpy as np

from vqgen_utils.data.phantom.anatomy import (
    BOWEL,
    CORTEX,
    FAT,
    FAT_PLANES,
    FEMUR,
    GAS,
    HIP_BONE,
    HOLLOWS,
    MARROW,
    MUSCLE,
    MUSCLES,
    OUTLINE,
    SACRUM,
    URINE,
    VESSELS,
)
from vqgen_utils.data.phantom.canvas import Canvas
from vqgen_utils.data.phantom.draws import Patient, Week
from vqgen_utils.data.phantom.shapes import Blade, Ellipse, along, ball, presence, smooth_max, soft
from vqgen_utils.data.tissues import BLADDER, BONE, PROSTATE, RECTUM


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
