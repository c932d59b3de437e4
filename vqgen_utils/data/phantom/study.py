"""The folder: a phantom study as NIfTI files, laid out like the HipMRI release."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
from nibabel import Nifti1Header

from vqgen_utils.data.phantom.canvas import PIXEL
from vqgen_utils.data.phantom.scanner import NUM_SLICES, SPACING, render_slice
from vqgen_utils.errors import InputError
from vqgen_utils.machine.files import whole_folder


def nifti_bytes(pixels: np.ndarray, slope: float = 1.0) -> bytes:
    """A gzipped NIfTI-1 file; readers multiply by `slope`. Same pixels, same bytes."""
    header = Nifti1Header()
    header.set_data_dtype(pixels.dtype)
    header.set_data_shape(pixels.shape)
    header.set_zooms((PIXEL, PIXEL, SPACING)[: pixels.ndim])
    header.set_slope_inter(slope, 0)
    affine = np.diag([PIXEL, PIXEL, SPACING, 1.0])
    affine[:2, 3] = [-(n - 1) / 2 * PIXEL for n in pixels.shape[:2]]
    header.set_sform(affine, code="scanner")
    header.set_xyzt_units("mm")
    header["vox_offset"] = 352  # the 348 of the header, and 4 that say "no extensions"
    return gzip.compress(header.binaryblock + bytes(4) + pixels.tobytes("F"), 1, mtime=0)


def write_patient(folder: Path, split: str, patient: int, weeks: int, step: int, seed: int, wide):
    """Write all slices of one patient; `wide` is the (patient, week) seen in a wider field."""
    # files of the study differ in such ways, so readers have to cope
    slope = (1.0, 0.25, 0.5)[patient % 3]
    last_axis = (1,) if patient % 4 == 3 else ()
    for week in range(weeks):
        shape = (256, 144) if (patient, week) == wide else (256, 128)
        for slice in range(patient % step, NUM_SLICES, step):
            image, labels = render_slice(patient, week, slice, shape, seed)
            name = f"{patient:03d}_week_{week}_slice_{slice}.nii.gz"
            stored = np.rint(image / slope).astype(np.int16).reshape(shape + last_axis)
            path = folder / f"keras_slices_{split}" / f"case_{name}"
            path.write_bytes(nifti_bytes(stored, slope))
            path = folder / f"keras_slices_seg_{split}" / f"seg_{name}"
            path.write_bytes(nifti_bytes(labels))


def write_phantom(
    folder: Path,
    *,
    patients_train: int,
    patients_validate: int,
    patients_test: int,
    weeks: int,
    slice_step: int,
    seed: int,
    odd_shape: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write a phantom study: NIfTI slices and labels in the layout of the HipMRI release.

    Patients are numbered 1, 2, ... through train, validate and test; patient p has `weeks` scans
    (from 0) and every `slice_step`-th slice from p % slice_step on. Images are int16 of 256x128
    pixels, in scanner units once the header's slope is applied; labels are uint8. Every fourth
    patient's images have a third axis of one. With `odd_shape`, one training scan is 256x144
    (case 19 week 1 if there is one). `progress(done, total)` is called after each patient. The
    folder appears whole or not at all. Raises InputError if it exists already or a number is out
    of range.
    """
    folder = Path(folder)
    counts = {"train": patients_train, "validate": patients_validate, "test": patients_test}
    if folder.exists():
        raise InputError(f"{folder} exists already: choose another folder or delete it first.")
    if min(counts.values()) < 0 or not patients_train or weeks < 1:
        raise InputError("A phantom needs at least 1 training patient and 1 week each.")
    if not 1 <= slice_step <= NUM_SLICES:
        raise InputError(f"slice_step is {slice_step}: choose 1 to {NUM_SLICES}.")
    wide = (19, 1) if patients_train >= 19 and weeks > 1 else (patients_train, weeks - 1)
    splits = [split for split, count in counts.items() for _ in range(count)]
    with whole_folder(folder) as making:
        for split in counts:
            (making / f"keras_slices_{split}").mkdir(parents=True)
            (making / f"keras_slices_seg_{split}").mkdir()
        for patient, split in enumerate(splits, start=1):
            write_patient(
                making, split, patient, weeks, slice_step, seed, wide if odd_shape else None
            )
            if progress:
                progress(patient, len(splits))
