"""Slices packed once into arrays that open in milliseconds: written whole, or not at all.

images.npy  (N, H, W) float16        index.csv  one row a slice
labels.npy  (N, H, W) uint8          meta.json  notes, what was dropped, how the slices lie, and
                                                sha256 of the content
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd

from vqgen_utils.config import DataConfig
from vqgen_utils.data.copies import join_copies
from vqgen_utils.data.scans import ranges, read_slices
from vqgen_utils.data.split import assign_splits, chosen_splits
from vqgen_utils.data.survey import Progress, Survey
from vqgen_utils.errors import InputError

COLUMNS = {
    **{"patient": "str", "week": "int64", "slice": "int64", "height": "float64", "split": "str"},
    **{"file": "str", "label_file": "str", "rows": "int64", "columns": "int64"},
    **{"low": "float64", "high": "float64", "clipped": "float64"},
    **{"original_min": "float64", "original_max": "float64"},
}
GEOMETRY = {"plane", "slice_axis", "voxel_mm", "square_pixels"}  # of the survey
META = {"content", "notes", "dropped", "layout", "patients_known"} | GEOMETRY
WRITTEN_AT_ONCE = 2**22  # bytes; a file written in large pieces is read faster from the cache


def pack(survey: Survey, config: DataConfig, folder: Path, progress: Progress) -> None:
    """Read every scan of a survey into `folder`, which must not exist.

    Raises:
        InputError: when not one slice can be used, or the patients cannot be split as asked.
    """
    folder.mkdir()
    if survey.frame is None:
        raise _nothing_usable(survey)
    shape = (survey.frame.height, survey.frame.width)
    labelled = any(scan.label_file for volume in survey.volumes for scan in volume)
    rows, no_labels = [], np.zeros(shape, np.uint8)
    with (
        _GrowingArray(folder / "images.npy", shape, np.float16) as images,
        _GrowingArray(folder / "labels.npy", shape, np.uint8) as labels,
    ):
        for one in read_slices(survey, progress):
            rows.append(one.row)
            images.append(one.image)
            if labelled:
                labels.append(no_labels if one.labels is None else one.labels)
    if not rows:
        raise _nothing_usable(survey)
    if not labelled:
        (folder / "labels.npy").unlink()

    index = split_slices(survey, join_people(survey, pd.DataFrame(rows)), config)
    used = index["split"] != ""
    if not used.all():  # the gaps in the slices of a single patient, which fit into memory
        for file in folder.glob("*.npy"):
            np.save(file, np.load(file)[used])
    index = index[used]
    index.to_csv(folder / "index.csv", index=False)
    without = int((index["label_file"] == "").sum())
    if labelled and without:
        survey.notes.append(f"Slices without labels: {without} of {len(index)}.")
    digest = hashlib.sha256((folder / "index.csv").read_bytes())
    with open(folder / "images.npy", "rb") as stream:
        while block := stream.read(2**20):
            digest.update(block)
    meta = {
        "content": digest.hexdigest(),
        "notes": survey.notes,
        "dropped": survey.dropped,
        "layout": survey.layout,
        "patients_known": patients_known(survey, index),
        **{name: getattr(survey, name) for name in sorted(GEOMETRY)},
    }
    (folder / "meta.json").write_text(json.dumps(meta, indent=1))


def join_people(survey: Survey, index: pd.DataFrame) -> pd.DataFrame:
    """`index` with patients who share a scan made one, which is noted."""
    owner = dict(zip(index["file"], index["patient"], strict=True))
    again = [pair for pair in survey.copies if owner.get(pair[0]) == owner.get(pair[1], "")]
    if again:
        survey.notes.append(
            f"Scans that share slices with an earlier session of their patient: {len(again)} (the "
            f"first: {again[0][1]} with {again[0][0]}). If these are copies, remove them."
        )
    index, people = join_copies(index, survey.copies)
    for names in people:
        survey.notes.append(
            f"Patients {' and '.join(names)} share slices with the same voxels, so they count as "
            f"one, {names[0]}."
        )
    return index


def patients_known(survey: Survey, index: pd.DataFrame) -> bool:
    """Whether names say whose all the scans in use are; a single file is one person's anyway.

    Slices in files of their own, `P01` to `P09`, are one scan or nine people's.
    """
    scans = [volume[0] for volume in survey.volumes]
    used = set(index["file"])
    unnamed = {scan.file for scan in scans if not scan.named} & used
    return not unnamed or index["file"].nunique() == 1


def split_slices(survey: Survey, index: pd.DataFrame, config: DataConfig) -> pd.DataFrame:
    """`index` with every slice's split; those in a gap between blocks have none and are dropped.

    Raises:
        InputError: when the patients cannot be split as asked.
    """
    if config.folds or config.test_patients:
        splits, notes = chosen_splits(index, config, known=patients_known(survey, index))
    else:
        say = survey.layout != "hipmri-2d"
        splits, notes = assign_splits(index, config.data_seed, say=say)
    survey.notes += notes
    index = index.assign(split=splits)
    for file, rows in index[index["split"] == ""].groupby("file", sort=False):
        reason = f"slices {ranges(rows['slice'])}: the gaps between the blocks of the split"
        survey.drop(file, reason, broken=False)
    return index


def open_packed(folder: Path) -> tuple[pd.DataFrame, np.memmap, np.memmap | None, dict]:
    """Index, images, labels (None: there are none) and meta of a packed folder.

    Raises:
        InputError: when a file of it is missing or damaged.
    """
    try:
        index = pd.read_csv(folder / "index.csv", dtype=COLUMNS, keep_default_na=False)
        meta = json.loads((folder / "meta.json").read_text())
        images = np.load(folder / "images.npy", mmap_mode="c")  # what is written stays in memory
        labelled = (folder / "labels.npy").exists()
        labels = np.load(folder / "labels.npy", mmap_mode="c") if labelled else None
        arrays = [images] if labels is None else [images, labels]
        if not all(isinstance(array, np.memmap) and len(array) == len(index) for array in arrays):
            raise ValueError("an array that does not fit the index")
        if list(index) != list(COLUMNS) or set(meta) != META:
            raise ValueError("columns or notes are missing")
        if labels is None and (index["label_file"] != "").any():
            raise ValueError("the labels are missing")
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}: is damaged; delete this folder to pack it anew.") from error
    return index, images, labels, meta


def _nothing_usable(survey: Survey) -> InputError:
    if survey.dropped and all(entry["file"] in survey.label_maps for entry in survey.dropped):
        return InputError(
            f"{survey.folder}: holds only label maps, no images (the first: "
            f"{survey.dropped[0]['file']}); give the folder of the scans."
        )
    reasons = "; ".join(f"{entry['file']}: {entry['reason']}" for entry in survey.dropped[:3])
    return InputError(f"{survey.folder}: not one slice in it can be used. {reasons}")


class _GrowingArray:
    """A .npy file that is written slice by slice, since how many will be usable is not known yet.

    Plain writes: a full disk makes them raise, where a memory map would kill the process.
    """

    def __init__(self, path: Path, shape: tuple[int, int], dtype: type):
        self.shape, self.dtype, self.count = shape, np.dtype(dtype), 0
        self.stream = open(path, "wb", WRITTEN_AT_ONCE)  # noqa: SIM115, closed by __exit__

    def __enter__(self):
        self._write_header()
        return self

    def append(self, array: np.ndarray) -> None:
        self.stream.write(array.astype(self.dtype).tobytes())
        self.count += 1

    def __exit__(self, *_) -> None:
        with self.stream:  # closed even when the disk is full
            self.stream.seek(0)
            self._write_header()  # of the same length: numpy leaves room for a growing first axis

    def _write_header(self) -> None:
        header = {"descr": self.dtype.str, "fortran_order": False}
        header["shape"] = (self.count, *self.shape)
        np.lib.format.write_array_header_1_0(self.stream, header)
