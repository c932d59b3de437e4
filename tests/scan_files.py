"""Small scans for the tests: whole ones, a study of them, and files whose header says anything."""

import dataclasses
import gzip
from pathlib import Path

import nibabel as nib
import numpy as np

from vqgen_utils.config import DataConfig


def picture(*shape: int, seed: int = 0) -> np.ndarray:
    """Noise on a slope along every axis, so that no flip or swap of axes goes unseen."""
    slope = sum((i + 1) * axis for i, axis in enumerate(np.indices(shape)))
    noise = np.random.default_rng(seed).random(shape)
    return (100 * slope / slope.max() + 10 * noise).astype(np.float32)


def save(path: Path, array: np.ndarray, affine: np.ndarray | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, np.diag([-1, 1, 1, 1]) if affine is None else affine), path)
    return path


def nifti_bytes(
    array: np.ndarray, kind: type = nib.Nifti1Header, endianness: str = "<", **fields
) -> bytes:
    """An uncompressed file of `array`, but for the header's `fields`, whatever they say."""
    header = kind(endianness=endianness)
    header.set_data_dtype(array.dtype)
    header.set_data_shape(array.shape)
    header["vox_offset"] = header.sizeof_hdr + 4
    header["scl_slope"], header["scl_inter"] = 1, 0
    for name, value in fields.items():
        header[name] = value
    voxels = array.astype(array.dtype.newbyteorder(endianness))
    return header.binaryblock + bytes(4) + voxels.tobytes("F")


def save_odd(path: Path, array: np.ndarray | None = None, **fields) -> Path:
    """Write `nifti_bytes` of `array` (left out: a volume), gzipped if `path` says so."""
    content = nifti_bytes(picture(16, 16, 4) if array is None else array, **fields)
    path.write_bytes(gzip.compress(content) if path.name.endswith(".gz") else content)
    return path


def save_study(folder: Path, *, slices=(0, 30, 59), shape=(32, 16), labels=False, **patients):
    """The study's layout: `train=(1, 2)` writes patients 1 and 2 into keras_slices_train."""
    for split, numbers in patients.items():
        for patient in numbers:
            for number in slices:
                name = f"{patient:03d}_week_0_slice_{number}.nii.gz"
                image = picture(*shape, seed=100 * patient + number)
                save(folder / f"keras_slices_{split}" / f"case_{name}", image)
                if labels:
                    tissue = (image > 60).astype(np.uint8) + (image > 90)
                    save(folder / f"keras_slices_seg_{split}" / f"seg_{name}", tissue)
    return folder


def save_prostates(folder: Path, *, patients=(0, 1, 2), shape=(24, 24, 5), hidden=False) -> Path:
    """The decathlon's Task05: frames T2 and ADC; the last patient is in imagesTs, unlabelled.

    `hidden` adds what macOS leaves beside each file.
    """
    for patient in patients:
        name = f"prostate_{patient:02d}.nii.gz"
        image = picture(*shape, seed=patient)
        test = patient == patients[-1]
        frames = np.stack([image, picture(*shape, seed=1000 + patient)[::-1]], axis=-1)
        path = save(folder / ("imagesTs" if test else "imagesTr") / name, frames)
        if not test:
            save(folder / "labelsTr" / name, (image > 60).astype(np.uint8) + (image > 90))
        if hidden:
            (path.parent / f"._{name}").write_bytes(b"\0\5\x16\7" + bytes(100))
    return folder


def nifti(folder: Path | str, **changes) -> DataConfig:
    config = DataConfig(data_source="nifti", data_dir=str(folder), image_height=32, image_width=16)
    return dataclasses.replace(config, **changes)


def study(folder: Path | str, **changes) -> DataConfig:
    return nifti(folder, data_source="hipmri", **changes)
