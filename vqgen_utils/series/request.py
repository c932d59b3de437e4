"""What a user asks for, turned into typed values: `--set name=value` and `--data-dir`.

Every value is checked here, before anything runs; an error names the text that was given.
"""

import ast
import difflib
import itertools
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from vqgen_utils.config import get_profile
from vqgen_utils.errors import InputError
from vqgen_utils.machine.places import run_folder

KINDS = {"int": int, "float": float, "str": str, "bool": bool}
# parameters with their own option
OPTIONS = {"profile", "run_name", "data_source", "data_dir", "from_run"}


def notebook_parameters(notebook: Path) -> dict[str, type]:
    """Name and type of each parameter in the cell tagged `parameters`.

    Read with `ast`, since papermill 2.7's own inspection overlooks `epochs: int | None = None`.
    """
    parameters = {}
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        cells = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
        for line in ast.parse("\n".join("".join(cell["source"]) for cell in cells)).body:
            if isinstance(line, ast.AnnAssign):
                words = re.findall(r"\w+", ast.unparse(line.annotation))
                parameters[line.target.id] = next((KINDS[w] for w in words if w in KINDS), str)
    except (ValueError, KeyError, SyntaxError) as error:
        raise InputError(f"notebook '{notebook}' cannot be read: {error}.") from error
    return parameters


def parse_settings(settings: Iterable[str], kinds: dict[str, type], owners: str) -> dict:
    """Turn `name=value` texts into typed values.

    Args:
        settings: the texts, as given to `--set`.
        kinds: every name that may be set, and its type.
        owners: what has those names, for the message: "OWNERS have no parameter ...".
    """
    values = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not (name and equals):
            raise InputError(f"--set {setting}: write it as name=value.")
        if name in OPTIONS:
            raise InputError(f"--set {setting}: use the option --{name.replace('_', '-')}.")
        if name not in kinds:
            names = sorted(kinds.keys() - OPTIONS)
            close = difflib.get_close_matches(name, names, cutoff=0.5)
            hint = f"did you mean {' or '.join(close)}?" if close else f"choose {', '.join(names)}."
            raise InputError(f"--set {setting}: {owners} have no parameter '{name}'; {hint}")
        values[name] = _parse(setting, text, kinds[name])
    return values


def _parse(setting: str, text: str, kind: type) -> int | float | str | bool:
    """The value of one `name=value`."""
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise InputError(f"--set {setting}: the value must be true or false.")
        return text.lower() == "true"
    try:
        return kind(text)
    except ValueError:
        number = "a whole number" if kind is int else "a number"
        raise InputError(f"--set {setting}: the value must be {number}.") from None


def resolve_data(source: str | None, folder: str | None) -> dict[str, str]:
    """The parameters data_source and data_dir, as far as they are given or follow.

    A folder without a source is the study's if a folder in it, at any depth, is named like the
    release's; how any other is laid out is found out when it is read.
    """
    if folder is None:
        if source in ("hipmri", "nifti"):
            raise InputError(f"--data-source {source} needs --data-dir: the folder of the scans.")
        return {"data_source": source} if source else {}
    folder = Path(folder).expanduser().resolve()  # a kernel works in another folder
    if not folder.is_dir():
        raise InputError(f"'{folder}' is not a folder: give the folder of the scans.")
    if source is None:
        from vqgen_utils.data.releases import is_study  # here, since --help needs no numpy

        folders = (
            f"{Path(path, name).relative_to(folder)}/"
            for path, names, _ in os.walk(folder)
            for name in names
        )
        source = "hipmri" if is_study(folder, folders) else "nifti"
    return {"data_source": source, "data_dir": str(folder)}


def scan_settings(
    include: Iterable[str] | None, exclude: Iterable[str] | None, patient_pattern: str | None
) -> list[str]:
    """The options that choose files and name patients, as `--set` takes them."""
    given = {"include": ",".join(include or ()), "exclude": ",".join(exclude or ())}
    given["patient_pattern"] = patient_pattern or ""
    return [f"{name}={value}" for name, value in given.items() if value]


def resolve_start(from_run: str, run_name: str, kinds: dict[str, type]) -> dict[str, str]:
    """The parameter from_run, if it is given: the run whose weights training starts from.

    Raises:
        InputError: for a run that is not there or is this one, or if no notebook to run trains.
    """
    if not from_run:
        return {}
    if from_run == run_name:
        raise InputError(f"--from-run {from_run}: a run cannot start from itself; name another.")
    if not (run_folder(from_run) / "vqvae.safetensors").exists():
        raise InputError(
            f"--from-run {from_run}: there is no trained VQ-VAE in {run_folder(from_run)}; "
            "name a run that has one."
        )
    if "from_run" not in kinds:
        raise InputError("--from-run: none of the notebooks to run trains from another run.")
    return {"from_run": from_run}


def parse_sweep(sweeps: Iterable[str]) -> dict[str, list[str]]:
    """`num_embeddings=32,128` as {"num_embeddings": ["32", "128"]}.

    Raises:
        InputError: for text of another form, or a setting given twice.
    """
    values = {}
    for sweep in sweeps:
        name, equals, listed = sweep.partition("=")
        parts = [part.strip() for part in listed.split(",")]
        if not equals or not name or not all(parts):
            raise InputError(f"--sweep {sweep}: write it as NAME=VALUE,VALUE,...")
        if name in values:
            raise InputError(f"--sweep {name} is given twice: list all its values at once.")
        if len(set(parts)) < len(parts):
            raise InputError(f"--sweep {sweep}: a value is listed twice.")
        values[name] = parts
    return values


def fold_sweep(folds: int | None) -> list[str]:
    """`--folds 3` as `parse_sweep` takes it: one text, or none.

    Raises:
        InputError: for a number of folds that cannot be.
    """
    if folds is None:
        return []
    get_profile("quick", folds=folds)
    if folds < 2:
        raise InputError(f"--folds {folds}: give 2 or more.")
    return [f"fold={','.join(map(str, range(folds)))}"]


def combinations(run_name: str, sweep: dict[str, list[str]]) -> dict[str, list[str]]:
    """Every combination: name of the run -> its settings as `--set` takes them."""
    runs = {}
    for combination in itertools.product(*sweep.values()):
        pairs = list(zip(sweep, combination, strict=True))
        name = "-".join([run_name, *(f"{setting}-{value}" for setting, value in pairs)])
        runs[name] = [f"{setting}={value}" for setting, value in pairs]
    return runs
