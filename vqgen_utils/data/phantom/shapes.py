"""The vocabulary of shapes. `depth` is the distance to the edge in mm, positive inside."""

from bisect import bisect_right
from math import cos, hypot, radians, sin, sqrt

import numpy as np

EDGE = 2.8  # mm over which an edge fades: about 1.7 pixels of partial volume
TAPER = 9.0  # mm over which a structure closes at its lower and upper end


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
