"""The `vqgen` command. Each sub-command checks what it was given, then calls the package.

Heavy modules are imported where they are used, so that `vqgen --help` answers at once.
"""

import dataclasses
import errno
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from vqgen_utils import series
from vqgen_utils.config import CHOICES, PROFILES, DataConfig, get_profile, home
from vqgen_utils.errors import InputError
from vqgen_utils.settings import parse_settings, resolve_data

app = typer.Typer(
    help="Learn image generation with a VQ-VAE and a PixelCNN on 2D hip MRI.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data = typer.Typer(help="Make, inspect or cache the scans.", no_args_is_help=True)
app.add_typer(data, name="data")

ProfileOption = Annotated[
    str,
    typer.Option(help=f"Settings to start from: {', '.join(PROFILES)}.", show_default=True),
]
SourceOption = Annotated[
    str | None,
    typer.Option(
        help=f"Who laid the folder out: {', '.join(CHOICES['data_source'])}. Found out if left out."
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Change one setting; give it again for more."),
]
ScansArgument = Annotated[Path, typer.Argument(help="Folder of the scans (NIfTI files).")]


@app.callback(invoke_without_command=True)
def vqgen(
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.")
    ] = False,
) -> None:
    if show_version:
        print(f"vqgen {version('vqgen')}")
        raise typer.Exit


@app.command()
def run(
    profile: ProfileOption = series.DEFAULT_PROFILE,
    run_name: Annotated[
        str, typer.Option(help="Folder under runs/ that keeps everything the run makes.")
    ] = series.DEFAULT_RUN_NAME,
    data_source: SourceOption = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder of your own scans. Left out: the built-in phantom.")
    ] = None,
    settings: SetOption = None,
    start: Annotated[
        int | None, typer.Option("--from", metavar="NN", help="Begin with this notebook.")
    ] = None,
    only: Annotated[int | None, typer.Option(metavar="NN", help="Run this one notebook.")] = None,
) -> None:
    """Run the notebooks in order, each kept with its outputs under runs/."""
    try:
        series.run_series(
            profile=profile,
            run_name=run_name,
            data_source=data_source,
            data_dir=data_dir,
            settings=settings or (),
            start=start,
            only=only,
            folder=series.NOTEBOOKS,
        )
    except series.Stopped as stop:
        print(stop, file=sys.stderr)
        raise typer.Exit(stop.exit_code) from None


@data.command()
def phantom(
    folder: Annotated[
        Path | None, typer.Argument(help="Where to write it. Left out: data/phantom_study.")
    ] = None,
    profile: ProfileOption = series.DEFAULT_PROFILE,
    patients_train: Annotated[int | None, typer.Option(help="Patients to train on.")] = None,
    patients_validate: Annotated[int | None, typer.Option(help="Patients to validate on.")] = None,
    patients_test: Annotated[int | None, typer.Option(help="Patients to score on.")] = None,
    weeks: Annotated[int | None, typer.Option(help="Scans of each patient.")] = None,
    slice_step: Annotated[int, typer.Option(help="Write every n-th of a scan's 60 slices.")] = 1,
    seed: Annotated[int | None, typer.Option(help="Another seed draws other patients.")] = None,
) -> None:
    """Write a digital pelvis as NIfTI files, laid out like the study's release."""
    from vqgen_utils.phantom import write_phantom

    folder = (folder or home() / "data" / "phantom_study").expanduser().resolve()
    config = get_profile(
        profile,
        patients_train=patients_train,
        patients_validate=patients_validate,
        patients_test=patients_test,
        weeks=weeks,
        slice_step=slice_step,
        data_seed=seed,
    ).data
    write_phantom(
        folder,
        patients_train=config.patients_train,
        patients_validate=config.patients_validate,
        patients_test=config.patients_test,
        weeks=config.weeks,
        slice_step=config.slice_step,
        seed=config.data_seed,
        progress=lambda done, total: _show("patient", done, total),
    )
    print(f"phantom of {_patients(config)} patients written to {folder}")


@data.command()
def check(
    folder: ScansArgument,
    data_source: SourceOption = None,
    profile: ProfileOption = series.DEFAULT_PROFILE,
    settings: SetOption = None,
) -> None:
    """Read a folder of scans and report what is in it, and what is wrong with it."""
    from vqgen_utils.data import check_folder

    report = check_folder(_data_config(folder, data_source, profile, settings), progress=_show)
    print(*report.lines(), sep="\n")
    if report.errors:
        raise typer.Exit(1)


@data.command()
def pack(
    folder: ScansArgument,
    data_source: SourceOption = None,
    profile: ProfileOption = series.DEFAULT_PROFILE,
    settings: SetOption = None,
) -> None:
    """Read a folder of scans once into the cache that training opens in milliseconds."""
    from vqgen_utils.data import load_slices

    slices = load_slices(_data_config(folder, data_source, profile, settings), progress=_show)
    for split, rows in slices.index.groupby("split", sort=False):
        print(f"{split:<10} {len(rows):>6} slices of {rows['patient'].nunique()} patients")
    for note in slices.notes:
        print(f"note: {note}")
    print(f"{len(slices.dropped)} left out; packed in {Path(slices.images.filename).parent}")


def _patients(config: DataConfig) -> int:
    return config.patients_train + config.patients_validate + config.patients_test


def _show(what: str, done: int, total: int) -> None:
    """Progress on one line of a terminal; nothing in a file."""
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r\x1b[K{what} {done} of {total}", end=end, file=sys.stderr, flush=True)


def _data_config(
    folder: Path, source: str | None, profile: str, settings: list[str] | None
) -> DataConfig:
    """The data settings of a profile, for this folder."""
    kinds = {field.name: field.type for field in dataclasses.fields(DataConfig)}
    changes = parse_settings(settings or (), kinds, "the data settings")
    return get_profile(profile, **resolve_data(source, folder), **changes).data


def main(arguments: list[str] | None = None) -> None:
    """The command as installed: an error that the user can mend is one sentence, no traceback."""
    try:
        app(arguments)
    except InputError as error:
        sentence = str(error)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise
        sentence = f"cannot write {error.filename or 'a file'}: {error.strerror}."
    print(f"vqgen: {sentence}", file=sys.stderr)
    sys.exit(2)
