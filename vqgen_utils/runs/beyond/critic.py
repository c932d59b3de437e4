"""Notebook 13: a decoder is trained on against critics; codes and prior stay as they are.

Three parts, on the training slices and their codes: squared error alone, at its end the smooth
decoder; then the critics alone, while the decoder waits; then both against each other (VQGAN's late
start). The critics see samples of the prior as well, so that these are to look real, too. The sharp
decoder is a running mean of what the last part goes through.

A training that was interrupted begins anew: two optimisers and three networks are not kept for it.
"""

import copy
import dataclasses
import functools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from vqgen_utils.config import Profile, TrainingConfig
from vqgen_utils.data.slices import SliceDataset, Slices
from vqgen_utils.evaluation.domain import DomainNetwork
from vqgen_utils.machine.lock import exclusive
from vqgen_utils.machine.progress import progress_bar
from vqgen_utils.machine.speed import best_device, training_settings
from vqgen_utils.models.beyond import critic as painting
from vqgen_utils.models.beyond import levels as two_stages
from vqgen_utils.models.beyond.critic import NoisyDecoder
from vqgen_utils.models.pixelcnn import height_features
from vqgen_utils.models.sampling import sample
from vqgen_utils.models.vqvae import VQVAE
from vqgen_utils.runs.beyond import levels
from vqgen_utils.runs.beyond.judging import trained_reader
from vqgen_utils.runs.run import Run
from vqgen_utils.training.loop import CLIP_NORM, LOG_EVERY, Fit, Schedule, batches, half_cosine
from vqgen_utils.training.resuming import TrainingFiles, TrainingProgress

READER_SEED = 13  # of the network whose features are compared: it judges nobody


@dataclasses.dataclass(frozen=True)
class CriticConfig:
    """How the decoder is trained on. Lengths are shares of the steps."""

    longer: float = 1.7  # times the steps of the VQ-VAE's own training
    join: float = 0.6  # from here on there are critics (the late start)
    listen: float = 0.64  # from here on the decoder listens to them
    batch_size: int = 8  # slices a step, and half as many samples
    learning_rate: float = 1e-3  # of the decoder, alone
    against_critics: float = 0.3  # times that rate: slower than they learn, or it outruns them
    critic_rate: float = 2e-3
    betas: tuple[float, float] = (0.5, 0.9)  # Adam's: a short memory, for the critics move
    critic_says: float = 1.2  # weight of what critics say, on top of the adaptive one
    heeded: float = 1.0  # largest adaptive weight
    detail: float = 0.2  # weight of the difference in amount of detail
    memory: float = 0.99  # of the running mean of weights that is kept: single steps go to and fro
    features: float = 0.1  # weight of the difference of the reader's features
    samples: int = 600  # of the prior, drawn once, for the critics to look at
    blocks: int = 1  # that the decoder gets


class Sharpened(NamedTuple):
    """What a training leaves."""

    smooth: NoisyDecoder  # before it met a critic
    sharp: NoisyDecoder  # after it
    fit: Fit


def sharpened(
    run: Run,
    settings: Profile,
    steps: int | None = None,
    seed: int = 0,
    config: CriticConfig | None = None,
    two_levels: bool = False,
) -> Sharpened:
    """Train the decoder of a run's VQ-VAE on, or load what an equal training left.

    Args:
        run: with a trained VQ-VAE and prior.
        settings: of the run.
        steps: of the whole training; None: a multiple of the VQ-VAE's own.
        seed: of critics, noise and order of slices.
        config: None: the one that the notebook has.
        two_levels: the decoder of the residual codes of notebook 11 instead.
    """
    config, slices = config or CriticConfig(), run.load_slices(settings)
    base = (two_levels_of if two_levels else plain_of)(run, settings, slices)
    learn, _ = slices.to_learn_from()
    own = Schedule(len(learn), settings.vqvae_training).steps
    steps = steps or round(config.longer * own)
    made_from = {
        **dataclasses.asdict(config),
        "steps": steps,
        "seed": seed,
        "data": slices.content,
        "reader": dataclasses.asdict(settings.domain_training),
        "width": settings.evaluation.domain_width,
        **{name: run.fingerprint(f"{name}.safetensors") for name in base.made_from},
    }
    usual = steps == round(config.longer * own) and seed == 0 and config == CriticConfig()
    # a trial does not push out what 14 looks at
    weights = weights_of(run, two_levels, "critic" if usual else "critic_other")
    files = TrainingFiles(weights, json.loads(json.dumps(made_from)))
    torch.manual_seed(seed)
    both = nn.ModuleDict({n: NoisyDecoder(base.vqvae, config.blocks) for n in ("smooth", "sharp")})
    with exclusive(run.folder):
        progress = files.load_weights(both)
    if progress is None:
        lesson = lesson_of(run, settings, slices, base, config)
        progress = train(both, lesson, steps, seed, config)
        with exclusive(run.folder):
            files.save_weights(both, progress)
    both.eval().to(best_device())
    fit = Fit(pd.DataFrame(progress.rows), progress.seconds, steps)
    return Sharpened(both["smooth"], both["sharp"], fit)


def weights_of(run: Run, two_levels: bool, name: str = "critic") -> Path:
    """Where the weights of the sharp decoder lie, that of one level of codes or of two."""
    return run.path(f"{name}{'_two_levels' if two_levels else ''}.safetensors")


class Base(NamedTuple):
    """What a decoder is trained on top of; codes are (n, h, w), or (n, 2, h, w) of two levels."""

    vqvae: VQVAE
    codes: Callable[[], Tensor]  # of all slices; not asked for where the decoder is there
    draw: Callable[[Tensor, list[int]], Tensor]  # what a prior is told (n, 16), n seeds -> codes
    made_from: tuple[str, ...]  # the files of the models in it, without their endings


def plain_of(run: Run, settings: Profile, slices: Slices) -> Base:
    """The run's own VQ-VAE and prior."""
    draw = functools.partial(sample, run.load_prior())
    return Base(run.load_vqvae(), run.load_codes, draw, ("vqvae", "prior"))


def two_levels_of(run: Run, settings: Profile, slices: Slices) -> Base:
    """The residual codes of notebook 11, and the run's prior with a second stage."""
    model, _ = levels.residual(run, settings, slices)
    below, _ = levels.bottom_stage(run, settings, slices, model, "residual")
    first = run.load_prior()

    def draw(told: Tensor, seeds: list[int]) -> Tensor:
        return torch.stack(two_stages.draw(first, below, told, seeds), 1)  # (n, 2, h, w)

    names = ("vqvae", "prior", "levels_residual", "levels_residual_bottom")
    return Base(model, lambda: model.encode(slices.tensor), draw, names)


class Pairs(Dataset):
    """Slices and their codes; `[list]` is a batch, (B, 1, H, W) and (B, h, w)."""

    def __init__(self, slices: SliceDataset, codes: Tensor):
        self.slices, self.codes = slices, codes[slices.rows.index]

    def __len__(self) -> int:
        return len(self.slices)

    def __getitem__(self, items: list[int]) -> tuple[Tensor, Tensor]:
        return self.slices[items][0], self.codes[items]


class Lesson(NamedTuple):
    """What the decoder and its critics learn from."""

    train: Dataset  # `[list]` -> slices (B, 1, H, W) and their codes (B, h, w)
    drawn: Tensor  # (M, h, w), codes of samples
    reader: DomainNetwork  # whose features are compared
    variance: float  # of the training pixels


def lesson_of(
    run: Run, settings: Profile, slices: Slices, base: Base, config: CriticConfig
) -> Lesson:
    """Training slices with their codes, samples of the prior, and a reader of their own."""
    learn, _ = slices.to_learn_from()
    heights = torch.tensor(learn.rows["height"].to_numpy(), dtype=torch.float32)  # (n,)
    drawn = draw(base, heights, min(config.samples, 4 * len(learn)))
    reader = trained_reader(run, settings, slices, READER_SEED)
    variance = float(base.vqvae.data_variance)
    return Lesson(Pairs(learn, base.codes()), drawn, reader, variance)


def draw(base: Base, heights: Tensor, number: int) -> Tensor:
    """Codes of `number` samples at places as frequent as `heights` (n,)."""
    picked = heights[torch.linspace(0, len(heights) - 1, number).long()]
    seeds = torch.arange(number).split(100)
    return torch.cat([base.draw(height_features(picked[s]), s.tolist()) for s in seeds])


def train(
    both: nn.ModuleDict, lesson: Lesson, steps: int, seed: int, config: CriticConfig
) -> TrainingProgress:
    """Train `both`: "smooth" is as it was when the critics joined, "sharp" heard them."""
    device = best_device()
    data = TrainingConfig(batch_size=config.batch_size, seed=seed)
    progress, began = TrainingProgress(), time.perf_counter()
    with (
        training_settings(device) as choose_threads,
        torch.random.fork_rng([device] if device.type == "cuda" else []),
        progress_bar(steps, "training critic", "step") as bar,
    ):
        torch.manual_seed(seed)
        game = Game(both.to(device), lesson, config, steps, seed)
        for batch in batches(lesson.train, data, device, 0, steps):
            terms = game.step(*batch)
            choose_threads()
            bar.update()
            progress.step, progress.seconds = game.done, time.perf_counter() - began
            if game.done % LOG_EVERY == 0 or game.done == steps:
                row = {"step": game.done, "seconds": progress.seconds}
                row["epoch"] = game.done * config.batch_size / len(lesson.train)
                progress.rows.append(row | {name: float(one) for name, one in terms.items()})
    return progress


class Game:
    """A decoder and two critics, and what each of them does in a step.

    Args:
        both: as for `train`, on its device.
        lesson: what they learn from.
        config: how.
        steps: in all.
        seed: of the noise.
    """

    def __init__(
        self, both: nn.ModuleDict, lesson: Lesson, config: CriticConfig, steps: int, seed: int
    ):
        self.both, self.lesson, self.config = both, lesson, config
        self.decoder = copy.deepcopy(both["sharp"])
        self.device = self.decoder.last.device
        self.steps, self.done = steps, 0
        self.join, self.listen = round(config.join * steps), round(config.listen * steps)
        self.critics = nn.ModuleList([painting.PatchCritic(1), painting.PatchCritic(2)]).to(
            self.device
        )
        self.reader = lesson.reader.to(self.device).eval().requires_grad_(False)
        self.random = torch.Generator().manual_seed(seed)
        weights = [w for w in self.decoder.parameters() if w.requires_grad]
        self.painter = torch.optim.Adam(weights, betas=config.betas)
        self.critic = torch.optim.Adam(self.critics.parameters(), betas=config.betas)
        self.decoder.train()
        self.decoder.vqvae.eval()

    def step(self, x: Tensor, codes: Tensor) -> dict[str, Tensor]:
        """Learn from slices (B, 1, H, W) and their codes (B, h, w); the terms of the losses."""
        if self.done == self.join:
            for kept in self.both.values():
                kept.load_state_dict(self.decoder.state_dict())
        self._set_rates()
        self.done += 1
        if self.done <= self.join:
            truth = self._truth(self.decoder(codes), x)
            self._learn(truth)
            return {"truth": truth.detach()}
        codes = torch.cat([codes, self._some_drawn(len(x) // 2)])  # (B + B/2, h, w)
        size = (len(codes), self.decoder.folded, *codes.shape[-2:])
        noise = torch.randn(*size, generator=self.random).to(self.device)
        with torch.set_grad_enabled(self.done > self.listen):
            painted = self.decoder(codes, noise)  # (B + B/2, 1, H, W)
        told = self._critics_learn(x, painted.detach())
        if self.done <= self.listen:
            return {"critics": told}
        truth = self._truth(painted[: len(x)], x)
        looks = sum(painting.painter_loss(critic.compare(x, painted)[1]) for critic in self.critics)
        weight = painting.adaptive_weight(truth, looks, self.decoder.last).clamp(
            max=self.config.heeded
        )
        amount = painting.detail_loss(painted[: len(x)], x)
        says = self.config.critic_says * weight * looks
        self._learn(truth + says + self.config.detail * amount)
        self._remember()
        return {"truth": truth.detach(), "critics": told, "looks": looks.detach(), "weight": weight}

    def _truth(self, x_hat: Tensor, x: Tensor) -> Tensor:
        """Squared error of pixels, and of what the reader makes of them (Johnson et al. 2016)."""
        loss = F.mse_loss(x_hat, x) / self.lesson.variance
        if self.config.features and self.done > self.join:
            ours, theirs = self.reader.fine(x_hat), self.reader.fine(x)  # (B, C, H/4, W/4)
            loss = loss + self.config.features * F.mse_loss(ours, theirs) / theirs.var()
        return loss

    def _critics_learn(self, x: Tensor, painted: Tensor) -> Tensor:
        """A step of the critics; what they pay: 2 each when they cannot tell."""
        self.critics.requires_grad_(True)
        loss = sum(painting.critic_loss(*critic.compare(x, painted)) for critic in self.critics)
        self.critic.zero_grad()
        loss.backward()
        self.critic.step()
        self.critics.requires_grad_(False)
        return loss.detach()

    def _learn(self, loss: Tensor) -> None:
        """A step of the decoder."""
        self.painter.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.decoder.parameters(), CLIP_NORM)
        self.painter.step()

    @torch.no_grad()
    def _remember(self) -> None:
        """The sharp decoder is a running mean of what is learned (Yazici et al. 2019)."""
        for kept, new in zip(
            self.both["sharp"].parameters(), self.decoder.parameters(), strict=True
        ):
            kept.lerp_(new, 1 - self.config.memory)

    def _some_drawn(self, number: int) -> Tensor:
        """Codes of a few samples, at random: (number, h, w)."""
        which = torch.randint(len(self.lesson.drawn), (number,), generator=self.random)
        return self.lesson.drawn[which].to(self.device)

    def _set_rates(self) -> None:
        """Learning rates fall by half a cosine, once without critics and once with them."""
        alone = self.done < self.join
        passed = self.done / self.join if alone else self._passed_with_critics()
        falling = 0.02 + 0.98 * half_cosine(passed)
        if alone:
            falling *= min(1.0, (self.done + 1) / max(1, 0.05 * self.join))  # warm-up
        rates = {
            self.painter: self.config.learning_rate
            * (1.0 if alone else self.config.against_critics),
            self.critic: self.config.critic_rate,
        }
        for optimizer, rate in rates.items():
            optimizer.param_groups[0]["lr"] = falling * rate

    def _passed_with_critics(self) -> float:
        return (self.done - self.join) / max(1, self.steps - self.join)
