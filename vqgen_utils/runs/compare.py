"""Other runs to draw beside this one: those that lie in `runs/`, and the published sweeps."""

import math

import pandas as pd

from vqgen_utils.config import REPOSITORY, VQVAEConfig, home
from vqgen_utils.errors import InputError
from vqgen_utils.machine.files import load_json
from vqgen_utils.training.checkpoint import load_settings

COLUMNS = ("run", "stride", "num_embeddings", "plain_bits", "prior_bits", "ssim")
PUBLISHED = REPOSITORY / "benchmarks" / "results" / "sweeps.json"


def finished_runs(content: str) -> pd.DataFrame:
    """Every run with a trained prior on the data of this `content` (see `Slices`).

    Returns:
        A row a run, by name: stride; num_embeddings; bits a pixel with codes written plainly, and
        as the prior codes them; SSIM on held-out patients.
    """
    rows = []
    for path in sorted((home() / "runs").glob("*/metrics.json")):
        try:
            scores, made_from = load_json(path), load_settings(path.parent / "vqvae.safetensors")
            model = VQVAEConfig(**made_from["model"])
        except (InputError, TypeError):
            continue  # unfinished, damaged or of another version: not a result
        if made_from["data"] == content and {"vqvae", "prior"} <= scores.keys():
            stride, k = model.stride, model.num_embeddings
            plain, coded = math.log2(k) / stride**2, scores["prior"]["bits_per_pixel"]
            rows.append((path.parent.name, stride, k, plain, coded, scores["vqvae"]["ssim"]))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def published_codes(content: str) -> pd.DataFrame:
    """`finished_runs` of the published sweep over codebooks and grids; empty for other data."""
    published = _published()
    rows = published["codes"] if published["data"] == content else []
    return pd.DataFrame(rows, columns=list(COLUMNS))


def published_patients() -> pd.DataFrame:
    """The published sweep over the number of training patients, a row a run; or no row.

    Columns: patients, slices, and scores; see `benchmarks/sweeps.py`.
    """
    return pd.DataFrame(_published()["patients"])


def _published() -> dict:
    return load_json(PUBLISHED) if PUBLISHED.exists() else {"data": "", "codes": [], "patients": []}
