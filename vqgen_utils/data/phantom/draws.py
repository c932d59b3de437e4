"""Who is scanned, and how he lies on the table: one man's anatomy, one week's fillings and pose."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np


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
