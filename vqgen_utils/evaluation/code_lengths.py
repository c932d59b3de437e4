"""What slices cost in bits: yardsticks for the prior, a coder that proves its bits, image files."""

import io
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from vqgen_utils.evaluation.metrics import ssim
from vqgen_utils.models.pixelcnn import PixelCNN
from vqgen_utils.models.sampling import walk


def frequency_bits(train: Tensor, test: Tensor, num_embeddings: int) -> float:
    """Bits a code of `test` for who knows how often each code occurs in `train`: any shapes.

    Every code is taken to have been seen 1/K times more than it was, so none costs infinitely much.
    """
    return float(-_frequencies(train, num_embeddings)[test].log2().mean())


def _frequencies(codes: Tensor, k: int) -> Tensor:
    """p(code), (K,) float64."""
    counts = torch.bincount(codes.flatten(), minlength=k).double()
    return (counts + 1 / k) / (counts.sum() + 1)


def neighbour_bits(train: Tensor, test: Tensor, num_embeddings: int) -> float:
    """Bits a code of the simplest model with a memory: a table of left neighbour, upper neighbour.

    p(c | left, up) is counted on the training grids. Most of the K x K pairs are rare, so the
    counts of a pair are topped up by those of its upper neighbour alone, and these by the counts of
    codes (Witten & Bell 1991: a context that was followed by many different codes trusts its own
    counts less).

    Args:
        train, test: (N, H, W) and (M, H, W) codes; beyond the edge stands a code of its own.

    Returns:
        Mean bits a code of `test`.
    """
    k = num_embeddings
    code, up, left = _contexts(train, k)
    t_code, t_up, t_left = _contexts(test, k)
    p = _frequencies(code, k)[t_code]  # (n,), order 0
    for seen, asked in ((up, t_up), (up * (k + 1) + left, t_up * (k + 1) + t_left)):
        p = _backed_off(seen, code, asked, t_code, p, k)
    return float(-p.log2().mean())


def _contexts(codes: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """Each code with its upper and left neighbours: (N, H, W) -> three of (N*H*W,)."""
    padded = torch.nn.functional.pad(codes, (1, 0, 1, 0), value=k)  # (N, H+1, W+1)
    return codes.flatten(), padded[:, :-1, 1:].flatten(), padded[:, 1:, :-1].flatten()


def _backed_off(
    context: Tensor, code: Tensor, asked: Tensor, asked_code: Tensor, lower: Tensor, k: int
) -> Tensor:
    """p(code | context), leaning on `lower` where the context is rare: (n,) of the asked pairs."""
    size = int(max(context.max(), asked.max())) + 1
    total = torch.bincount(context, minlength=size).double()
    pairs, times = (context * k + code).unique(return_counts=True)
    kinds = torch.bincount(pairs // k, minlength=size).double()  # different codes seen there
    wanted = asked * k + asked_code
    place = torch.searchsorted(pairs, wanted).clamp(max=len(pairs) - 1)
    seen = torch.where(pairs[place] == wanted, times[place], 0).double()
    trust, weight = total[asked], kinds[asked]
    return torch.where(trust > 0, (seen + weight * lower) / (trust + weight).clamp(min=1), lower)


# ---- Really writing them down: asymmetric numeral systems (Duda 2013, arXiv:1311.2540) ----------


def send(model: PixelCNN, codes: Tensor, condition: Tensor) -> bytes:
    """Grids as bytes, each code with as many bits as the prior says it is worth.

    Args:
        model: the prior.
        codes: (B, H, W).
        condition: (B, F), known to the receiver as well.
    """
    seen, known = [], codes.to(model.device)

    def choose(i: int, j: int, logits: Tensor) -> Tensor:
        seen.append((known[:, i, j], logits.softmax(1)))  # (B,), (B, K)
        return known[:, i, j]

    walk(model, condition, choose)
    order, p = zip(*seen, strict=True)  # H*W of each, in reading order
    return coded(torch.cat(order), torch.cat(p))


def receive(model: PixelCNN, data: bytes, condition: Tensor) -> Tensor:
    """The grids (B, H, W) behind `send`, by who has nothing but the bytes, prior and condition.

    The prior says what to expect, the bytes say which it was, and with that the prior goes on. It
    has to be computed exactly as in `send`: the same machine, the same batch.
    """
    read = reader(data)
    return walk(model, condition, lambda i, j, logits: read(logits.softmax(1)).to(logits.device))


def coded(codes: Tensor, p: Tensor) -> bytes:
    """Codes (n,) as bytes, given the probabilities (n, K) of each."""
    import constriction

    coder = constriction.stream.stack.AnsCoder()
    family = constriction.stream.model.Categorical(perfect=False)
    coder.encode_reverse(codes.cpu().numpy().astype(np.int32), family, p.cpu().numpy())
    return coder.get_compressed().tobytes()


def reader(data: bytes) -> Callable[[Tensor], Tensor]:
    """Reads `coded` bytes from the start: probabilities (n, K) -> the next n codes (n,)."""
    import constriction

    coder = constriction.stream.stack.AnsCoder(np.frombuffer(data, np.uint32))
    family = constriction.stream.model.Categorical(perfect=False)

    def read(p: Tensor) -> Tensor:
        return torch.from_numpy(coder.decode(family, p.cpu().numpy()).astype(np.int64))

    return read


# ---- Yardsticks that a reader knows: the same slices through JPEG, WebP and JPEG 2000 ----------


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


def image_file_rates(images: Sequence[np.ndarray]) -> pd.DataFrame:
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
