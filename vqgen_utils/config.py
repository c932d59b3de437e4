"""The profiles and every hyperparameter: what each one is, its unit, and why it has its value.

A profile is one set of settings for the whole series:

    smoke   seconds a notebook; the tests use it. Scores mean nothing here.
    quick   the default: two CPU cores, all notebooks in minutes, half-resolution slices.
    full    a GPU: 256 x 128 slices, all 60 slices of each volume.

Any field can be changed by its flat name (see `PARAMETERS`), from a notebook's parameters cell
or with `vqgen run --set num_embeddings=256`.
"""

import dataclasses
import itertools
import re
from dataclasses import field
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from vqgen_utils.errors import InputError

STRICT = ConfigDict(strict=True, allow_inf_nan=False, extra="forbid")


def odd(size: int) -> int:
    """A kernel's size, if it has a centre."""
    if size % 2 == 0:
        raise ValueError("an odd number, so that a kernel has a centre")
    return size


def pattern(text: str) -> str:
    """A regular expression, if it is one."""
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"a regular expression ({error})") from error
    return text


# what a number may be: the limits keep out what cannot be meant, and what no machine could hold
Source = Literal["phantom", "hipmri", "nifti", "msd-prostate"]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
CountOrNone = Annotated[int, Field(ge=0, le=1_000_000)]
FoldsOrNone = Annotated[int, Field(ge=0, le=1000)]
Pixels = Annotated[int, Field(ge=8, le=4096)]
Width = Annotated[int, Field(ge=1, le=2**20)]  # channels, numbers in a vector
Codes = Annotated[int, Field(ge=2, le=2**20)]  # one code alone would say nothing
WidthToHalve = Annotated[int, Field(ge=2, le=2**20)]  # by the first layer of the strided stem
Layers = Annotated[int, Field(ge=1, le=256)]
LayersOrNone = Annotated[int, Field(ge=0, le=256)]
Kernel = Annotated[int, Field(ge=1, le=63), AfterValidator(odd)]
Steps = Annotated[int, Field(ge=1, le=10**9)]
StepsOrNone = Annotated[int, Field(ge=0, le=10**9)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Rate = Annotated[float, Field(gt=0, le=10)]
Weight = Annotated[float, Field(ge=0, le=1000)]  # of a loss term
Share = Annotated[float, Field(ge=0, le=1)]
Degrees = Annotated[float, Field(ge=0, le=180)]
ShareBelowOne = Annotated[float, Field(ge=0, lt=1)]
Pattern = Annotated[str, AfterValidator(pattern)]

# codes of a grid: at 128 x 128 a step of 8 slices takes even the tiny prior of `smoke` 2 s and
# 1 GB on one core; with four times as many codes, four times as much of both
MOST_CODES = 2**14
FEW = 30  # training patients up to whom augmentation has its full strength
RANGES = ("augment_turn", "augment_scale", "augment_shift", "augment_contrast")


@dataclass(frozen=True, config=STRICT)
class DataConfig:
    """Which slices, how large, and who is held out."""

    data_source: Source = "phantom"  # who laid the folder out
    data_dir: str = ""  # where the scans lie; empty: under data/, drawn (phantom) or downloaded
    include: str = ""  # only files whose path is like one of these globs, with commas between
    exclude: str = ""  # no files whose path is like one of these globs
    patient_pattern: Pattern = ""  # what of a path is the patient: its first group, or all of it
    image_height: Pixels = 128  # pixels along the array's first axis (axial: right to left)
    image_width: Pixels = 64  # pixels along the second (axial: back to front); half the study's 128
    other_shapes: Literal["drop", "crop"] = "drop"  # slices that are not as most (256x144)
    # the axis that volumes are cut across: 0 sagittal, 1 coronal, 2 axial; None: as acquired
    slice_axis: Literal[0, 1, 2] | None = None
    patients_train: Count = 120  # phantom patients in training: more beat more slices of each
    patients_validate: CountOrNone = 6  # phantom patients the learning curves are drawn on
    patients_test: Count = 12  # phantom patients that every reported score is measured on
    weeks: Count = 2  # scans of each phantom patient (the study: up to eight)
    slice_step: Count = 12  # the phantom writes every n-th of a volume's 60 slices
    data_seed: Seed = 0  # of the phantom, and of the split by patient where the folder gives none
    folds: FoldsOrNone = 0  # parts that the patients are dealt into, each tested once; 0: one split
    fold: CountOrNone = 0  # which of them is the test: 0 to folds - 1
    test_patients: str = ""  # who is the test, by name, with commas between; empty: drawn by seed


@dataclass(frozen=True, config=STRICT)
class VQVAEConfig:
    """The autoencoder and its codebook. Names as in van den Oord et al. 2017."""

    num_embeddings: Codes = 128  # K, codes in the codebook
    embedding_dim: Width = 32  # D, numbers in a code; few make the nearest-code search meaningful
    hidden_dim: WidthToHalve = 96  # channels inside encoder and decoder
    residual_layers: LayersOrNone = 2  # residual blocks on each side
    residual_hidden_dim: Width = 32  # channels inside a residual block
    commitment_cost: Weight = 0.25  # beta: how strongly the encoder is pulled to its codes
    stride: Literal[2, 4, 8] = 4  # pixels that a code covers along each axis
    stem: Literal["unshuffle", "strided"] = "unshuffle"  # how pixels become one position
    codebook_update: Literal["ema", "gradient"] = "ema"  # appendix A.1 of the paper, or its eq. 3
    decay: ShareBelowOne = 0.95  # of the EMA: slower codes lag behind the encoder at first
    revive_below: Share = 0.1  # a code used less than this share of an even share is dead


@dataclass(frozen=True, config=STRICT)
class PriorConfig:
    """The gated PixelCNN over the grid of codes (van den Oord et al. 2016)."""

    prior_channels: Width = 64  # channels of each stack
    prior_layers: Layers = 6  # gated layers
    prior_kernel_size: Kernel = 3  # on the clock, wide channels beat wide kernels
    prior_hidden_dim: Width = 128  # channels of the head before the logits
    prior_dropout: ShareBelowOne = 0.0  # share of head channels dropped in training


@dataclass(frozen=True, config=STRICT)
class TrainingConfig:
    """One optimisation run."""

    batch_size: Count = 4  # slices a step; on a CPU's clock, many small steps beat few large ones
    epochs: CountOrNone = 0  # passes over all training slices; 0: by `steps`
    steps: StepsOrNone = 0  # batches; 0: as the slices ask for, up to `longest`
    longest: Steps = 1500  # batches that the profile has time for
    patience: Share = 0.4  # of the steps; after so many without better validation, stop
    learning_rate: Rate = 2e-3  # peak of the one-cycle schedule, AdamW
    weight_decay: Weight = 0.01  # AdamW's
    seed: Seed = 0  # of weights, data order and codebook revival
    compiled: bool = False  # torch.compile, on a GPU only: a minute to start, then faster steps


@dataclass(frozen=True, config=STRICT)
class AugmentationConfig:
    """How far a picture is changed before it is learned from, at most; all draws equally likely.

    Full strength is for a handful of people. It is what differs between two bodies laid on the same
    table by two radiographers, and not more: whatever is shown is learned, and then drawn.
    """

    augment: Literal["auto", "full", "off"] = "auto"  # auto: full for FEW patients, less for more
    augment_turn: Degrees = 5.0  # degrees to either side; nobody lies exactly straight
    augment_scale: Share = 0.08  # exp(+-0.08): bodies 8 % larger or smaller
    augment_shift: Share = 0.08  # of the picture's sides; nobody lies exactly in the middle
    augment_contrast: Share = 0.22  # brightness to the power of exp(+-0.22); coils and fat differ
    augment_mirror: bool = False  # also right for left: only where sides mean nothing to you

    def scaled_for(self, patients: int) -> "AugmentationConfig":
        """The ranges for a number of training patients, at the strength that `augment` asks for."""
        strength = {"full": 1.0, "off": 0.0, "auto": min(1.0, FEW / max(1, patients))}[self.augment]
        return dataclasses.replace(
            self,
            **{name: strength * getattr(self, name) for name in RANGES},
            augment_mirror=self.augment_mirror and strength > 0,
        )

    @property
    def changes_nothing(self) -> bool:
        """Whether every range is empty."""
        return not any(getattr(self, name) for name in RANGES) and not self.augment_mirror


@dataclass(frozen=True, config=STRICT)
class EvaluationConfig:
    """How many samples are judged, and with which network slices are read."""

    evaluation_samples: Count = 600  # to draw, at least; whole rounds of the held-out heights
    domain_width: Width = 40  # channels of the domain network at its finest level
    judge_steps: Steps = 100  # batches that a judge of texture learns from: a second a judge


@dataclass(frozen=True, config=STRICT)
class Profile:
    """Everything the series needs to know, as one value."""

    name: str
    data: DataConfig = field(default_factory=DataConfig)
    vqvae: VQVAEConfig = field(default_factory=VQVAEConfig)
    vqvae_training: TrainingConfig = field(default_factory=TrainingConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    prior: PriorConfig = field(default_factory=PriorConfig)
    prior_training: TrainingConfig = field(default_factory=TrainingConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    domain_training: TrainingConfig = field(default_factory=TrainingConfig)

    def to_dict(self) -> dict:
        """This profile as plain nested dictionaries, ready for JSON."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_dict(values: dict) -> "Profile":
        """The inverse of `to_dict`. A section that `values` lacks is the profile's own."""
        own = PROFILES.get(values["name"], Profile(values["name"]))
        known = {
            section: kind(**values[section])
            for section, (kind, _) in SECTIONS.items()
            if section in values
        }
        return dataclasses.replace(own, **known)


# section of a profile -> (its class, the prefix of its parameters): two trainings have fields of
# the same names, and each name means one thing in the whole series
SECTIONS: dict[str, tuple[type, str]] = {
    "data": (DataConfig, ""),
    "vqvae": (VQVAEConfig, ""),
    "vqvae_training": (TrainingConfig, ""),
    "augmentation": (AugmentationConfig, ""),
    "prior": (PriorConfig, ""),
    "prior_training": (TrainingConfig, "prior_"),
    "evaluation": (EvaluationConfig, ""),
    "domain_training": (TrainingConfig, "domain_"),
}

PROFILES = {
    "smoke": Profile(
        name="smoke",
        data=DataConfig(
            patients_train=4, patients_validate=1, patients_test=2, weeks=1, slice_step=6
        ),
        vqvae=VQVAEConfig(hidden_dim=32, residual_layers=1),
        vqvae_training=TrainingConfig(epochs=4, batch_size=8),
        prior=PriorConfig(prior_channels=16, prior_layers=2, prior_hidden_dim=32),
        prior_training=TrainingConfig(epochs=2, batch_size=8),
        evaluation=EvaluationConfig(evaluation_samples=20, domain_width=8, judge_steps=20),
        domain_training=TrainingConfig(batch_size=8, steps=40, learning_rate=1e-2),
    ),
    "quick": Profile(
        name="quick",
        # long steps against a strong pull to zero: more learned in as many steps, less by heart
        prior_training=TrainingConfig(learning_rate=6e-3, weight_decay=0.3, longest=3000),
        domain_training=TrainingConfig(batch_size=8, steps=600, learning_rate=3e-3),
    ),
    "full": Profile(
        name="full",
        data=DataConfig(
            image_height=256,
            image_width=128,
            patients_train=95,
            patients_validate=5,
            patients_test=5,
            slice_step=1,
        ),
        vqvae=VQVAEConfig(hidden_dim=128),
        vqvae_training=TrainingConfig(epochs=20, batch_size=32),
        prior=PriorConfig(
            prior_channels=128, prior_layers=12, prior_hidden_dim=512, prior_dropout=0.1
        ),
        prior_training=TrainingConfig(epochs=30, batch_size=32, learning_rate=1e-3),
        domain_training=TrainingConfig(batch_size=32, epochs=10, learning_rate=3e-3),
    ),
}

# flat name -> (section, field): the names a notebook's parameters cell and `--set` use
PARAMETERS: dict[str, tuple[str, str]] = {
    prefix + one.name: (section, one.name)
    for section, (kind, prefix) in SECTIONS.items()
    for one in dataclasses.fields(kind)
}


def get_profile(name: str, **changes) -> Profile:
    """The profile called `name`, changed by `change`.

    Raises:
        InputError: for an unknown profile, an unknown parameter, or a value that cannot be.
    """
    if name not in PROFILES:
        raise InputError(f"profile '{name}' does not exist: choose one of {', '.join(PROFILES)}.")
    return change(PROFILES[name], **changes)


def change(profile: Profile, **changes) -> Profile:
    """`profile` with the fields in `changes` (flat names, see PARAMETERS) replaced.

    A change whose value is None is left out, so a notebook can pass its parameters as they are.

    Raises:
        InputError: for an unknown parameter, or a value of the wrong type or range.
    """
    for parameter, value in changes.items():
        if value is None:
            continue
        if parameter not in PARAMETERS:
            raise InputError(
                f"parameter '{parameter}' does not exist: choose one of {', '.join(PARAMETERS)}."
            )
        section, name = PARAMETERS[parameter]
        try:
            changed = dataclasses.replace(getattr(profile, section), **{name: value})
        except ValidationError as error:
            raise InputError(f"parameter '{parameter}' {what_is_wrong(error)}.") from error
        profile = dataclasses.replace(profile, **{section: changed})
    _must_be_whole_blocks(profile)
    _must_be_one_split(profile.data)
    return profile


# what pydantic finds wrong -> what to give
LIMITS = {
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "{ge:g} or more",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "{le:,} at most",
    "finite_number": "a finite number",
    "value_error": "{error}",
}
TYPES = {"int_type": "int", "float_type": "float", "string_type": "str", "bool_type": "bool"}


def what_is_wrong(error: ValidationError) -> str:
    """The first value that was refused, and what to give instead."""
    refused = error.errors()[0]
    kind, value, limits = refused["type"], refused["input"], refused.get("ctx", {})
    if kind == "literal_error":
        choices = limits["expected"].replace("'", "").replace(", ", " or ")
        return f"is '{value}': choose {choices}"
    if kind in TYPES:
        return f"must be of type {TYPES[kind]}, not {value!r}"
    return f"is {value!r}: give {LIMITS[kind].format(**limits)}"


def _must_be_whole_blocks(profile: Profile) -> None:
    block = max(4, profile.vqvae.stride)  # the domain network looks at blocks of four
    for parameter in ("image_height", "image_width"):
        pixels = getattr(profile.data, parameter)
        if pixels % block:
            raise InputError(
                f"parameter '{parameter}' is {pixels}: give a multiple of {block}, so that it is "
                "made of whole blocks of pixels."
            )


def must_be_learnable(profile: Profile) -> None:
    """Make sure that slices become grids that a prior can learn and draw in sensible time.

    Raises:
        InputError: when they have too many codes.
    """
    sizes = profile.data.image_height, profile.data.image_width
    height, width = (pixels // profile.vqvae.stride for pixels in sizes)
    if height * width > MOST_CODES:
        strides = (stride for stride in (4, 8) if sizes[0] * sizes[1] <= MOST_CODES * stride**2)
        larger = "".join(f"stride={stride} or " for stride in itertools.islice(strides, 1))
        raise InputError(
            f"image_height={sizes[0]} and image_width={sizes[1]} with stride={profile.vqvae.stride}"
            f" make grids of {height * width:,} codes, which take too long to learn and to draw: "
            f"give {larger}smaller images, so that there are {MOST_CODES:,} at most."
        )


def _must_be_one_split(data: DataConfig) -> None:
    if data.folds == 1:
        raise InputError("parameter 'folds' is 1: give 2 or more, or 0 for a single split.")
    if data.fold >= max(data.folds, 1):
        most = f"give 0 to {data.folds - 1}" if data.folds else "set 'folds' as well"
        raise InputError(f"parameter 'fold' is {data.fold} of {data.folds} folds: {most}.")
    if data.folds and data.test_patients:
        raise InputError("parameters 'folds' and 'test_patients' both say who is tested: set one.")
