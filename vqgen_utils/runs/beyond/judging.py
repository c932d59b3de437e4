"""All that notebook 07 asks of samples, asked of any generator on the data of one run.

A `Judge` looks at pictures alone, and does not know what made them: the same reader, the same real
slices, the same judges of texture, whatever the codebook, the prior or the decoder.
"""

import functools
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from vqgen_utils.config import Profile, change
from vqgen_utils.evaluation import (
    anatomy,
    bootstrap,
    domain,
    fidelity,
    memorisation,
    metrics,
    targets,
)
from vqgen_utils.evaluation.texture import classes, judges, octaves
from vqgen_utils.models.pixelcnn import height_features
from vqgen_utils.runs.run import Run
from vqgen_utils.training.loop import fit

MEASURES = (
    *("ssim", "psnr", "frechet_samples", "precision", "recall", "anatomy_pass_samples"),
    *("symmetry", "memorised_share", "auc_full", "auc_half", "auc_quarter", "texture_power"),
    "inception_score",
)
AT_ONCE = 2000  # training slices that samples are held against: more only take more memory


class Judge:
    """One reader and one set of real slices for the samples of many generators.

    Args:
        run: with a trained VQ-VAE; what it has learned from is what samples are held against.
        settings: of the run.
        reader_seed: of the network that reads slices. None: that of notebook 07. A generator that
            was trained with one reader is judged by another.
        split: whose slices are the held-out ones. What is chosen by a judge is chosen on
            "validate", and reported on "test".

    Attributes:
        rows: of the held-out slices, as in the data's index.
        x: (n, H, W) those slices.
        told: (n, 16) what a prior is told of their places.
    """

    def __init__(
        self, run: Run, settings: Profile, reader_seed: int | None = None, split: str = "test"
    ):
        slices = run.load_slices(settings)
        train, self.rows = slices.subset("train").rows, slices.subset(split).rows
        known = train.iloc[:: math.ceil(len(train) / AT_ONCE)]
        self.steps = settings.evaluation.judge_steps
        self.heights = self.rows["height"].to_numpy()
        self.patients = self.rows["patient"].to_numpy()
        self.known_heights, self.known_patients = (
            known[n].to_numpy() for n in ("height", "patient")
        )
        self.told = height_features(torch.tensor(self.heights, dtype=torch.float32))  # (n, 16)
        self.x = torch.from_numpy(slices.images[self.rows.index].astype(np.float32))  # (n, H, W)
        self.known = torch.from_numpy(slices.images[known.index].astype(np.float32))  # (N, H, W)
        vqvae, codes = run.load_vqvae(), run.load_codes()
        self._plain = vqvae.decode(codes[self.rows.index])[:, 0]  # (n, H, W)
        self._copies = vqvae.decode(codes[known.index[:32]])[:, 0]  # (32, H, W)
        self.reader = trained_reader(run, settings, slices, reader_seed)
        self.reference = domain.look_at(self.reader, self.known)
        self._real = anatomy.measure_all(self.reference.tissues, self.known_heights)
        self._floor = domain.read_rounds(self.reader, self.x)
        self._slices, self._index = slices, known.index

    @functools.cached_property
    def failed(self) -> dict[str, str]:
        """Instrument -> why it says nothing, "" where it does; as `targets.INSTRUMENTS`."""
        slices, read = self._slices, self._floor.reading
        failed = {"tissues": domain.why_unlabelled(slices)}
        failed["reader"] = domain.why_blind(read.heights, self.heights, self.known_heights)
        one = "the held-out slices are of one patient, and how patients differ is not known"
        failed["patients"] = one if len(set(self.patients)) < 2 else ""
        if not failed["tissues"]:
            labels, of_known = slices.labels[self.rows.index], slices.labels[self._index]
            failed["tissues"] = domain.why_no_tissues(read.tissues, labels, of_known)
        failed |= {scale: self._why_no_judge(scale) for scale in judges.SCALES}
        power = octaves.octave_power(self.known).iloc[0]
        failed["octaves"] = "" if power > 0 else "real slices have no power in the finest octave"
        shares, tenths = self._shares(read.features)[0], metrics.level_of(self.known_heights)
        failed["classes"] = classes.why_no_classes(shares, metrics.level_of(self.heights), tenths)
        near = self._nearness(self._plain, self._copies)
        failed["copies"] = near.why_not("samples")
        return failed

    def scores(self, x_hat: Tensor | None, rounds: Sequence[Tensor]) -> pd.DataFrame:
        """Every measure of a generator.

        Args:
            x_hat: (n, H, W) its reconstructions of the held-out slices; None: it has none.
            rounds: of (n, H, W) samples at the held-out places; two at least, or none at all.

        Returns:
            A row for each of MEASURES: mean, low, high. Of what each slice has (SSIM, rules, AUC,
            copies) low and high are the interval over patients; of what a set has (Fréchet
            distance, precision, recall, power, Inception Score) the lowest and the highest round.
            NaN: not measured.
        """
        table = pd.DataFrame(np.nan, index=list(MEASURES), columns=["mean", "low", "high"])
        each = {}
        if x_hat is not None:
            pair = self.x.numpy(), x_hat.numpy()
            each = {"ssim": metrics.ssim(*pair)[0], "psnr": metrics.psnr(*pair)}
        if rounds:
            read = domain.read_rounds(self.reader, *rounds)
            each |= self._each_slice(read, self._plain if x_hat is None else x_hat)
            sets = self._each_round(read)
            for name, values in sets.items():
                table.loc[name] = np.mean(values), np.min(values), np.max(values)
        for name, values in each.items():
            # a slice of the second round is at the place of the same patient as in the first
            whose = np.tile(self.patients, len(values) // len(self.patients))
            found = bootstrap.with_intervals({name: values}, whose)
            table.loc[found.index] = found
        return table

    def floor(self) -> pd.DataFrame:
        """What real slices of the held-out patients get: no generator has to do better."""
        table = self.scores(None, [self.x])
        table.loc["memorised_share"] = np.nan  # the limit is made from them
        for scale, auc in self._controls.items():
            table.loc[f"auc_{scale}"] = np.nan if self.failed[scale] else auc.loc["real"]
        return table

    @property
    def _missing(self) -> set[str]:
        """The measures whose instrument failed."""
        missing = set(targets.not_measured(self.failed))
        return missing | ({"symmetry"} if "anatomy_pass_samples" in missing else set())

    def _each_slice(self, read: domain.Rounds, x_hat: Tensor) -> dict[str, np.ndarray]:
        """Name -> (R*n,) or (n,) for what every slice has a value of its own."""
        missing, each = self._missing, {}
        if "anatomy_pass_samples" not in missing:
            judged = anatomy.judge_rounds({"": read}, self.heights, self._real)[""]
            each["anatomy_pass_samples"] = judged["all"].to_numpy(float)
            each["symmetry"] = judged["symmetry"].to_numpy(float)
        if "memorised_share" not in missing:
            near = self._nearness(x_hat, read.all_slices)
            each["memorised_share"] = (near.groups["samples"] < near.limit).astype(float)
        asked, *learned = read.slices  # a judge is asked about a round that it has not learned from
        for scale in judges.SCALES if learned else ():
            if f"auc_{scale}" not in missing:
                drawn = torch.cat(learned)
                trial = judges.Trial(self.known, drawn, self.x, asked, self.patients)
                each[f"auc_{scale}"] = judges.told_apart(trial, scale, self.steps)
        return each

    def _each_round(self, read: domain.Rounds) -> dict[str, list[float]]:
        """Name -> a value a round, for what only a set of slices has."""
        missing, sets = self._missing, {}
        features = [reading.features for reading in read.readings]  # R of (n, F)
        if "frechet_samples" not in missing:
            reference, *scaled = fidelity.standardise(self.reference.features, *features)
            rows = pd.DataFrame([fidelity.compare_sets(reference, [one]) for one in scaled])
            rows = rows.rename(columns={"frechet": "frechet_samples"}).drop(columns="kid")
            sets |= rows.to_dict("list")
        if "inception_score" not in missing:
            sets["inception_score"] = [
                classes.inception_score(one) for one in self._shares(*features)
            ]
        if "texture_power" not in missing:
            named = {str(number): one for number, one in enumerate(read.slices)}
            sets["texture_power"] = octaves.power_over_real(named, self.known).iloc[:, 0].tolist()
        return sets

    def _shares(self, *features: Tensor) -> list[Tensor]:
        """How sure the reader is of each tenth of the scan, for each slice of sets (n, F)."""
        known, *scaled = fidelity.standardise(self.reference.features, *features)
        return classes.class_shares(known, metrics.level_of(self.known_heights), *scaled)

    def _nearness(self, x_hat: Tensor, samples: Tensor) -> memorisation.Nearness:
        """How near samples come to training slices, beside reconstructions of held-out ones."""
        groups = {"held out": x_hat, "samples": samples}
        away = {n: memorisation.nearest(some, self.known)[0].numpy() for n, some in groups.items()}
        return memorisation.Nearness(away, "held out")

    def _why_no_judge(self, scale: str) -> str:
        """Why judges of texture say nothing at this scale; "" where they do."""
        too_few = judges.why_too_few(self.known_patients, self.patients)
        if too_few:
            return too_few
        auc = self._controls[scale]["mean"]
        return judges.why_not(scale, blurred=auc["blurred"], real=auc["real"])

    @functools.cached_property
    def _controls(self) -> dict[str, pd.DataFrame]:
        """Scale -> AUC of blurred slices and of real ones of other patients, with intervals."""
        if judges.why_too_few(self.known_patients, self.patients):
            return {}
        one, some = judges.every_other(self.known_patients), judges.every_other(self.patients)
        known, x = self.known, self.x
        controls = {}
        for scale in judges.SCALES:
            soft, soft_x = (judges.blurred(sharp, scale) for sharp in (known, x))
            trials = {
                "real": judges.Trial(
                    known[one], known[~one], x[some], x[~some], self.patients[some]
                ),
                "blurred": judges.Trial(known, soft, x, soft_x, self.patients),
            }
            controls[scale] = judges.auc_with_intervals(trials, scale, self.steps)
        return controls


def trained_reader(
    run: Run, settings: Profile, slices, seed: int | None = None
) -> domain.DomainNetwork:
    """The network of notebook 07 that reads slices, or one like it from another seed.

    It is trained where it is not there yet.
    """
    width, training = settings.evaluation.domain_width, settings.domain_training
    if seed is not None:
        training = change(settings, domain_seed=seed).domain_training
    own = seed is None or seed == settings.domain_training.seed
    torch.manual_seed(training.seed)
    reader = domain.DomainNetwork(width)
    check = domain.LabelledSlices(slices, "validate")
    fit(
        reader,
        domain.domain_losses,
        domain.LabelledSlices(slices, "train"),
        training,
        run.path("domain.safetensors" if own else f"domain_{training.seed}.safetensors"),
        {"width": width, "data": slices.content, "tissues": domain.labelled(slices)},
        validate=check if len(check) else None,
    )
    return reader
