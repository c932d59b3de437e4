"""The model card: what a run's model is, how good it is, and what its images must not be used for.

    Mitchell et al. 2019, "Model Cards for Model Reporting", arXiv:1810.03993.

Every number in it comes from the run. Text that a number could contradict is chosen by the number.
"""

import pandas as pd

from vqgen_utils.config import Profile
from vqgen_utils.data.slices import Slices
from vqgen_utils.evaluation import targets

USE = """\
To teach, and to try out methods: how a codebook and a prior learn slices, and how to measure what
they make.

Not for diagnosis, planning or any other care of patients. Not to train or test software for care:
a generated slice has the anatomy that the network believes in, which is not anybody's. Not as
anonymous stand-ins for patients: the check for copies finds whole slices only, and whether images
may be shared is a question of law and consent as well. Generated slices must be marked as
generated wherever they are shown."""


def model_card(
    run_name: str,
    settings: Profile,
    slices: Slices,
    evaluation: dict,
    limits: list[str],
) -> str:
    """The card as Markdown.

    Args:
        run_name: of the run that made the model.
        settings: of that run.
        slices: the run's data.
        evaluation: what `Run.add_evaluation` returns once notebooks 06 to 08 have run.
        limits: sentences on where the numbers end.
    """
    vqvae, prior, headline = settings.vqvae, settings.prior, evaluation["headline"]
    verdict = targets.verdict(headline)
    scores = pd.DataFrame(evaluation["sets"])[["held out", "reconstructed", "generated"]]
    missed = list(verdict.index[verdict["met"] == "no"])
    open_ = list(verdict.index[verdict["met"] == "not measured"])
    height, width = slices.images.shape[1:]
    kind = f"{slices.plane} slices" if slices.plane else "slices"
    starts = _starts(evaluation)
    sections = {
        "What it is": f"""\
A VQ-VAE with {vqvae.num_embeddings} codes of {vqvae.embedding_dim} numbers and a gated PixelCNN of
{prior.prior_layers} layers over its codes, made by the run `{run_name}` (profile {settings.name}).
It draws {kind} of {height} x {width} pixels, at a place along the scan that one asks for.
{_started(starts)}""",
        "Data": f"""\
Source: {settings.data.data_source}. Trained on {_count(slices, "train")}; every score is measured
on {_count(slices, "test")}, or on {evaluation["samples"]} generated slices.
{slices.whose}
{_of_source(settings)}""",
        "Who may be seen": _who_is_seen(settings, evaluation, starts),
        "Intended use, and uses to keep away from": USE,
        "Scores, beside their floor": f"""\
{as_markdown(scores)}

"Held out" is the floor: real slices that the model did not learn from, by the same measure.
"Reconstructed" is the best this decoder can do. SSIM of reconstructions:
{_number(headline["ssim"])}; of the original's recipe on the same data:
{_number(headline["ssim_original"])}; at a tenth of its rate and for five times as long:
{_number(headline["ssim_original_more_time"])}.""",
        "Targets": f"""\
{as_markdown(verdict)}

{_in_words("Missed", missed)} {_in_words("Not measured in this run", open_)}

{_reasons(evaluation["not_measured"])}""",
        "Limits": "\n".join(f"- {sentence}" for sentence in limits),
    }
    parts = [f"# Model card: {run_name}"]
    parts += [f"## {title}\n\n{text}" for title, text in sections.items()]
    return "\n\n".join(parts) + "\n"


def _count(slices: Slices, split: str) -> str:
    """'40 slices of 4 patients'."""
    rows = slices.subset(split).rows
    counts = {"slice": len(rows), "patient": rows["patient"].nunique()}
    return " of ".join(f"{n} {what}{'s' if n > 1 else ''}" for what, n in counts.items())


def _is_phantom(settings: Profile) -> bool:
    return settings.data.data_source == "phantom" and not settings.data.data_dir


def _of_source(settings: Profile) -> str:
    if _is_phantom(settings):
        return (
            "The phantom is computed, patient by patient, from tables of anatomy: no person's data "
            "are in it. It knows healthy men in one position, and so does the model."
        )
    return "These are scans of people: what may be done with the model is for their owner to say."


def _starts(evaluation: dict) -> list[tuple[str, dict]]:
    """(model, start) of everything that the weights were started from, the latest first."""
    starts = []
    for model, start in evaluation.get("started_from", {}).items():
        while start:
            starts.append((model, start))
            start = start["started_from"]
    return starts


def _started(starts: list[tuple[str, dict]]) -> str:
    if not starts:
        return "Its weights were trained from nothing."
    names = {"vqvae": "VQ-VAE", "prior": "prior"}
    ways = [
        f"the {names[model]} from that of run `{start['run']}` (weights {start['weights'][:12]}, "
        f"{'the phantom' if start['phantom'] else 'scans of people'})"
        for model, start in starts
    ]
    return f"Training did not start from nothing, but {'; '.join(ways)}."


def _who_is_seen(settings: Profile, evaluation: dict, starts: list[tuple[str, dict]]) -> str:
    """Whether samples may show somebody: by who is in the data, then by what the check found."""
    people = dict.fromkeys(f"`{start['run']}`" for _, start in starts if not start["phantom"])
    said = ""
    if people:
        said = (
            f"People whose scans the weights had learned from before (run {', '.join(people)}): "
            "samples may show them, and the check for copies does not look at their slices. "
        )
    if _is_phantom(settings):
        return said.strip() or (
            "Nobody: neither the generated slices nor the training slices show a person."
        )
    samples = evaluation["samples"]
    share = max((one for one in evaluation["memorised"].values() if one is not None), default=0)
    if evaluation["headline"]["memorised_share"] is None:
        said += (
            "How many samples are copies of training slices is not measured: "
            f"{evaluation['not_measured']['memorised_share']}. Treat every sample as one that may "
            "show a person it was learned from. "
        )
    if flagged := round(share * samples):
        said += (
            f"{flagged} of {samples} samples ({share:.1%}) look copied: they are nearer to a "
            "training slice than 99 in 100 held-out slices are, and may show the person in it."
        )
    return said.strip() or (
        f"None of {samples} samples looks copied as a whole. That does not show that no person can "
        "be recognised: parts of slices, and slices that were moved, are not looked for."
    )


def _reasons(not_measured: dict[str, str]) -> str:
    """A line a reason, with the scores it takes away."""
    found = targets.by_reason(not_measured)
    return "\n".join(f"- {scores}: {reason}." for scores, reason in found.items())


def _in_words(what: str, names: list[str]) -> str:
    return f"{what}: {'; '.join(names) or 'none'}."


def _number(value) -> str:
    """A number for reading; what is missing is said to be."""
    if isinstance(value, str):
        return value
    return "not measured" if value is None or value != value else f"{value:.3g}"


def as_markdown(table: pd.DataFrame) -> str:
    """A table in Markdown, its numbers to three digits."""
    rows = [["", *table.columns], ["---"] * (1 + len(table.columns))]
    rows += [[str(name), *map(_number, row)] for name, row in table.astype(object).iterrows()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
