"""Starting from another run: its weights are where training begins, in place of random ones.

What a model was started from goes into `settings` of `fit`, and with them into the weights file:
the run's name, the fingerprint of the weights, the data they had learned from, and what they in
turn had been started from. Another start is another training.
"""

from vqgen_utils.config import Profile
from vqgen_utils.errors import InputError
from vqgen_utils.machine import processes
from vqgen_utils.made_from import differences
from vqgen_utils.models.pixelcnn import PixelCNN
from vqgen_utils.models.vqvae import VQVAE
from vqgen_utils.runs.run import Run
from vqgen_utils.training import checkpoint

# settings that say how a model learns, not what its weights mean: they may be others
FREE = {"commitment_cost", "decay", "revive_below", "prior_dropout"}
NOTHING = {"started_from": None}


def vqvae(run: Run, model: VQVAE, settings: Profile, from_run: str) -> dict:
    """Put the weights of the VQ-VAE of `from_run` into `model`, an untrained one of `run`.

    Its loss stays measured against the variance of its own data, and its codes keep their places:
    they are not initialised again, and none of them dies because batches have another size.

    Returns:
        What it was started from, for `fit`; `from_run` may be empty: it starts from nothing.

    Raises:
        InputError: naming every setting that differs, or for a run without a VQ-VAE.
    """
    if not from_run:
        return NOTHING
    other, file = _other(run, from_run), "vqvae.safetensors"
    theirs = checkpoint.load_settings(other.made(file))
    differing = _differing(theirs["model"], vars(settings.vqvae))
    if differing:
        raise InputError(
            f"the VQ-VAE of run '{from_run}' cannot be the start of this one ({differing}): give "
            "these settings the same values, or leave out from_run."
        )
    variance = model.data_variance.clone()
    checkpoint.load_weights(other.path(file), model)
    model.data_variance.copy_(variance)
    pixels = settings.data.image_height * settings.data.image_width
    model.codebook.expect(settings.vqvae_training.batch_size * pixels // settings.vqvae.stride**2)
    processes.say(f"training starts from the VQ-VAE of run '{from_run}'.")
    return _started_from(other, file, theirs)


def prior(run: Run, model: PixelCNN, from_run: str) -> dict:
    """Put the weights of the prior of `from_run` into `model`, an untrained one of `run`.

    Only where codes mean the same: the VQ-VAE of `run` is that of `from_run` or was started from
    it, and so are grid, number of codes and the prior's own settings. Else a sentence says why the
    prior starts from nothing.

    Returns:
        What it was started from, for `fit`.

    Raises:
        InputError: for a run without a VQ-VAE, or a file of it that is damaged.
    """
    if not from_run:
        return NOTHING
    other, file = _other(run, from_run), "prior.safetensors"
    there = other.path(file).exists()
    theirs = checkpoint.load_settings(other.path(file)) if there else {}
    reason = _why_not(run, other, model, theirs)
    if reason:
        processes.say(f"the prior starts from nothing, not from run '{from_run}': {reason}.")
        return NOTHING
    checkpoint.load_weights(other.path(file), model)
    processes.say(f"training starts from the prior of run '{from_run}'.")
    return _started_from(other, file, theirs)


def _why_not(run: Run, other: Run, model: PixelCNN, theirs: dict) -> str:
    """Why the prior of `other`, made from `theirs`, cannot be the start of `model`; "": it can."""
    if not theirs:
        return "it has no prior"
    codebook = other.fingerprint("vqvae.safetensors")
    if theirs["vqvae"] != codebook:
        return "its prior was trained on the codes of another VQ-VAE than it has"
    ours = checkpoint.load_settings(run.made("vqvae.safetensors")).get("started_from") or {}
    if codebook not in (ours.get("weights"), run.fingerprint("vqvae.safetensors")):
        return "codes mean something else here, for this VQ-VAE was not started from its VQ-VAE"
    shape = {"num_embeddings": model.num_embeddings, "grid": list(model.grid)}
    return _differing(theirs["model"] | {n: theirs[n] for n in shape}, vars(model.config) | shape)


def _differing(theirs: dict, ours: dict) -> str:
    """The settings that must agree and do not: "embedding_dim: 16 there, 32 here"."""
    names = (theirs.keys() | ours.keys()) - FREE
    return differences(
        *({name: values.get(name) for name in sorted(names)} for values in (theirs, ours))
    )


def _other(run: Run, from_run: str) -> Run:
    if from_run == run.name:
        raise InputError(f"run '{run.name}' cannot start from itself: give another from_run.")
    return Run(from_run)


def _started_from(other: Run, file: str, theirs: dict) -> dict:
    """What goes into the weights file of the model that was started."""
    data = other.config().data
    return {
        "started_from": {
            "run": other.name,
            "weights": other.fingerprint(file),
            "data": theirs["data"],
            "phantom": data.data_source == "phantom" and not data.data_dir,
            "started_from": theirs.get("started_from"),
        }
    }
