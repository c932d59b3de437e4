"""The `vqgen` command. Each sub-command checks what it was given, then calls the package.

Heavy modules are imported where they are used, so that `vqgen --help` answers at once.
"""

import contextlib
import errno
import io
import itertools
import json
import os
import re
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, get_args

import typer

from vqgen_utils.config import PARAMETERS, PROFILES, DataConfig, Source, get_profile
from vqgen_utils.errors import InputError
from vqgen_utils.machine.places import home
from vqgen_utils.series import runner
from vqgen_utils.series.request import (
    combinations,
    fold_sweep,
    parse_settings,
    parse_sweep,
    resolve_data,
    scan_settings,
)
from vqgen_utils.series.runner import run_sweep
from vqgen_utils.series.side_by_side import run_side_by_side

app = typer.Typer(
    help="Learn image generation with a VQ-VAE and a PixelCNN on 2D hip MRI.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data = typer.Typer(help="Make, inspect or cache the scans.", no_args_is_help=True)
app.add_typer(data, name="data")
train = typer.Typer(
    help="Train a model without its notebook, on one process or several.", no_args_is_help=True
)
app.add_typer(train, name="train")

ProfileOption = Annotated[
    str,
    typer.Option(help=f"Settings to start from: {', '.join(PROFILES)}.", show_default=True),
]
SourceOption = Annotated[
    str | None,
    typer.Option(
        help=f"Who laid the folder out: {', '.join(get_args(Source))}. Found out if left out."
    ),
]
NameOption = Annotated[
    str, typer.Option(help="Folder under runs/ that keeps everything the run makes.")
]
DirOption = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER", help="Folder of your own scans. Left out: the built-in phantom."
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Change one setting; give it again for more."),
]
IncludeOption = Annotated[
    list[str] | None,
    typer.Option(metavar="GLOB", help="Only files like this below the folder; again: or this."),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option(metavar="GLOB", help="No files like this below the folder; again: nor this."),
]
PatternOption = Annotated[
    str | None,
    typer.Option(
        metavar="REGEX", help="What of a file's path is the patient: its first group, or all of it."
    ),
]
FromRunOption = Annotated[
    str,
    typer.Option(
        "--from-run",
        metavar="NAME",
        help="Start from the weights of this run. Left out: from none.",
    ),
]
ScansArgument = Annotated[
    str, typer.Argument(metavar="FOLDER", help="Folder of the scans (NIfTI, DICOM or PNG files).")
]


@app.callback(invoke_without_command=True)
def vqgen(
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.")
    ] = False,
) -> None:
    if show_version:
        print(f"vqgen {version('vqgen')}")
        raise typer.Exit


@app.command("run")
def run_notebooks(
    profile: ProfileOption = runner.DEFAULT_PROFILE,
    run_name: NameOption = runner.DEFAULT_RUN_NAME,
    data_source: SourceOption = None,
    data_dir: DirOption = None,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    patient_pattern: PatternOption = None,
    settings: SetOption = None,
    from_run: FromRunOption = "",
    start: Annotated[
        int | None,
        typer.Option("--from", metavar="NN", help="Run from this notebook on, done or not."),
    ] = None,
    stop: Annotated[
        int | None, typer.Option("--to", metavar="NN", help="Stop after this notebook.")
    ] = None,
    only: Annotated[
        int | None, typer.Option(metavar="NN", help="Run this one notebook, done or not.")
    ] = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE,VALUE", help="A run for each value; again: each combination."
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(metavar="K", help="K runs, each testing another K-th of the patients."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(metavar="N", help="Runs of a sweep or of folds at a time, here."),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Or on the workers of this Dask scheduler."),
    ] = None,
) -> None:
    """Run the notebooks in order, each kept with its outputs under runs/.

    The same command again goes on where the last one stopped.
    """

    def run_one(name: str, changes: list[str], only_check: bool = False) -> None:
        runner.run_series(
            profile=profile,
            run_name=name,
            data_source=data_source,
            data_dir=data_dir,
            settings=changes,
            from_run=from_run,
            start=start,
            stop=stop,
            only=only,
            folder=runner.NOTEBOOKS,
            progress=_show,
            only_check=only_check,
        )

    settings = [*(settings or []), *scan_settings(include, exclude, patient_pattern)]
    settings += [f"folds={folds}"] if folds is not None else []
    asked = parse_sweep([*(sweep or []), *fold_sweep(folds)])
    runs = {name: settings + more for name, more in combinations(run_name, asked).items()}
    if (jobs is not None or scheduler) and not asked:
        raise InputError("--jobs and --scheduler need several runs: give --folds or --sweep, too.")
    try:
        if not asked:
            run_one(run_name, settings)
            return
        for name, changes in runs.items():
            run_one(name, changes, only_check=True)
        if jobs is None and not scheduler:
            run_sweep(runs, run_one)
        else:
            data = resolve_data(data_source, data_dir)
            data |= {"from_run": from_run} if from_run else {}
            choice = {"--from": start, "--only": only}
            words = [w for name, n in choice.items() if n is not None for w in (name, str(n))]
            run_side_by_side(
                {
                    name: [*runner.command(profile, name, data, changes, stop)[1:], *words]
                    for name, changes in runs.items()
                },
                jobs,
                scheduler,
            )
        print(f"all in one table: vqgen compare {run_name}")
    except runner.Stopped as stopped:
        print(stopped, file=sys.stderr)
        raise typer.Exit(stopped.exit_code) from None


@app.command("compare")
def compare_runs(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Runs, or what the runs of a sweep begin with. Left out: all runs."),
    ] = None,
) -> None:
    """Put finished runs side by side: a table here, and comparison.csv and .png under runs/.

    Folds are pooled as well, with intervals over all their patients: comparison_folds.csv.
    """
    from vqgen_utils.machine.files import write_atomic
    from vqgen_utils.plots.display import to_png
    from vqgen_utils.plots.runs import rate_of_runs
    from vqgen_utils.runs.compare import pooled_folds, side_by_side

    table = side_by_side(names or ())
    print(table.round(3).to_string())
    folder = home() / "runs"
    write_atomic(folder / "comparison.csv", table.to_csv().encode())
    write_atomic(folder / "comparison.png", to_png(rate_of_runs(table)))
    written = "comparison.csv, comparison.png"
    folds = pooled_folds(table.index)
    if len(folds):
        print("\nall folds together, with 95 % intervals over patients:")
        print(folds.round(3).to_string())
        write_atomic(folder / "comparison_folds.csv", folds.to_csv().encode())
        written += ", comparison_folds.csv"
    print(f"written to {folder}: {written}")


@train.command("vqvae")
def vqvae(
    profile: ProfileOption = runner.DEFAULT_PROFILE,
    run_name: NameOption = runner.DEFAULT_RUN_NAME,
    data_source: SourceOption = None,
    data_dir: DirOption = None,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    patient_pattern: PatternOption = None,
    settings: SetOption = None,
    from_run: FromRunOption = "",
) -> None:
    """Train the VQ-VAE (as notebook 02 does) and write all slices as codes.

    For several GPUs: torchrun --nproc_per_node 8 -m vqgen_utils train vqvae ...
    """
    sections = ("data", "vqvae", "vqvae_training", "augmentation")
    settings = [*(settings or []), *scan_settings(include, exclude, patient_pattern)]
    changes = parse_settings(settings, _kinds(*sections), "the VQ-VAE and its training")
    changes |= resolve_data(data_source, data_dir)
    get_profile(profile, **changes)
    with _interruptible():
        from vqgen_utils.runs.train import train_vqvae

        train_vqvae(run_name, profile, changes, progress=_show, from_run=from_run)


@train.command("prior")
def prior(
    profile: ProfileOption = runner.DEFAULT_PROFILE,
    run_name: NameOption = runner.DEFAULT_RUN_NAME,
    settings: SetOption = None,
    from_run: FromRunOption = "",
) -> None:
    """Train the prior (as notebook 04 does) on the codes of the run's VQ-VAE."""
    kinds = _kinds("prior", "prior_training")
    changes = parse_settings(settings or (), kinds, "the prior and its training")
    get_profile(profile, **changes)
    with _interruptible():
        from vqgen_utils.runs.train import train_prior

        train_prior(run_name, profile, changes, from_run)


@app.command("sample")
def draw_samples(
    run_name: NameOption = runner.DEFAULT_RUN_NAME,
    images: Annotated[int, typer.Option(help="How many slices to draw.")] = 30,
    seed: Annotated[int, typer.Option(help="Slice n is drawn with this seed plus n.")] = 0,
    temperature: Annotated[float, typer.Option(help="Below 1 bolder draws get rarer.")] = 1.0,
) -> None:
    """Draw slices from a trained run, on one process or several."""
    from vqgen_utils.runs.sample import generate

    generate(run_name, images, seed, temperature)


@app.command("grade")
def grade(
    folder: Annotated[
        Path, typer.Argument(help="Folder of the submitted notebooks; a folder in it is a learner.")
    ],
    into: Annotated[
        Path | None, typer.Option(help="Where to write. Left out: FOLDER-graded, beside it.")
    ] = None,
    seconds: Annotated[
        int,
        typer.Option(min=1, help="Of computing, for an exercise; five times that by the clock."),
    ] = 60,
    megabytes: Annotated[
        int, typer.Option(min=100, help="Memory limit, beyond what the packages take.")
    ] = 2000,
    seed: Annotated[
        int, typer.Option(min=0, help="Of the hidden variants: choose one that nobody knows.")
    ] = 0,
) -> None:
    """Grade submitted notebooks: their exercises alone, each notebook in a fresh kernel.

    Writes grades.csv and a page of feedback for each. This is no sandbox: what is handed in runs
    with your rights, so grade where it can do no harm.

    Exit code: 0 all graded, 1 some files could not be, 2 nothing to grade.
    """
    from vqgen_utils.teaching.grading import MEMORY_IS_LIMITED, Limits, grade_folder

    folder = folder.expanduser().resolve()
    into = (into or folder.with_name(f"{folder.name}-graded")).expanduser().resolve()
    print("no sandbox: these notebooks run with your rights, and can read and delete your files")
    if not MEMORY_IS_LIMITED:
        print("memory cannot be limited on this system; time can")

    def told(name: Path, verdicts: list[str]) -> None:
        right = f"{verdicts.count('right')} of {len(verdicts)} right"
        other = {v: verdicts.count(v) for v in ("stopped", "missing", "by hand", "unreadable")}
        odd = [f"{count} {verdict}" for verdict, count in other.items() if count]
        print(f"{name}: {', '.join(odd if odd == ['1 unreadable'] else [right, *odd])}", flush=True)

    try:
        table = grade_folder(folder, into, Limits(seconds, megabytes), seed, told)
    except KeyboardInterrupt:
        print(f"stopped; what was graded so far is in {into}", file=sys.stderr)
        raise typer.Exit(130) from None
    print(f"written to {into}: grades.csv, feedback/")
    raise typer.Exit(int((table["verdict"] == "unreadable").any()))


@data.command("phantom")
def write_the_phantom(
    folder: Annotated[
        Path | None, typer.Argument(help="Where to write it. Left out: data/phantom_study.")
    ] = None,
    profile: ProfileOption = runner.DEFAULT_PROFILE,
    patients_train: Annotated[int | None, typer.Option(help="Patients to train on.")] = None,
    patients_validate: Annotated[int | None, typer.Option(help="Patients to validate on.")] = None,
    patients_test: Annotated[int | None, typer.Option(help="Patients to score on.")] = None,
    weeks: Annotated[int | None, typer.Option(help="Scans of each patient.")] = None,
    slice_step: Annotated[int, typer.Option(help="Write every n-th of a scan's 60 slices.")] = 1,
    seed: Annotated[int | None, typer.Option(help="Another seed draws other patients.")] = None,
) -> None:
    """Write a digital pelvis as NIfTI files, laid out like the study's release."""
    from vqgen_utils.data.phantom import write_phantom

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


@data.command("check")
def check_scans(
    folder: ScansArgument,
    data_source: SourceOption = None,
    profile: ProfileOption = runner.DEFAULT_PROFILE,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    patient_pattern: PatternOption = None,
    settings: SetOption = None,
    save: Annotated[
        Path | None, typer.Option(help="Write every file that is not used to this CSV file.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the findings as JSON, for programs.")
    ] = False,
) -> None:
    """Read a folder of scans and report what is in it, and what is wrong with it.

    Exit code: 0 sound, 1 somebody must look (damaged files, patients in two splits, or nobody knows
    whose scans these are), 2 nothing usable.
    """
    from vqgen_utils.data.check import check_folder, nothing_usable
    from vqgen_utils.machine.files import write_atomic

    settings = [*(settings or []), *scan_settings(include, exclude, patient_pattern)]
    try:
        config = _data_config(folder, data_source, profile, settings)
        report = check_folder(config, progress=_show)
    except InputError as error:
        if as_json:
            print(json.dumps(nothing_usable(error), indent=1))
        raise
    if as_json:
        print(json.dumps(report.to_json(), indent=1))
    else:
        print(*report.lines(), sep="\n")
    if save:
        write_atomic(save, report.problems().to_csv(index=False).encode())
    raise typer.Exit(report.exit_code)


@data.command("pack")
def pack_scans(
    folder: ScansArgument,
    data_source: SourceOption = None,
    profile: ProfileOption = runner.DEFAULT_PROFILE,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    patient_pattern: PatternOption = None,
    settings: SetOption = None,
) -> None:
    """Read a folder of scans once into the cache that training opens in milliseconds."""
    from vqgen_utils.data.slices import load_slices

    settings = [*(settings or []), *scan_settings(include, exclude, patient_pattern)]
    slices = load_slices(_data_config(folder, data_source, profile, settings), progress=_show)
    for split, rows in slices.index.groupby("split", sort=False):
        print(f"{split:<10} {len(rows):>6} slices of {rows['patient'].nunique()} patients")
    for note in slices.notes:
        print(f"note: {note}")
    print(f"{len(slices.dropped)} left out; packed in {Path(slices.images.filename).parent}")


@data.command("download")
def fetch(
    name: Annotated[str, typer.Argument(help="What to fetch: msd-prostate.")],
) -> None:
    """Fetch open data, checked by its hash; a download that was cut goes on where it stopped."""
    from vqgen_utils.data.download import fetch_msd_prostate

    if name != "msd-prostate":
        raise InputError(f"'{name}' cannot be downloaded: choose msd-prostate.")
    print(f"{fetch_msd_prostate()}\nThese scans are the Medical Segmentation Decathlon's Task05,")
    print("CC BY-SA 4.0, doi:10.1038/s41467-022-30695-9. To learn from them:")
    print("  vqgen run --data-source msd-prostate")


def _patients(config: DataConfig) -> int:
    return config.patients_train + config.patients_validate + config.patients_test


def _show(what: str, done: int, total: int) -> None:
    """Progress on one line of a terminal; nothing in a file."""
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r\x1b[K{what} {done} of {total}", end=end, file=sys.stderr, flush=True)


def _data_config(
    folder: str, source: str | None, profile: str, settings: list[str] | None
) -> DataConfig:
    """The data settings of a profile, for this folder."""
    changes = parse_settings(settings or (), _kinds("data"), "the data settings")
    return get_profile(profile, **resolve_data(source, folder), **changes).data


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Training that Ctrl-C stops in a sentence."""
    try:
        yield
    except KeyboardInterrupt:
        if os.environ.get("RANK", "0") == "0":
            print("stopped; the same command goes on from the last saved step.", file=sys.stderr)
        raise typer.Exit(130) from None


def _kinds(*sections: str) -> dict[str, type]:
    """Name and type of every setting in these sections, but for those with their own option."""
    profile = get_profile(runner.DEFAULT_PROFILE)

    def kind(value) -> type:
        return int if value is None else type(value)  # what may be left open is a number

    return {
        parameter: kind(getattr(getattr(profile, section), name))
        for parameter, (section, name) in PARAMETERS.items()
        if section in sections
    }


def _no_word_is_empty(words: list[str]) -> None:
    """As a variable that is not set is: for a folder it would mean the working directory."""
    for before, word in itertools.pairwise(["vqgen", *words]):
        if not word.strip():
            raise InputError(f"the word after '{before}' is empty: say what it should be.")
        if re.fullmatch(r"--[a-z-]+=\s*", word):
            raise InputError(f"nothing follows '{word}': say what should, or leave it out.")


def main(arguments: list[str] | None = None) -> None:
    """The command as installed: an error that the user can mend is one sentence, no traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a console that cannot write a name shows it all
            stream.reconfigure(errors="backslashreplace")  # the same, letter by letter
    try:
        _no_word_is_empty(sys.argv[1:] if arguments is None else arguments)
        app(arguments)
    except InputError as error:
        sentence = str(error)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise
        sentence = f"cannot write {error.filename or 'a file'}: {error.strerror}."
    rank = int(os.environ.get("RANK", 0))  # of several processes that were started together
    print(f"vqgen{f', process {rank}' if rank else ''}: {sentence}", file=sys.stderr)
    sys.exit(2)
