"""What `vqgen data check` finds in a folder: read as training would read it, and nothing packed."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vqgen_utils.config import DataConfig
from vqgen_utils.data import copies
from vqgen_utils.data.listing import list_files
from vqgen_utils.data.names import natural
from vqgen_utils.data.packing import COLUMNS, join_people, patients_known, split_slices
from vqgen_utils.data.scans import read_slices
from vqgen_utils.data.slices import look_at_headers, silent, source_folder
from vqgen_utils.data.split import SPLITS, disjoint, shared_patients
from vqgen_utils.data.survey import Progress, Survey
from vqgen_utils.errors import InputError

FINDINGS = {  # of a folder in which nothing can be used
    **{"layout": "", "scans": 0, "patients": 0, "slices": 0, "labelled_slices": 0},
    **{"patients_known": False, "patients_disjoint": None},
    "splits": {split: {"patients": [], "slices": 0} for split in SPLITS},
    **{"same_content": [], "plane": None, "slice_axis": None, "voxel_mm": None, "left_out": []},
    **{"notes": [], "errors": [], "warnings": []},
}
UNKNOWN = "whose scans these are is unknown: the same patient can be on both sides of the split"


@dataclass(frozen=True)
class Report:
    """What is in a folder."""

    folder: Path
    index: pd.DataFrame  # as Slices.index; without rows where nothing can be used
    notes: list[str]
    damaged: list[dict]  # {"file", "reason"}: cannot be read or trusted
    unused: list[dict]  # {"file", "reason"}: nothing is wrong, but nothing to learn either
    shared: dict[tuple[str, str], set[str]]  # the patients two splits share, as the folder is
    layout: str  # as Slices.layout
    patients_known: bool  # as Slices.patients_known
    patients_disjoint: bool | None  # as Slices.patients_disjoint, but of the folder as it is
    same_content: list[list[str]]  # files that hold the same voxels
    survey: Survey

    @property
    def errors(self) -> int:
        """Entries of `damaged`, plus patients in more than one split."""
        return len(self.damaged) + len(set().union(*self.shared.values()))

    @property
    def exit_code(self) -> int:
        """0: sound. 1: errors, or nobody knows whose scans these are. 2: nothing can be used."""
        if self.index.empty:
            return 2
        return 1 if self.errors or self.nobody_knows else 0

    @property
    def nobody_knows(self) -> bool:
        """Whether there are scans and their names do not say whose they are."""
        return not (self.patients_known or self.index.empty)

    def to_json(self) -> dict:
        """The findings for programs; the data card says what each key means."""
        rows = {split: self.index[self.index["split"] == split] for split in SPLITS}
        errors = [f"{entry['file']}: {entry['reason']}" for entry in self.damaged]
        errors += [
            f"patient {patient} is in {first} and {second}"
            for (first, second), patients in self.shared.items()
            for patient in sorted(patients, key=natural)
        ]
        if self.index.empty:
            errors.append("not one slice can be used")
        return FINDINGS | {
            "layout": self.layout,
            "scans": len(self.index[["patient", "week"]].drop_duplicates()),
            "patients": int(self.index["patient"].nunique()),
            "slices": len(self.index),
            "labelled_slices": int((self.index["label_file"] != "").sum()),
            "patients_known": self.patients_known,
            "patients_disjoint": self.patients_disjoint,
            "splits": {
                split: {"patients": _patients(part), "slices": len(part)}
                for split, part in rows.items()
            },
            "same_content": self.same_content,
            "plane": self.survey.plane,
            "slice_axis": self.survey.slice_axis,
            "voxel_mm": self.survey.voxel_mm,
            "left_out": [*self.damaged, *self.unused],
            "notes": self.notes,
            "errors": errors,
            "warnings": [UNKNOWN] if self.nobody_knows else [],
        }

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
            patients = _patients(rows)
            scans = len(rows[["patient", "week"]].drop_duplicates())
            counts = f"{split:<10}{len(patients):>9}{scans:>7}{len(rows):>8}"
            lines.append(f"{counts}   {shorten(patients)}".rstrip())
        geometry = self.survey.in_words()
        lines += [geometry] if geometry else []
        problems = self.problems()
        if len(problems) or self.notes:
            lines.append(f"{'severity':<10}{'files':>9}  what is wrong, and where")
        for (severity, reason), rows in problems.groupby(["severity", "reason"], sort=False):
            lines.append(f"{severity:<10}{len(rows):>9}  {reason}")
            lines.append(f"{'':<21}{shorten(list(rows['file']), 3)}")
        lines += [f"{'note':<19}  {note}" for note in self.notes]
        for files in self.same_content:
            lines.append(f"the same voxels: {shorten(files, 6)}")
        for (first, second), patients in self.shared.items():
            if not patients and self.patients_disjoint is None:
                lines.append(f"patients in {first} and {second}: unknown")
                continue
            names = shorten(sorted(patients, key=natural))
            lines.append(f"patients in {first} and {second}: {len(patients)} {names}".rstrip())
        if self.nobody_knows:
            lines.append(f"look at this: {UNKNOWN}")
        return [*lines, f"{self.errors} errors"]


def _patients(rows: pd.DataFrame) -> list[str]:
    return sorted(rows["patient"].unique().tolist(), key=natural)


def shorten(names: list[str], shown: int = 12) -> str:
    """The first few of a list of names, and how many more there are."""
    rest = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + rest


def nothing_usable(error: InputError) -> dict:
    """The findings, as `Report.to_json` gives them, for a folder that was refused as a whole."""
    return FINDINGS | {"errors": [str(error)]}


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
    index = join_people(survey, pd.DataFrame(rows, columns=list(COLUMNS)))
    laid_out = shared_patients(index)
    shared = set().union(*laid_out.values())
    if rows:
        index = split_slices(survey, index, config)
        index = index[index["split"] != ""]
    known = bool(rows) and patients_known(survey, index)
    return Report(
        folder=folder,
        index=index,
        notes=survey.notes,
        damaged=survey.damaged,
        unused=survey.unused,
        shared=laid_out if shared else shared_patients(index),
        layout=survey.layout,
        patients_known=known,
        patients_disjoint=False if shared else disjoint(index, known) if rows else None,
        same_content=copies.groups(survey.copies),
        survey=survey,
    )
