"""Painting: an image and its labels over the coordinates of a body."""

from collections.abc import Callable
from math import cos, radians, sin

import numpy as np

from vqgen_utils.data.phantom.anatomy import CORTEX, FAT
from vqgen_utils.data.phantom.draws import Patient, Week
from vqgen_utils.data.phantom.shapes import EDGE, Ellipse, Union, along, presence, soft
from vqgen_utils.data.tissues import BODY, BONE

PIXEL = 1.75  # mm, in the slice
BACK = 9.0  # mm by which the bodies' origin lies in front of the image's middle


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
