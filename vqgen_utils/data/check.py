"""What `vqgen data check` finds in a folder: read as training would read it, and nothing packed."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vqgen_utils.config import DataConfig
from vqgen_utils.data.listing import list_files
from vqgen_utils.data.names import natural
from vqgen_utils.data.packing import COLUMNS, split_slices
from vqgen_utils.data.scans import read_slices
from vqgen_utils.data.slices import look_at_headers, silent, source_folder
from vqgen_utils.data.split import SPLITS, shared_patients
from vqgen_utils.data.survey import Progress


@dataclass(frozen=True)
class Report:
    """What `check_folder` survey."""

    folder: Path
    index: pd.DataFrame  # as Slices.index; without rows where nothing can be used
    notes: list[str]
    damaged: list[dict]  # {"file", "reason"}: cannot be read or trusted
    unused: list[dict]  # {"file", "reason"}: nothing is wrong, but nothing to learn either
    shared: dict[tuple[str, str], set[str]]  # the patients two splits share, as the folder is
    geometry: str = ""  # shape, spacing and plane of the slices, in words

    @property
    def errors(self) -> int:
        """Entries of `damaged`, plus patients in more than one split."""
        return len(self.damaged) + len(set().union(*self.shared.values()))

    @property
    def exit_code(self) -> int:
        """0: nothing is wrong. 1: there are errors. 2: not one slice can be used."""
        return 2 if self.index.empty else 1 if self.errors else 0

    def problems(self) -> pd.DataFrame:
        """Every file that is not used: severity ("error" or "left out"), file, reason."""
        rows = [{"severity": "error", **entry} for entry in self.damaged]
        rows += [{"severity": "left out", **entry} for entry in self.unused]
        return pd.DataFrame(rows, columns=["severity", "file", "reason"])

    def lines(self) -> list[str]:
        """The report as text: a table of the splits, one of the problems, and who is in two."""
        lines = [f"{self.folder}", f"{'split':<10}{'patients':>9}{'scans':>7}{'slices':>8}"]
        for split in SPLITS:
            rows = self.index[self.index["split"] == split]
            patients = sorted(rows["patient"].unique(), key=natural)
            scans = len(rows[["patient", "week"]].drop_duplicates())
            counts = f"{split:<10}{len(patients):>9}{scans:>7}{len(rows):>8}"
            lines.append(f"{counts}   {shorten(patients)}".rstrip())
        lines += [self.geometry] * bool(self.geometry)
        problems = self.problems()
        if len(problems) or self.notes:
            lines.append(f"{'severity':<10}{'files':>9}  what is wrong, and where")
        for (severity, reason), rows in problems.groupby(["severity", "reason"], sort=False):
            lines.append(f"{severity:<10}{len(rows):>9}  {reason}")
            lines.append(f"{'':<21}{shorten(list(rows['file']), 3)}")
        lines += [f"{'note':<19}  {note}" for note in self.notes]
        for (first, second), patients in self.shared.items():
            names = shorten(sorted(patients, key=natural))
            lines.append(f"patients in {first} and {second}: {len(patients)} {names}".rstrip())
        return [*lines, f"{self.errors} errors"]


def shorten(names: list[str], shown: int = 12) -> str:
    """The first few of a list of names, and how many more there are."""
    rest = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + rest


def check_folder(config: DataConfig, *, progress: Progress | None = None) -> Report:
    """Read all of a folder as `load_slices` would, packing nothing, and say what is there.

    Raises:
        InputError: for a folder that is missing, empty or laid out differently. Files that cannot
            be used are in the report instead.
    """
    progress = progress or silent
    folder = source_folder(config, progress)
    survey = look_at_headers(folder, list_files(folder), config, progress)
    rows = [one.row for one in read_slices(survey, progress)]
    index = pd.DataFrame(rows, columns=list(COLUMNS))
    laid_out = shared_patients(index)
    shared = set().union(*laid_out.values())
    if rows:
        index = split_slices(survey, index, config.data_seed)
        index = index[index["split"] != ""]
    return Report(
        folder=folder,
        index=index,
        notes=survey.notes,
        damaged=survey.damaged,
        unused=survey.unused,
        shared=laid_out if shared else shared_patients(index),
        geometry=survey.in_words(),
    )
