"""Small scans for the tests: whole ones, a study of them, and files whose header says anything."""

import dataclasses
import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
from PIL import Image

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


# Planes of DICOM slices: where the columns, the rows and the slices of a file lead, in letters of
# the patient's left, back and head or what is opposite.
PLANES = {"axial": "LPH", "sagittal": "PFR", "coronal": "LFP"}
_LETTERS = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "H": (2, 1), "F": (2, -1)}
IDENTIFYING = {
    "PatientName": "Quartermain^Allan",
    "PatientID": "QM-7731",
    "PatientBirthDate": "18340229",
    "PatientAddress": "Durban Road 12",
    "InstitutionName": "Curtis Hospital",
    "SeriesDescription": "t2 Quartermain hip",
    "StudyDescription": "pelvis of Quartermain",
}


def save_series(
    folder: Path,
    array: np.ndarray,
    *,
    sizes=(2.0, 1.5, 3.0),
    plane: str = "axial",
    patient: str | None = "p1",
    study: str = "1.2.3.1",
    date: str = "20200101",
    series: str | None = None,
    names=None,
    tilt: float = 0.0,
    values: tuple[float, float] = (1.0, 0.0),
    **tags,
) -> list[Path]:
    """A DICOM series of `array` (X, Y, Z) int, axes to the left, front and head, sizes in mm.

    Args:
        names: of the files, in the order of the slices.
        tilt: radians that the patient is turned by, around the axis from foot to head.
        values: slope and intercept.
        tags: further ones, by keyword; None leaves one out.
    """
    leading = [_LETTERS[letter] for letter in PLANES[plane]]  # (axis, sign towards L, P, H) each
    axes = [axis for axis, _ in leading]
    turned = array[:, ::-1]  # to the left, back and head
    stored = np.transpose(turned, axes)
    for place, (_, sign) in enumerate(leading):
        stored = stored if sign > 0 else np.flip(stored, place)
    cos, sin = np.cos(tilt), np.sin(tilt)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    directions = [turn @ (np.eye(3)[axis] * sign) for axis, sign in leading]
    steps = [direction * sizes[axis] for direction, axis in zip(directions, axes, strict=True)]
    series = series or pydicom.uid.generate_uid()
    paths = []
    for number in range(stored.shape[2]):
        name = names[number] if names else f"{number:04d}.dcm"
        image = dicom_image(stored[..., number].T)
        image.PatientID, image.StudyInstanceUID, image.SeriesInstanceUID = patient, study, series
        image.StudyDate = date
        image.ImagePositionPatient = [round(float(x), 6) for x in 7 + steps[2] * number]
        image.ImageOrientationPatient = [
            round(float(x), 8) for x in [*directions[0], *directions[1]]
        ]
        image.PixelSpacing = [sizes[axes[1]], sizes[axes[0]]]
        image.RescaleSlope, image.RescaleIntercept = values
        for keyword, value in tags.items():
            if value is None:
                del image[keyword]
            else:
                setattr(image, keyword, value)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def dicom_image(pixels: np.ndarray) -> pydicom.Dataset:
    """An MR image of (rows, columns) whole numbers, without place, patient or series."""
    image = pydicom.Dataset()
    image.file_meta = pydicom.dataset.FileMetaDataset()
    image.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    image.SOPClassUID = pydicom.uid.MRImageStorage
    image.SOPInstanceUID = pydicom.uid.generate_uid()
    image.Modality, image.ImageType = "MR", ["ORIGINAL", "PRIMARY", "M"]
    image.ScanningSequence, image.EchoTime, image.SliceThickness = "SE", 100, 99
    image.Rows, image.Columns = pixels.shape
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 1
    image.PixelData = pixels.astype("<i2").tobytes()
    return image


def save_picture(path: Path, pixels: np.ndarray, **options) -> Path:
    """A PNG of (rows, columns) or (rows, columns, channels) whole numbers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, format="PNG", **options)
    return path


def save_brains(folder: Path, *, slices=(0, 2, 10), shape=(32, 24), **patients) -> Path:
    """The courses' PNG slices: `train=(1, 2)` writes patients 1 and 2, with their labels."""
    for split, numbers in patients.items():
        for patient in numbers:
            for number in slices:
                name = f"{patient:03d}_slice_{number}.nii.png"
                image = picture(*shape, seed=100 * patient + number)
                save_picture(
                    folder / f"keras_png_slices_{split}" / f"case_{name}", image.astype(np.uint8)
                )
                labels = 85 * (image // 40).astype(np.uint8)
                save_picture(folder / f"keras_png_slices_seg_{split}" / f"seg_{name}", labels)
    return folder
