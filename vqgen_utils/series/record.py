"""What each finished notebook of a run ran with, so that it is not run again for nothing.

The record is `finished.json` in the run's folder. An entry holds for as long as everything it names
is as it was: parameters, the notebook's text, this package, the scans, and what the notebook left.
"""

import functools
import hashlib
import json
from pathlib import Path

from vqgen_utils.config import PARAMETERS
from vqgen_utils.machine.files import load_json, save_json
from vqgen_utils.machine.places import run_folder
from vqgen_utils.made_from import MAKER, differences
from vqgen_utils.series.request import notebook_parameters

START = "the run to start from"
WEIGHTS = ("vqvae.safetensors", "prior.safetensors")
PACKAGE = Path(__file__).resolve().parents[1]


def reason_to_run(run: Path, notebook: Path, parameters: dict) -> str | None:
    """Why a notebook has to run, in words; "" where it never finished, None where it is done.

    Args:
        run: the run's folder.
        notebook: the file to run.
        parameters: to run it with.
    """
    before = _all(run).get(notebook.stem)
    if not before:
        return ""
    now = {**ingredients(notebook, parameters), **_left(run, notebook)}
    if before.keys() != now.keys():
        return "finished.json is of another version of vqgen"
    for field, what in (("parameters", ""), ("settings", "config.json, ")):
        every = dict.fromkeys({**before[field], **now[field]})
        changed = differences(every | before[field], every | now[field], ("before", "now"))
        if changed:
            return what + changed
    for name in now["made"].keys() | before["made"].keys():
        if now["made"].get(name) != before["made"].get(name):
            return f"{name} is not the one that it made"
    for field, what in (
        ("text", "its text"),
        ("package", "vqgen_utils"),
        ("scans", "the scans"),
        ("start", START),
    ):
        if now[field] != before[field]:
            return f"{what} changed"
    for file in (run / "notebooks" / notebook.name, run / "metrics.json"):
        if not file.exists():
            return f"{file.name} is gone from the run's folder"
    return None


def ingredients(notebook: Path, parameters: dict) -> dict:
    """What goes into a notebook; to be looked at before it runs, for it may be edited meanwhile."""
    return {
        "parameters": parameters,
        "text": _text(notebook),
        "package": package(),
        "scans": _scans(parameters.get("data_dir")),
        "start": _start(parameters.get("from_run")),
    }


def add(run: Path, notebook: Path, made_from: dict) -> None:
    """Record that a notebook finished, and the `ingredients` it was made from."""
    done = {**_all(run), notebook.stem: {**made_from, **_left(run, notebook)}}
    save_json(run / "finished.json", done)


def forget(run: Path, notebooks: list[Path]) -> None:
    """Take notebooks out of the record, since what they were made from is about to change."""
    names = {notebook.stem for notebook in notebooks}
    kept = {name: entry for name, entry in _all(run).items() if name not in names}
    save_json(run / "finished.json", kept)


def _all(run: Path) -> dict:
    path = run / "finished.json"
    return load_json(path) if path.exists() else {}


def _left(run: Path, notebook: Path) -> dict:
    """What a notebook left in the run's folder for those after it."""
    made = [name for name in MAKER if MAKER[name] == notebook.stem and name != "config.json"]
    return {
        "settings": _settings(run / "config.json", notebook),
        "made": {name: _hash((run / name).read_bytes()) for name in made if (run / name).exists()},
    }


def _settings(path: Path, notebook: Path) -> dict:
    """The sections of config.json that this notebook writes."""
    config = load_json(path) if path.exists() else {}
    names = notebook_parameters(notebook).keys() & PARAMETERS.keys()
    sections = {PARAMETERS[name][0] for name in names}
    return {section: config[section] for section in sorted(sections) if section in config}


def _text(notebook: Path) -> str:
    """Of the cells alone: outputs may come and go."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return _hash(json.dumps([(cell["cell_type"], "".join(cell["source"])) for cell in cells]))


@functools.cache
def package() -> str:
    """Of this package's code: another one could leave other results."""
    return _hash("".join(path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py"))))


def _scans(folder: str | None) -> str:
    """Of the names, sizes and times of the scans; "" where the data are built in."""
    if not folder:
        return ""
    files = [path for path in sorted(Path(folder).rglob("*")) if not path.name.startswith(".")]
    stats = [path.lstat() for path in files]
    sizes = [(str(p), s.st_size, s.st_mtime_ns) for p, s in zip(files, stats, strict=True)]
    return _hash(json.dumps(sizes))


def _start(run_name: str | None) -> list[str]:
    """Of the weights that a run to start from has; none where there is no such run."""
    made = [run_folder(run_name) / name for name in WEIGHTS] if run_name else []
    return [_hash(path.read_bytes()) for path in made if path.exists()]


def _hash(content: str | bytes) -> str:
    content = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(content).hexdigest()
