"""What was asked of this series on its default data, and what a run got."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vqgen_utils.machine.files import load_json
from vqgen_utils.machine.places import REPOSITORY

HEADLINE = (  # the keys of evaluation.json's "headline", the same in every run
    *("ssim", "ssim_original", "frechet_samples", "frechet_reconstructions", "frechet_floor"),
    *("kid_samples", "precision", "recall", "height_within_3", "anatomy_pass_samples"),
    *("anatomy_pass_real", "memorised_share", "ood_auroc_implant", "ssim_original_more_time"),
    # of samples; the floors stand in the row "held out" of "sets": about 0.5, and about 1
    *("auc_full", "auc_half", "auc_quarter", "texture_power", "inception_score"),
)


# what a score of notebook 07 passes through -> the scores that are none where it fails
INSTRUMENTS = {
    "reader": (
        *("frechet_samples", "frechet_reconstructions", "frechet_floor", "kid_samples"),
        *("precision", "recall", "height_within_3", "anatomy_pass_samples", "anatomy_pass_real"),
        "inception_score",
    ),
    "patients": (  # two held-out patients at least: a floor is what patients differ by
        *("frechet_samples", "frechet_reconstructions", "frechet_floor", "kid_samples"),
        *("precision", "recall", "anatomy_pass_samples", "anatomy_pass_real", "memorised_share"),
        *("height_within_3", "auc_full", "auc_half", "auc_quarter", "texture_power"),
        "inception_score",
    ),
    "ceiling": ("frechet_reconstructions",),  # what cannot be read is no ceiling to compare with
    "place": ("height_within_3",),
    "tissues": ("anatomy_pass_samples", "anatomy_pass_real"),
    "copies": ("memorised_share",),
    **{scale: (f"auc_{scale}",) for scale in ("full", "half", "quarter")},  # each has its judge
    "octaves": ("texture_power",),
    "classes": ("inception_score",),
}
MEASURED_BY = {  # score -> the notebook that measures it, where it is not 07
    **dict.fromkeys(("ssim", "ssim_original", "ssim_original_more_time"), "06"),
    "ood_auroc_implant": "08",
}


def not_measured(failed: dict[str, str]) -> dict[str, str]:
    """The scores that are none, each with its reason.

    Args:
        failed: a key of INSTRUMENTS -> why it failed; "" where it did not.
    """
    reasons: dict[str, str] = {}
    for instrument, reason in failed.items():
        for score in INSTRUMENTS[instrument] if reason else ():
            reasons.setdefault(score, reason)
    return reasons


def by_reason(reasons: dict[str, str]) -> dict[str, str]:
    """Scores and their reasons, each reason once: "recall, precision" -> why they are none."""
    scores: dict[str, list[str]] = {}
    for score, reason in reasons.items():
        scores.setdefault(reason, []).append(score)
    return {", ".join(names): reason for reason, names in scores.items()}


def with_reasons(headline: dict, reasons: dict[str, str]) -> tuple[dict, dict[str, str]]:
    """A headline whose scores with a reason are None, and a reason for each that is None.

    Args:
        headline: the keys of HEADLINE; None or NaN where there was nothing to measure.
        reasons: score -> why it is not measured.
    """
    headline = plain(headline | dict.fromkeys(reasons))
    missing = [score for score, value in headline.items() if value is None]
    unknown = "notebook {} has not measured it, or found nothing to measure"
    return headline, {
        score: reasons.get(score, unknown.format(MEASURED_BY.get(score, "07"))) for score in missing
    }


@dataclass(frozen=True)
class Target:
    """One number, and what it should reach."""

    what: str
    score: str  # a key of the headline, or "a - b" or "a / b" of two
    least: float | None = None
    most: float | None = None

    def value(self, headline: dict) -> float | None:
        """What the run got; None where a part of it was not measured."""
        first, *rest = self.score.split()
        value = headline[first]
        if not rest or value is None:
            return value
        sign, second = rest[0], headline[rest[1]]
        if second is None:
            return None
        if sign == "-":
            return value - second
        return value / second if second else None

    def asked(self) -> str:
        return f"at least {self.least:g}" if self.most is None else f"at most {self.most:g}"

    def met(self, value: float) -> bool:
        return value >= self.least if self.most is None else value <= self.most


TARGETS = (
    Target("SSIM above the original's recipe", "ssim - ssim_original", least=0.10),
    Target(  # not asked for; the target above is an easy one, since that recipe collapses
        "SSIM above it at rate / 10, seconds x 5",
        "ssim - ssim_original_more_time",
        least=0.10,
    ),
    Target(
        "Fréchet: samples / reconstructions", "frechet_samples / frechet_reconstructions", most=2
    ),
    Target("place read back within 3 slices", "height_within_3", least=0.90),
    Target("samples that keep every rule of anatomy", "anatomy_pass_samples", least=0.80),
    Target("real slices that keep every rule", "anatomy_pass_real", least=0.98),
    Target("share of samples that look memorised", "memorised_share", most=0.02),
    Target("precision", "precision", least=0.7),
    Target("recall", "recall", least=0.5),
)


def ssim_of_the_original(content: str, version: str = "original") -> float | None:
    """SSIM of the original's recipe, where it was measured on the data of this `content`.

    `version` is a recipe of `benchmarks/original.py`.
    """
    path = REPOSITORY / "benchmarks" / "results" / "original.json"
    published = load_json(path) if path.exists() else {}
    return published["headline"][f"ssim_{version}"] if published.get("data") == content else None


def verdict(headline: dict, asked: Sequence[Target] = TARGETS) -> pd.DataFrame:
    """The targets beside what a run got.

    Args:
        headline: the scores that they ask about; None where there was nothing to measure.
        asked: the targets.

    Returns:
        A row a target: asked, got (NaN: not measured), met ("yes", "no" or "not measured").
    """
    rows = []
    for target in asked:
        value = plain(target.value(headline))  # NaN becomes None
        met = "not measured" if value is None else ("yes" if target.met(value) else "no")
        rows.append((target.asked(), float("nan") if value is None else value, met))
    return pd.DataFrame(rows, columns=["asked", "got", "met"], index=[t.what for t in asked])


def spelled_out(table: pd.DataFrame) -> pd.DataFrame:
    """A table for reading: "none" where a number is missing."""
    return table.astype(object).where(table.notna(), "none")


STAGES = ("the floor", "the decoder", "the prior")


def who_loses(real: float, reconstructed: float, generated: float, best: float) -> str:
    """The stage at which a score loses most on its way from perfect to generated slices.

    Real held-out slices fall short of `best` by the instrument's own mistakes and by how much
    patients differ (the floor), reconstructions fall short of these by what the codes cannot say,
    and generated slices fall short of reconstructions by what the prior gets wrong.
    """
    sign = 1 if best >= max(real, reconstructed, generated) else -1  # -1: less is better
    way = [sign * score for score in (best, real, reconstructed, generated)]
    losses = [before - after for before, after in itertools.pairwise(way)]
    return STAGES[losses.index(max(losses))] if max(losses) > 0 else "nobody"


def plain(value):
    """Tables, arrays and numbers, nested at will, as what JSON knows; what is missing is None."""
    if isinstance(value, pd.DataFrame):
        return {str(name): plain(row.to_dict()) for name, row in value.astype(object).iterrows()}
    if isinstance(value, pd.Series):
        return plain(value.to_dict())
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
