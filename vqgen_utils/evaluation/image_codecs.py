"""Yardsticks that a reader knows: the same slices through JPEG, JPEG 2000 and WebP."""

import io
from collections.abc import Sequence

import numpy as np
import pandas as pd
from PIL import Image

from vqgen_utils.evaluation.metrics import ssim

# name -> (Pillow's name of the format, its settings from few bits to many)
CODECS = {
    "JPEG": ("JPEG", [{"quality": q, "optimize": True} for q in (1, 5, 15, 30, 60)]),
    "WebP": ("WEBP", [{"quality": q, "method": 6} for q in (0, 5, 15, 30, 60)]),
    "JPEG 2000": (
        "JPEG2000",
        [{"quality_mode": "rates", "quality_layers": [r]} | {"irreversible": True}
         for r in (40, 24, 16, 12, 8)],
    ),
}  # fmt: skip


def through_codec(image: np.ndarray, codec: str, settings: dict) -> tuple[np.ndarray, int]:
    """One slice (H, W) in [0, 1], written as 8 bits and read back: the slice, and its bytes."""
    stream = io.BytesIO()
    Image.fromarray(np.uint8(np.round(np.clip(image, 0, 1) * 255))).save(stream, codec, **settings)
    size = stream.tell()
    return np.asarray(Image.open(stream).convert("L"), np.float32) / 255, size


def rate_distortion(images: Sequence[np.ndarray]) -> pd.DataFrame:
    """Bits a pixel against SSIM for each codec and setting, means over slices (H, W) in [0, 1].

    A file starts with a header, which a series of slices would need once. So the bytes of an empty
    slice's file are taken off: what is left is what this picture costs.

    Returns:
        A row a setting: codec, bits_per_pixel, ssim, ssim_body.
    """
    rows = []
    for name, (codec, all_settings) in CODECS.items():
        for settings in all_settings:
            _, header = through_codec(np.zeros_like(images[0]), codec, settings)
            back, sizes = zip(*(through_codec(i, codec, settings) for i in images), strict=True)
            plain, body = ssim(np.stack(images), np.stack(back))
            bits = 8 * max(0.0, float(np.mean(sizes)) - header) / images[0].size
            rows.append((name, bits, plain.mean(), np.nanmean(body)))
    return pd.DataFrame(rows, columns=["codec", "bits_per_pixel", "ssim", "ssim_body"])
