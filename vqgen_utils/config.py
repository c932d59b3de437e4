"""The profiles and every hyperparameter: what each one is, its unit, and why it has its value.

A profile is one set of settings for the whole series:

    smoke   seconds a notebook; the tests use it. Scores mean nothing here.
    quick   the default: two CPU cores, all notebooks in minutes, half-resolution slices.
    full    a GPU: 256 x 128 slices, all 60 slices of each volume.

Any field can be changed by its flat name (see `PARAMETERS`), from a notebook's parameters cell
or with `vqgen run --set num_embeddings=256`.
"""

import dataclasses
from dataclasses import dataclass, field

from vqgen_utils.errors import InputError


@dataclass(frozen=True)
class DataConfig:
    """Which slices, how large, and who is held out."""

    data_source: str = "phantom"  # phantom | hipmri | nifti | msd-prostate: who laid the folder out
    data_dir: str = ""  # where the scans lie; empty: under data/, drawn (phantom) or downloaded
    image_height: int = 128  # pixels along the array's first axis (the patient's right to left)
    image_width: int = 64  # pixels along the second axis (back to front); half the study's 128
    other_shapes: str = "drop"  # drop | crop: slices of another shape than most (study: 256x144)
    slice_axis: int = 2  # the axis that slices are cut across in 3D volumes (2: axial)
    patients_train: int = 120  # phantom patients in training: more beat more slices of each
    patients_validate: int = 6  # phantom patients the learning curves are drawn on
    patients_test: int = 12  # phantom patients that every reported score is measured on
    weeks: int = 2  # scans of each phantom patient (the study: up to eight)
    slice_step: int = 12  # the phantom writes every n-th of a volume's 60 slices
    data_seed: int = 0  # of the phantom, and of the split by patient where the folder gives none


@dataclass(frozen=True)
class VQVAEConfig:
    """The autoencoder and its codebook. Names as in van den Oord et al. 2017."""

    num_embeddings: int = 128  # K, codes in the codebook
    embedding_dim: int = 32  # D, numbers in a code; few make the nearest-code search meaningful
    hidden_dim: int = 96  # channels inside encoder and decoder
    residual_layers: int = 2  # residual blocks on each side
    residual_hidden_dim: int = 32  # channels inside a residual block
    commitment_cost: float = 0.25  # beta: how strongly the encoder is pulled to its codes
    stride: int = 4  # 2 | 4 | 8: pixels that a code covers along each axis
    stem: str = "unshuffle"  # unshuffle | strided: how a block of pixels becomes one position
    codebook_update: str = "ema"  # ema | gradient: van den Oord et al. 2017, appendix A.1 or eq. 3
    decay: float = 0.95  # of the EMA: slower codes lag behind the encoder at first
    revive_below: float = 0.1  # a code used less than this share of an even share is dead


@dataclass(frozen=True)
class PriorConfig:
    """The gated PixelCNN over the grid of codes (van den Oord et al. 2016)."""

    prior_channels: int = 64  # channels of each stack
    prior_layers: int = 6  # gated layers
    prior_kernel_size: int = 3  # odd; on the clock, wide channels beat wide kernels
    prior_hidden_dim: int = 128  # channels of the head before the logits
    prior_dropout: float = 0.0  # share of head channels dropped in training


@dataclass(frozen=True)
class TrainingConfig:
    """One optimisation run."""

    batch_size: int = 4  # slices a step; on a CPU's clock, many small steps beat few large ones
    epochs: int = 0  # passes over all training slices; 0: stop after `steps`
    steps: int = 1500  # batches; a time budget that holds for 100 slices as for 10,000
    learning_rate: float = 2e-3  # peak of the one-cycle schedule, AdamW
    weight_decay: float = 0.01  # AdamW's
    seed: int = 0  # of weights, data order and codebook revival
    compiled: bool = False  # torch.compile, on a GPU only: a minute to start, then faster steps


@dataclass(frozen=True)
class EvaluationConfig:
    """What notebook 07 judges, and with which network it looks at slices."""

    evaluation_samples: int = 600  # slices to draw, at least; whole rounds of the held-out heights
    domain_width: int = 40  # channels of the domain network at its finest level


@dataclass(frozen=True)
class Profile:
    """Everything the series needs to know, as one value."""

    name: str
    data: DataConfig = field(default_factory=DataConfig)
    vqvae: VQVAEConfig = field(default_factory=VQVAEConfig)
    vqvae_training: TrainingConfig = field(default_factory=TrainingConfig)
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
        evaluation=EvaluationConfig(evaluation_samples=20, domain_width=8),
        domain_training=TrainingConfig(batch_size=8, steps=40, learning_rate=1e-2),
    ),
    "quick": Profile(
        name="quick",
        prior_training=TrainingConfig(learning_rate=3e-3),
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
        section, name_in_section = PARAMETERS[parameter]
        old = getattr(profile, section)
        kind = type(getattr(old, name_in_section))
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise InputError(
                f"parameter '{parameter}' must be of type {kind.__name__}, not {value!r}."
            )
        profile = dataclasses.replace(
            profile, **{section: dataclasses.replace(old, **{name_in_section: value})}
        )
    validate(profile)
    return profile


# name -> allowed values, for parameters that choose among a few
CHOICES = {
    "data_source": ("phantom", "hipmri", "nifti", "msd-prostate"),
    "other_shapes": ("drop", "crop"),
    "stride": (2, 4, 8),
    "stem": ("unshuffle", "strided"),
    "codebook_update": ("ema", "gradient"),
}
# these may be zero; every other number must be positive
_MAY_BE_ZERO = {
    *("slice_axis", "patients_validate", "data_seed", "seed", "prior_seed", "residual_layers"),
    *("domain_seed", "epochs", "prior_epochs", "domain_epochs", "weight_decay"),
    *("prior_weight_decay", "domain_weight_decay"),
    *("commitment_cost", "revive_below", "prior_dropout"),
}


def validate(profile: Profile) -> None:
    """Check ranges and choices of every field.

    Raises:
        InputError: naming the parameter, its value and what is allowed.
    """
    for parameter, (section, name) in PARAMETERS.items():
        value = getattr(getattr(profile, section), name)
        if parameter in CHOICES and value not in CHOICES[parameter]:
            raise InputError(
                f"parameter '{parameter}' is '{value}': choose "
                f"{' or '.join(map(str, CHOICES[parameter]))}."
            )
        if (
            isinstance(value, (int, float))
            and not isinstance(value, bool)
            and not (value > 0 or (value == 0 and parameter in _MAY_BE_ZERO))
        ):
            least = "zero or more" if parameter in _MAY_BE_ZERO else "a number above zero"
            raise InputError(f"parameter '{parameter}' is {value}: give {least}.")
    if profile.prior.prior_kernel_size % 2 == 0:
        raise InputError(
            f"parameter 'prior_kernel_size' is {profile.prior.prior_kernel_size}: give an odd "
            "number, so that a kernel has a centre."
        )
    block = max(4, profile.vqvae.stride)  # the network of notebook 07 looks at blocks of four
    for parameter in ("image_height", "image_width"):
        if getattr(profile.data, parameter) % block:
            raise InputError(
                f"parameter '{parameter}' is {getattr(profile.data, parameter)}: give a multiple "
                f"of {block}, so that it is made of whole blocks of pixels."
            )
