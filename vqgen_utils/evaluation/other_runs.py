"""Other runs on the same data, such as those of a sweep, to draw beside this one."""

import math

import pandas as pd

from vqgen_utils.checkpoint import load_settings
from vqgen_utils.config import home
from vqgen_utils.errors import InputError
from vqgen_utils.files import load_json
from vqgen_utils.vqvae import STRIDE

COLUMNS = ("run", "num_embeddings", "plain_bits", "prior_bits", "ssim")


def finished_runs(content: str) -> pd.DataFrame:
    """Every run with a trained prior on the data of this `content` (see `Slices`).

    Returns:
        A row a run, by name: num_embeddings; bits a pixel with codes written plainly, and as the
        prior codes them; SSIM on held-out patients.
    """
    rows = []
    for path in sorted((home() / "runs").glob("*/metrics.json")):
        try:
            scores, made_from = load_json(path), load_settings(path.parent / "vqvae.safetensors")
        except InputError:
            continue  # unfinished or damaged: not a result
        if made_from["data"] == content and {"vqvae", "prior"} <= scores.keys():
            k = scores["vqvae"]["num_embeddings"]
            plain = math.log2(k) / STRIDE**2
            coded = scores["prior"]["bits_per_pixel"]
            rows.append((path.parent.name, k, plain, coded, scores["vqvae"]["ssim"]))
    return pd.DataFrame(rows, columns=list(COLUMNS))
