"""Slices to learn from: a folder of scans, packed once into arrays that open in milliseconds.

    load_slices(config) -> Slices -> .subset("train") -> SliceDataset

The scans are read once, into `data/packed/KEY/` (memory-mapped arrays and an index). The key is a
hash of the files' names, sizes and times and of every setting that matters, so a changed file or
setting is packed anew and nothing stale is ever opened.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from vqgen_utils.config import DataConfig
from vqgen_utils.data import phantom
from vqgen_utils.data.download import downloaded
from vqgen_utils.data.listing import Listing, list_files
from vqgen_utils.data.nifti import cut
from vqgen_utils.data.packing import open_packed, pack
from vqgen_utils.data.reading import read_volume
from vqgen_utils.data.split import SPLITS, decides, disjoint
from vqgen_utils.data.survey import Progress, Survey, survey_headers
from vqgen_utils.errors import InputError
from vqgen_utils.machine.files import whole_folder
from vqgen_utils.machine.places import home

FORMAT = 5  # of a packed folder; raise it when the same files would be packed differently
_PHANTOM_FIELDS = ("patients_train", "patients_validate", "patients_test", "weeks", "slice_step")
_PACKING_FIELDS = (
    *("data_source", "image_height", "image_width", "other_shapes", "slice_axis", "data_seed"),
    *("include", "exclude", "patient_pattern", "folds", "fold", "test_patients"),
)


_WHOSE = {  # Slices.patients_disjoint -> what a reader of a score must know
    True: "No patient is on both sides of the split.",
    False: (
        "Patients ARE on both sides of the split: what is held out are slices, not people, and "
        "every score flatters."
    ),
    None: "Whether a patient is on both sides of the split is unknown: the names do not say.",
}


class SliceDataset(torch.utils.data.Dataset):
    """The slices of one split, read from disk when they are asked for.

    `dataset[i]` is an image (1, H, W) float32 in [0, 1] and its height () float32 in [0, 1], and
    `dataset[list]` a batch of them: (B, 1, H, W) and (B,). `rows.iloc[i]` is the slice's row of the
    index; `rows.index` holds the positions in `Slices.images`.

    The file is read, not mapped: a mapped page counts as this process's memory once it was looked
    at, so an epoch would seem to take as much as all slices. And a file that is cut short under a
    map ends the process without a word.
    """

    def __init__(self, path: Path, rows: pd.DataFrame):
        self.path, self.rows = path, rows
        images = np.load(path, mmap_mode="r")  # (N, H, W) float16
        self._shape, self._start = images.shape[1:], images.offset
        self._positions = rows.index.to_numpy()
        self._heights = torch.tensor(rows["height"].to_numpy(), dtype=torch.float32)

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, items: int | list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """One slice, or a batch of those in a list.

        Raises:
            InputError: when the file has been cut short or removed since it was opened.
        """
        if not isinstance(items, list):
            images, heights = self[[items]]
            return images[0], heights[0]
        images = torch.empty(len(items), 1, *self._shape)  # (B, 1, H, W)
        pixels = torch.empty(self._shape, dtype=torch.float16)  # (H, W)
        try:
            with open(self.path, "rb", buffering=0) as file:
                for image, position in zip(images, self._positions[items], strict=True):
                    file.seek(self._start + int(position) * pixels.nbytes)
                    if file.readinto(pixels.numpy()) != pixels.nbytes:
                        raise EOFError
                    image.copy_(pixels)  # converted straight into its place
        except (OSError, EOFError) as error:
            damaged = f"{self.path.parent}: is damaged; delete this folder to pack it anew."
            raise InputError(damaged) from error
        return images, self._heights[items]

    def of_patients(self, patients: Sequence[str]) -> "SliceDataset":
        """The slices of some patients alone."""
        return SliceDataset(self.path, self.rows[self.rows["patient"].isin(patients)])


@dataclass(frozen=True, eq=False, repr=False)
class Slices:
    """All slices of a folder of scans, with who is held out and what was left out."""

    index: pd.DataFrame  # one row a slice, the columns of COLUMNS; row i is images[i]
    images: np.memmap  # (N, H, W) float16 in [0, 1]
    labels: np.memmap | None  # (N, H, W) uint8, 0 where a slice has no label_file
    dropped: list[dict]  # {"file", "reason"}: every file or slice that is not used
    notes: list[str]  # sentences for the reader
    content: str  # sha256 of images and index: the same data, the same text
    layout: str  # how the folder is laid out: "bids", "nnunet", ... (see the data card)
    plane: str | None  # "axial", "sagittal", "coronal"; None: the files do not say
    slice_axis: int  # the axis that volumes were cut across
    voxel_mm: list[float | None] | None  # median mm along H, W and between slices; None: unknown
    square_pixels: bool  # the study: pixels count as 1 mm, slices lie as they are stored
    patients_known: bool  # names say whose each scan is
    patients_disjoint: bool | None  # no patient is in two splits; None: the names do not say
    folder: Path  # of the scans; `file` and `label_file` in the index start there

    @property
    def tensor(self) -> torch.Tensor:
        """All images as (N, 1, H, W) float16, on the disk until they are looked at."""
        return torch.from_numpy(self.images)[:, None]

    @property
    def whose(self) -> str:
        """A sentence on whether those who are held out are strangers to what was learned."""
        return _WHOSE[self.patients_disjoint]

    def subset(self, split: str) -> SliceDataset:
        """The slices of "train", "validate" or "test"; it may have none.

        Raises:
            InputError: for another name.
        """
        if split not in SPLITS:
            raise InputError(f"split '{split}' does not exist: choose one of {', '.join(SPLITS)}.")
        return SliceDataset(self.images.filename, self.index[self.index["split"] == split])

    def to_learn_from(self) -> tuple[SliceDataset, SliceDataset]:
        """The slices that weights are fitted to, and those that choose among the weights.

        They are those to train and to validate on. Where there are none to validate on, a part of
        the training patients chooses; of one patient, a part of the slices. It may have none.
        """
        train, validate = self.subset("train"), self.subset("validate")
        if len(validate):
            return train, validate
        chosen = decides(train.rows)
        path = self.images.filename
        return SliceDataset(path, train.rows[~chosen]), SliceDataset(path, train.rows[chosen])

    @property
    def places(self) -> list[float]:
        """Places along the scan that training slices have, as densely as they have them.

        A hundred of them from the lowest to the highest, each as many slices from the next.
        """
        heights = self.index["height"][self.index["split"] == "train"]
        shares = (np.arange(100) + 0.5) / 100
        return np.quantile(heights, shares, method="inverted_cdf").tolist()

    def must_hold_out(self) -> None:
        """Make sure that something is held out, without which nothing learned can be scored.

        Raises:
            InputError: when all slices are for training.
        """
        if not len(self.subset("test")):
            raise InputError(
                f"{self.folder}: {len(self.index)} slices of one patient are too few to hold any "
                "out, so nothing could be scored; give more scans, or a longer one."
            )

    def voxels(self, row: pd.Series) -> np.ndarray:
        """A slice before scaling and framing, by its row of the index.

        (h, w) float32, the way round that `images` has it, with the slice's lowest value where the
        file has none (NaN).

        Raises:
            InputError: when the file cannot be read any more.
        """
        path = self.folder / row["file"]
        voxels, _ = read_volume(path, frame=0, as_stored=self.square_pixels)
        if voxels.ndim == 3:
            slices = cut(voxels, self.slice_axis)
            voxels = slices[row["slice"] if len(slices) > 1 else 0]
        return np.where(np.isnan(voxels), np.float32(row["original_min"]), voxels)

    def __repr__(self) -> str:
        counts = ", ".join(f"{(self.index['split'] == split).sum()} {split}" for split in SPLITS)
        count, height, width = self.images.shape
        return f"Slices({count} of {height} x {width}: {counts}; {len(self.dropped)} dropped)"


def load_slices(config: DataConfig, *, progress: Progress | None = None) -> Slices:
    """The slices of `config.data_source`, packed on the first call and opened on every later one.

    Args:
        config: a relative `data_dir` starts at `home()`; an empty one is the phantom's own folder,
            which is written if it is missing.
        progress: called with (what is being done, how many are done, of how many).

    Raises:
        InputError: for a folder that is missing, laid out differently or without one usable
            slice, and for a disk that is full.
    """
    progress = progress or silent
    folder = source_folder(config, progress)
    listing = list_files(folder)
    key = _key(FORMAT, _fingerprint(listing.files), _values(config, _PACKING_FIELDS))
    packed = home() / "data" / "packed" / key
    if not packed.is_dir():
        survey = look_at_headers(folder, listing, config, progress)
        with whole_folder(packed) as making:
            pack(survey, config, making, progress)
    index, images, labels, meta = open_packed(packed)
    apart = disjoint(index, meta["patients_known"])
    return Slices(index, images, labels, **meta, patients_disjoint=apart, folder=folder)


def source_folder(config: DataConfig, progress: Progress) -> Path:
    if config.data_dir:
        folder = home() / os.path.expanduser(config.data_dir)
        if not os.path.isdir(folder):  # also where its parent may not be looked into
            raise InputError(f"{folder}: there is no such folder; check data_dir.")
        return folder
    if config.data_source == "msd-prostate":
        return downloaded()
    if config.data_source != "phantom":
        raise InputError(
            f"data_source '{config.data_source}' needs scans: set data_dir to their folder."
        )
    settings = _values(config, _PHANTOM_FIELDS)
    texts = sorted(Path(phantom.__file__).parent.glob("*.py"))
    source = [path.read_text("utf-8") for path in texts]  # another phantom draws other patients
    folder = home() / "data" / "phantom" / _key(source, settings, config.data_seed)
    if not folder.is_dir():
        phantom.write_phantom(
            folder,
            **settings,
            seed=config.data_seed,
            progress=lambda done, total: progress("writing the phantom", done, total),
        )
    return folder


def look_at_headers(
    folder: Path, listing: Listing, config: DataConfig, progress: Progress
) -> Survey:
    if not listing.files:
        more = [f"{entry['file']}: {entry['reason']}." for entry in listing.dropped[:3]]
        if listing.others:
            more.append(listing.others_in_words())
        check = "holds no .nii or .nii.gz file, no DICOM and no PNG; check data_dir."
        raise InputError(" ".join([f"{folder}: {check}", *more]))
    survey = survey_headers(folder, [name for name, _, _ in listing.files], config, progress)
    for entry in listing.dropped:
        survey.drop(entry["file"], entry["reason"])
    if listing.others:
        survey.notes.append(listing.others_in_words())
    return survey


def _fingerprint(files: list[tuple[str, int, int]]) -> str:
    """Another name, size or time of any file, another text; file by file to need no memory."""
    digest = hashlib.sha256()
    for name, size, time in files:
        digest.update(f"{name}\n{size} {time}\n".encode())
    return digest.hexdigest()


def _key(*what) -> str:
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]


def _values(config: DataConfig, fields: tuple[str, ...]) -> dict:
    return {name: getattr(config, name) for name in fields}


def silent(what: str, done: int, total: int) -> None:
    pass
