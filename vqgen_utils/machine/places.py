"""Where data and runs lie: nothing else in the package knows a path of its own."""

import os
import re
from pathlib import Path

from vqgen_utils.errors import InputError

REPOSITORY = Path(__file__).resolve().parents[2]


def home() -> Path:
    """The folder that holds `data/` and `runs/`: $VQGEN_HOME, or else the repository."""
    return Path(os.environ.get("VQGEN_HOME") or REPOSITORY).expanduser()


def run_folder(name: str) -> Path:
    """`runs/NAME/`, where everything a run makes is kept.

    Raises:
        InputError: for a name that is not a plain folder name.
    """
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
        raise InputError(
            f"run name '{name}' cannot be a folder's name: use letters, digits, '-', '_' and '.', "
            "and begin with a letter, a digit or '_'."
        )
    return home().resolve() / "runs" / name
