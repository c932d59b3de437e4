"""The model card: what a run's model is, how good it is, and what its images must not be used for.

    Mitchell et al. 2019, "Model Cards for Model Reporting", arXiv:1810.03993.

Every number in it comes from the run. Text that a number could contradict is chosen by the number.
"""

import pandas as pd

from vqgen_utils.config import Profile

USE = """\
To teach, and to try out methods: how a codebook and a prior learn slices, and how to measure what
they make. Generated slices show no person; with the phantom, not even the training slices do.

Not for diagnosis, planning or any other care of patients. Not to train or test software for care:
a generated slice has the anatomy that the network believes in, which is not anybody's. Not as
anonymous stand-ins for patients: the check for copies below finds whole slices only, and whether
images may be shared is a question of law and consent as well. Generated slices must be marked as
generated wherever they are shown."""


def model_card(
    run_name: str,
    settings: Profile,
    counts: dict[str, int],
    scores: pd.DataFrame,
    headline: dict,
    targets: pd.DataFrame,
    limits: list[str],
) -> str:
    """The card as Markdown.

    Args:
        run_name: of the run that made the model.
        settings: of that run.
        counts: patients_train, patients_test, slices_train, slices_test, samples.
        scores: a row a measure, a column a set of slices (floor, reconstructed, generated).
        headline: see `targets.HEADLINE`.
        targets: of `targets.verdict`.
        limits: sentences on where the numbers end.
    """
    data, vqvae, prior = settings.data, settings.vqvae, settings.prior
    missed = list(targets.index[targets["met"] == "no"])
    open_ = list(targets.index[targets["met"] == "not measured"])
    sections = {
        "What it is": f"""\
A VQ-VAE with {vqvae.num_embeddings} codes of {vqvae.embedding_dim} numbers and a gated PixelCNN of
{prior.prior_layers} layers over its codes, made by the run `{run_name}` (profile {settings.name}).
It draws axial slices of {data.image_height} x {data.image_width} pixels or thereabouts, at a height
in the body that one asks for.""",
        "Data": f"""\
Source: {data.data_source}. Trained on {counts["slices_train"]} slices of
{counts["patients_train"]} patients; every score is measured on {counts["slices_test"]} slices of
{counts["patients_test"]} other patients, or on {counts["samples"]} generated slices.
{_of_source(data.data_source)}""",
        "Intended use, and uses to keep away from": USE,
        "Scores, beside their floor": f"""\
{as_markdown(scores)}

"Held out" is the floor: real slices of patients the model never saw, by the same measure.
"Reconstructed" is the best this decoder can do. SSIM of reconstructions:
{_number(headline["ssim"])}; of the original's recipe on the same data:
{_number(headline["ssim_original"])}; at a tenth of its rate and for five times as long:
{_number(headline["ssim_original_more_time"])}.""",
        "Targets": f"""\
{as_markdown(targets)}

{_in_words("Missed", missed)} {_in_words("Not measured in this run", open_)}""",
        "Limits": "\n".join(f"- {sentence}" for sentence in limits),
    }
    parts = [f"# Model card: {run_name}"]
    parts += [f"## {title}\n\n{text}" for title, text in sections.items()]
    return "\n\n".join(parts) + "\n"


def _of_source(source: str) -> str:
    if source == "phantom":
        return (
            "The phantom is computed, patient by patient, from tables of anatomy: no person's data "
            "are in it. It knows healthy men in one position, and so does the model."
        )
    return "These are scans of people: what may be done with the model is for their owner to say."


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
