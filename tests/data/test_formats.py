"""DICOM series and PNG slices come into the same index, and nobody is recognised in it."""

import json
import shutil
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.data import get_testdata_file
from scan_files import (
    IDENTIFYING,
    PLANES,
    dicom_image,
    nifti,
    picture,
    save,
    save_brains,
    save_picture,
    save_series,
)

from vqgen_utils.data import check_folder, load_slices, read_header, read_volume
from vqgen_utils.errors import InputError

VOLUME = (24, 20, 6)


def body(seed: int = 0) -> np.ndarray:
    return picture(*VOLUME, seed=seed).astype(np.int16)


def reasons(found) -> dict[str, str]:
    return {entry["file"]: entry["reason"] for entry in [*found.damaged, *found.unused]}


# ---- One DICOM series ---------------------------------------------------------------------------


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("tilt", [0.0, 0.3, -0.3])
def test_a_series_comes_back_the_way_round_that_the_patient_lay(scans, plane, tilt):
    array, sizes = body(), (2.0, 1.5, 3.0)
    paths = save_series(scans, array, sizes=sizes, plane=plane, tilt=tilt)
    read, mm = read_volume(paths[0])
    np.testing.assert_array_equal(read, array)
    assert read.dtype == np.float32
    np.testing.assert_allclose(mm, sizes, rtol=1e-5)  # of slices: not their thickness, 99
    assert read_header(paths[2])[0] == array.shape


def test_neither_the_order_nor_the_numbers_of_files_matter(scans):
    names = [f"IM{number}" for number in (3, 1, 5, 0, 4, 2)]
    paths = save_series(scans, body(), names=names, InstanceNumber=1)
    for path in paths:
        np.testing.assert_array_equal(read_volume(path)[0], body())


def test_slope_and_intercept_of_a_series_are_applied(scans):
    path, *_ = save_series(scans, body(), values=(0.5, -20))
    np.testing.assert_allclose(read_volume(path)[0], body() * 0.5 - 20)


@pytest.mark.parametrize("plane, across", [("axial", 2), ("coronal", 1), ("sagittal", 0)])
def test_a_series_of_one_slice_is_that_slice_of_the_volume(scans, plane, across):
    part = np.take(body(), [0], axis=across)
    (path,) = save_series(scans, part, plane=plane, sizes=(2, 1.5, 3))
    read, mm = read_volume(path)
    np.testing.assert_array_equal(read, part.squeeze(across))
    assert mm.tolist() == np.delete([2, 1.5, 3], across).tolist()
    assert read_header(path)[0] == read.shape


def multi_frame(path: Path, array: np.ndarray, places: list[float]) -> None:
    """An enhanced file of an axial (X, Y, Z), its frames at these heights in mm."""
    stored = np.moveaxis(array[:, ::-1], 2, 0).transpose(0, 2, 1)  # (frames, rows, columns)
    file = dicom_image(stored.reshape(-1, stored.shape[2]))
    file.SOPClassUID, file.NumberOfFrames = pydicom.uid.EnhancedMRImageStorage, len(stored)
    file.Rows = stored.shape[1]
    file.StudyInstanceUID, file.SeriesInstanceUID = "1.2.3", "1.2.3.4"

    def item(**tags) -> pydicom.Dataset:
        made = pydicom.Dataset()
        for keyword, value in tags.items():
            setattr(made, keyword, value)
        return made

    shared = item(
        PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
        PixelMeasuresSequence=[item(PixelSpacing=[1.5, 2], SliceThickness=99)],
    )
    file.SharedFunctionalGroupsSequence = [shared]
    file.PerFrameFunctionalGroupsSequence = [
        item(
            PlanePositionSequence=[item(ImagePositionPatient=[0, 0, place])],
            PixelValueTransformationSequence=[item(RescaleSlope=2, RescaleIntercept=1)],
        )
        for place in places
    ]
    file.save_as(path, enforce_file_format=True)


def test_a_file_of_many_frames_is_a_volume_whatever_their_order(scans):
    order = [2, 0, 5, 1, 4, 3]
    multi_frame(scans / "many.dcm", body()[..., order], [4.0 * place for place in order])
    read, mm = read_volume(scans / "many.dcm")
    np.testing.assert_array_equal(read, 2 * body() + 1)
    assert mm.tolist() == [2, 1.5, 4]
    assert check_folder(nifti(scans)).index["slice"].max() == 5


def test_frames_of_one_place_are_not_taken_for_a_volume(scans):
    multi_frame(scans / "echoes.dcm", body(), [0, 0, 3, 3, 6, 6])
    with pytest.raises(InputError, match=r"several images of one place"):
        read_volume(scans / "echoes.dcm")


@pytest.mark.parametrize("name", ["MR_small.dcm", "MR_small_RLE.dcm", "MR_small_bigendian.dcm"])
def test_ways_to_store_pixels_give_the_same_slice(name):
    read, mm = read_volume(Path(get_testdata_file(name, download=False)), more=[])
    expected = pydicom.dcmread(get_testdata_file("MR_small.dcm", download=False)).pixel_array
    np.testing.assert_array_equal(read, expected.T[:, ::-1])
    assert mm.tolist() == [0.3125, 0.3125]


@pytest.mark.parametrize(
    "name, why",
    [
        ("MR_small_jpeg_ls_lossless.dcm", r"compressed \(JPEG-LS Lossless.*decompress it"),
        ("MR_truncated.dcm", "cut short or damaged"),
        ("SC_rgb_rle.dcm", r"no image of MR, CT or PET \(Secondary Capture Image Storage\)"),
        ("rtdose.dcm", "RT Dose Storage"),
        ("test-SR.dcm", "no image of MR, CT or PET"),
        ("rtplan.dcm", "RT Plan Storage"),
        ("no_meta.dcm", "not a DICOM file, whatever its name says"),
    ],
)
def test_files_that_are_no_slices_say_so_in_a_sentence(name, why):
    path = Path(get_testdata_file(name, download=False))
    with pytest.raises(InputError, match=why) as error:
        read_volume(path, more=[])
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


# ---- Folders of DICOM files ---------------------------------------------------------------------


def save_patients(scans: Path, count: int = 3, **options) -> Path:
    for number in range(count):
        folder = scans / f"disc{number}"
        save_series(folder, body(number), patient=f"p{number}", study=f"1.{number}", **options)
    return scans


def test_a_patient_in_two_studies_is_one_patient_whose_sessions_follow_their_dates(scans):
    save_patients(scans)
    save_series(scans / "a later", body(7), patient="P1 ", study="1.99", date="20210101")
    save_series(scans / "b before", body(8), patient="p1", study="1.98", date="20190101")
    index = check_folder(nifti(scans)).index
    assert sorted(index["patient"].unique()) == ["dicom-0001", "dicom-0002", "dicom-0003"]
    whose = index.groupby(index["file"].str.partition("/")[0])[["patient", "week"]].first()
    assert len(set(whose["patient"][["a later", "b before", "disc1"]])) == 1
    assert whose["week"][["b before", "disc1", "a later"]].tolist() == [0, 1, 2]
    assert index.groupby("patient")["split"].nunique().max() == 1


def test_names_of_patients_stay_when_files_are_renamed(scans, tmp_path):
    save_patients(scans)
    before = load_slices(nifti(scans)).index
    (scans / "disc0").rename(scans / "z")
    after = load_slices(nifti(scans)).index
    mean = ["patient", "original_max"]
    assert set(before[mean].itertuples(index=False)) == set(after[mean].itertuples(index=False))


def test_the_owner_s_folders_of_dicom_splits_are_kept_and_said(scans):
    for number, split in enumerate(("train", "train", "val", "Test_Set")):
        folder = scans / split / str(number)
        save_series(folder, body(number), patient=f"p{number}", study=f"1.{number}")
    report = check_folder(nifti(scans))
    index = report.index
    split = index.groupby(index["file"].str.partition("/")[0])["split"].unique().map(list)
    assert split.to_dict() == {"train": ["train"], "val": ["validate"], "Test_Set": ["test"]}
    assert "The split is the owner's" in " ".join(report.notes) and report.exit_code == 0
    save_series(scans / "train" / "9", body(9), patient="p3", study="1.9")
    report = check_folder(nifti(scans))
    assert report.patients_disjoint is False and report.exit_code == 1
    assert len(report.shared["train", "test"]) == 1


def test_a_dicom_file_on_both_sides_of_the_split_is_an_error(scans):
    save_patients(scans / "train")
    shutil.copytree(scans / "train" / "disc0", scans / "val" / "disc0")
    report = check_folder(nifti(scans))
    assert report.exit_code == 1 and len(report.damaged) == VOLUME[2]
    assert "on both sides of the split; remove one" in report.damaged[0]["reason"]


@pytest.mark.parametrize("missing", [None, "", "ANONYMOUS", "0000", "Patient", "NOID"])
def test_studies_without_a_patient_are_said_to_be_unknown(scans, missing):
    for number in range(3):
        save_series(scans / f"{number}", body(number), patient=missing, study=f"1.{number}")
    report = check_folder(nifti(scans))
    assert set(report.index["patient"]) == {"unknown-0001", "unknown-0002", "unknown-0003"}
    assert "do not say whose they are, for want of a PatientID: 3" in " ".join(report.notes)


def test_files_are_known_by_what_they_begin_with(scans):
    for number, name in enumerate(("{}", "{}.ima", "1.2.840.{}")):
        names = [name.format(slice_) for slice_ in range(6)]
        save_series(scans / str(number), body() + number, patient=f"p{number}", names=names)
    (scans / "README").write_text("no scan")
    report = check_folder(nifti(scans))
    assert report.index["patient"].nunique() == 3
    assert not report.damaged
    assert "no DICOM files or hidden: 1 without ending" in " ".join(report.notes)


def test_of_a_session_one_series_is_read_of_the_kind_that_most_sessions_have(scans):
    save_patients(scans)
    for number in range(3):
        who = {"patient": f"p{number}", "study": f"1.{number}"}
        save_series(scans / f"adc{number}", body(), **who, ScanningSequence=["EP", "SE"])
        save_series(scans / f"sagittal{number}", body()[:4], **who, plane="sagittal")
        save_series(scans / f"few{number}", body()[..., :3], **who)
    save_series(scans / "short", body(), patient="p0", study="1.0", EchoTime=12)
    save_series(scans / "other", body(), patient="p9", study="1.9", EchoTime=12)
    report = check_folder(nifti(scans))
    folders = report.index["file"].str.partition("/")[0]
    assert set(folders) == {"disc0", "disc1", "disc2"}
    left = {file.partition("/")[0]: reason for file, reason in reasons(report).items()}
    assert "another kind (MR, axial, echo planar)" in left["adc0"]
    assert "another kind (MR, sagittal, long echo)" in left["sagittal1"]
    assert "(MR, axial, short echo) than is read (MR, axial, long echo)" in left["other"]
    assert "is another series (MR, axial, long echo) of a session" in left["few2"]
    assert not report.damaged


def test_series_that_are_no_even_stack_are_listed_and_never_mended(scans):
    save_patients(scans)
    names = {"patient": "p8", "study": "1.8"}
    gap = save_series(scans / "gap", body(), **names)
    gap[3].unlink()
    twice = save_series(scans / "twice", body(), series="1.7", **names)
    save_series(scans / "again", body(), series="1.7", **names)  # other images of the same places
    for plane in PLANES:
        save_series(scans / "localiser" / plane, body()[:4, :4, :4], plane=plane, series="1.6")
    save_series(scans / "called so", body(), ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    save_series(scans / "nowhere", body(), ImagePositionPatient=None)
    save_series(scans / "colour", body(), SamplesPerPixel=3, PhotometricInterpretation="RGB")
    report = check_folder(nifti(scans))
    assert set(report.index["file"].str.partition("/")[0]) == {"disc0", "disc1", "disc2"}
    left = {file.partition("/")[0]: reason for file, reason in reasons(report).items()}
    assert "are missing: they lie 3 to 6 mm apart" in left["gap"]
    assert "several images of one place" in left["twice"] == left["again"]
    assert "several" in left["localiser"]
    assert "is a localiser" in left["called so"]
    assert "does not say where in the body it lies" in left["nowhere"]
    assert "in colour" in left["colour"]
    assert {entry["file"].partition("/")[0] for entry in report.damaged} == {"gap"}
    assert sum(file.startswith("twice") for file in reasons(report)) == len(twice)


def test_a_copy_of_a_file_is_named_and_read_once(scans):
    save_patients(scans)
    shutil.copytree(scans / "disc0", scans / "save" / "disc0")
    report = check_folder(nifti(scans))
    assert len(report.index) == 3 * VOLUME[2]
    assert set(reasons(report)) == {f"save/disc0/{number:04d}.dcm" for number in range(6)}
    assert "is the same image as disc0/" in reasons(report)["save/disc0/0000.dcm"]


def test_a_series_spread_over_folders_is_one_volume(scans):
    for number in range(2):
        names = [f"part{slice_ % 2}/{number}_{slice_}" for slice_ in range(6)]
        save_series(scans, body(number), patient=f"p{number}", names=names)
    assert len(check_folder(nifti(scans)).index) == 12


def test_a_shipped_folder_of_a_whole_study_is_read_or_listed_file_by_file():
    root = Path(get_testdata_file("DICOMDIR", download=False)).parent
    report = check_folder(nifti(root))
    assert len(report.index) + len(report.problems()) > 30
    assert set(report.problems()["file"]).isdisjoint(report.index["file"])


def test_beside_nifti_files_dicom_files_are_counted_and_not_read_a_second_time(scans):
    save(scans / "sub-01.nii.gz", picture(*VOLUME))
    save(scans / "sub-02.nii.gz", picture(*VOLUME, seed=1))
    save_series(scans / "dicom", body())
    save_picture(scans / "look.png", body()[..., 0].astype(np.uint8))
    report = check_folder(nifti(scans))
    assert set(report.index["file"]) == {"sub-01.nii.gz", "sub-02.nii.gz"}
    assert "no NIfTI files or hidden: 6 .dcm, 1 .png" in " ".join(report.notes)


def test_nothing_that_says_who_was_scanned_is_kept_or_said(scans, home, recwarn, caplog, capfd):
    dates = {"StudyDate": "19770717", "PatientBirthTime": "not a time", "StudyTime": "121314"}
    for number in range(3):
        who = {**IDENTIFYING, "PatientID": f"QM-773{number}", **dates}
        uids = {"study": f"1.2.826.77.{number}", "series": f"1.2.826.88.{number}"}
        save_series(scans / f"disc{number}", body(number), **uids, **who)
        save_series(scans / f"gap{number}", body(), study=uids["study"], **who)[2].unlink()
        broken = save_series(scans / f"cut{number}", body()[..., :1], study="1.2.826.77.9", **who)
        broken[0].write_bytes(broken[0].read_bytes()[:-200])
    recwarn.clear()  # of writing them
    caplog.clear()
    slices = load_slices(nifti(scans))
    report = check_folder(nifti(scans))
    said = [*report.lines(), *slices.notes, json.dumps(slices.dropped), slices.index.to_csv()]
    said += [str(warning.message) for warning in recwarn] + [caplog.text, *capfd.readouterr()]
    files = [path for path in home.rglob("*") if path.is_file()]
    assert len(files) >= 3
    everything = b"\n".join([*(path.read_bytes() for path in files), "\n".join(said).encode()])
    everything += "\n".join(map(str, files)).encode()
    for secret in (*IDENTIFYING.values(), *dates.values(), "Quartermain", "QM-77", "1.2.826"):
        assert secret.encode() not in everything


# ---- PNG slices ---------------------------------------------------------------------------------


GREY = np.arange(20 * 12, dtype=np.uint8).reshape(20, 12)  # (rows, columns)


@pytest.mark.parametrize(
    "pixels", [GREY, GREY.astype(np.uint16) * 250, np.repeat(GREY[..., None], 3, axis=2)]
)
def test_a_picture_is_shown_as_a_viewer_shows_it(tmp_path, pixels):
    path = save_picture(tmp_path / "a.png", pixels)
    read, mm = read_volume(path)
    grey = pixels if pixels.ndim == 2 else pixels[..., 0]
    np.testing.assert_array_equal(read.T[::-1], grey)  # imshow(slice.T, origin="lower")
    assert read.dtype == np.float32
    assert mm.tolist() == [0, 0]  # unknown
    assert read_header(path)[0] == read.shape == (12, 20)


def palette(path: Path) -> None:
    Image.fromarray(np.dstack([GREY, GREY[::-1], GREY])).quantize().save(path)


def bomb(path: Path) -> None:
    """A picture that claims 60,000 by 60,000 pixels."""
    save_picture(path, GREY)
    header = b"IHDR" + struct.pack(">2I5B", 60000, 60000, 8, 0, 0, 0, 0)
    content = path.read_bytes()
    check = struct.pack(">I", zlib.crc32(header))
    path.write_bytes(content[:12] + header + check + content[33:])


def damage(path: Path, where: slice, put: bytes) -> None:
    content = bytearray(save_picture(path, picture(32, 24).astype(np.uint8)).read_bytes())
    content[where] = put
    path.write_bytes(content)


@pytest.mark.parametrize(
    "write, why",
    [
        (lambda path: save_picture(path, np.dstack([GREY, GREY[::-1], GREY])), "is in colour"),
        (palette, "is in colour"),
        (lambda path: save_picture(path, np.dstack([GREY] * 4)), "partly transparent"),
        (lambda path: save_picture(path, np.dstack([GREY] * 2)), "partly transparent"),
        (lambda path: save_picture(path, GREY, transparency=3), "partly transparent"),
        (bomb, "claims more than"),
        (lambda path: path.write_bytes(b"no picture"), "is not a PNG file"),
        (lambda path: path.write_bytes(b""), "is not a PNG file"),
        (lambda path: damage(path, slice(300, None), b""), "cut short or damaged"),
        (lambda path: damage(path, slice(300, 310), bytes(10)), "cut short or damaged"),
        (lambda path: None, "does not exist"),
    ],
)
def test_pictures_that_are_no_grey_slices_are_refused(tmp_path, write, why):
    path = tmp_path / "a.png"
    write(path)
    with pytest.raises(InputError, match=why) as error:
        read_volume(path)
    assert str(error.value).startswith(f"{path}: ")


def test_the_courses_brains_are_read_with_their_patients_order_and_split(scans):
    save_brains(scans / "keras_png_slices_data", train=(1, 2), validate=(3,), test=(4,))
    slices = load_slices(nifti(scans))
    splits = slices.index.groupby("split")["patient"].unique().map(sorted).to_dict()
    assert splits == {"train": ["001", "002"], "validate": ["003"], "test": ["004"]}
    one = slices.index[slices.index["patient"] == "001"]
    assert one["slice"].tolist() == [0, 2, 10]
    assert one["low"].nunique() == 1  # scaled together
    assert slices.patients_disjoint
    assert slices.labels is None
    left = {entry["file"]: entry["reason"] for entry in slices.dropped}
    assert len(left) == 12 and set(left.values()) == {
        "labels that do not say which tissues they mean"
    }
    assert "1 mm was assumed: 12" in " ".join(slices.notes)


def test_a_case_in_two_folders_of_the_course_is_one_patient(scans):
    save_brains(scans, train=(1, 2, 3), validate=(4,))
    save_brains(scans, slices=(5, 6), test=(1,))
    report = check_folder(nifti(scans))
    assert report.shared["train", "test"] == {"001"}
    assert report.exit_code == 1


def numbered(scans: Path, *names: str) -> dict[str, str]:
    """Pictures of these names, and file -> "patient week slice split" of those that are read."""
    others = len(list(scans.rglob("*.png")))  # no two pictures are alike
    for seed, name in enumerate(names, start=others):
        save_picture(scans / name, picture(32, 24, seed=seed).astype(np.uint8))
    index = check_folder(nifti(scans)).index
    return {row.file: f"{row.patient} {row.week} {row.slice}" for row in index.itertuples()}


def test_slices_of_one_name_are_one_volume_in_the_order_of_their_numbers(scans):
    read = numbered(scans, *(f"P0{case}_{number}.png" for case in (1, 2) for number in (9, 10, 1)))
    assert list(read.values()) == [f"P0{case} 0 {n}" for case in (1, 2) for n in (1, 9, 10)]


def test_where_names_are_alike_the_folder_is_the_patient(scans):
    read = numbered(
        scans, *(f"data/{case}/slice_{n:03d}.png" for case in ("ann", "bo", "cy") for n in (0, 1))
    )
    assert set(read.values()) == {f"{case} 0 {n}" for case in ("ann", "bo", "cy") for n in (0, 1)}
    read = numbered(
        scans, *(f"data/{case}/T2_{n:03d}.png" for case in ("di", "ed") for n in (0, 1))
    )
    assert {value.split()[0] for value in read.values()} == {"ann", "bo", "cy", "di", "ed"}


def test_one_name_in_several_folders_stays_one_patient(scans):
    names = [
        f"{kind}/P{case}_{kind[0]}{n}.png"
        for kind in ("sick", "well")
        for case in range(4)
        for n in (1, 2)
    ]
    read = numbered(scans, *(name.replace("_s", "_").replace("_w", "_") for name in names))
    assert {value.split()[0] for value in read.values()} == {"P0", "P1", "P2", "P3"}


@pytest.mark.parametrize("name", ["P{n}_{c}_{s}", "{c}/P{n}_{s}", "P{n}/{c}/{s}", "P{n}/{c}"])
def test_of_several_contrasts_of_pictures_one_is_read(scans, name):
    places = [(n, c, s) for n in (1, 2, 3) for c in ("T1", "T2") for s in (1, 2)]
    names = dict.fromkeys(f"{name.format(n=n, c=c, s=s)}.png" for n, c, s in places)
    read = numbered(scans, *names)
    assert {value.split()[0] for value in read.values()} == {"P1", "P2", "P3"}
    assert len(read) == len(names) / 2 and all("T2" in file for file in read)
    left = reasons(check_folder(nifti(scans)))
    assert len(left) == len(read) and all("t2 is read" in reason for reason in left.values())


def test_pictures_that_are_slices_or_people_are_nobody_s_for_sure(scans):
    numbered(scans, *(f"P{n}.png" for n in range(1, 5)))
    report = check_folder(nifti(scans))
    assert report.patients_known is False and report.exit_code == 1


def test_the_owners_folders_of_splits_are_kept(scans):
    numbered(
        scans,
        *(
            f"{split}/P{case}_{n}.png"
            for split, case in (("train", 1), ("val", 2), ("test", 3))
            for n in range(3)
        ),
    )
    index = load_slices(nifti(scans)).index
    assert index.groupby("patient")["split"].unique().map(list).to_dict() == {
        "P1": ["train"],
        "P2": ["validate"],
        "P3": ["test"],
    }


def test_folders_of_splits_have_the_names_that_nifti_folders_may_have(scans):
    folders = {"Trainset": "train", "val_images": "validate", "testing": "test"}
    numbered(
        scans, *(f"{folder}/P{n}/s_{k}.png" for n, folder in enumerate(folders) for k in (1, 2))
    )
    index = load_slices(nifti(scans)).index
    assert dict(zip(index["patient"], index["split"], strict=True)) == {
        f"P{n}": split for n, split in enumerate(folders.values())
    }


def test_a_pattern_names_the_patients_of_pictures(scans):
    numbered(
        scans, "xmas/mueller_1.png", "xmas/mueller_2.png", "may/mueller_3.png", "may/roe_1.png"
    )
    assert check_folder(nifti(scans)).exit_code == 1
    told = check_folder(nifti(scans, patient_pattern="/([a-z]+)_"))
    assert told.index.groupby("patient").size().to_dict() == {"mueller": 3, "roe": 1}
    assert told.exit_code == 0 and not any("do not say whose" in note for note in told.notes)
    with pytest.raises(InputError, match="matches none of 4 files"):
        check_folder(nifti(scans, patient_pattern="zzz"))


def test_pictures_called_labels_or_masks_are_listed(scans):
    read = numbered(
        scans, "images/a_1.png", "images/a_2.png", "masks/a_1.png", "images/a_1_seg.png",
        "images/a_2_roi.png", "predictions/a_2.png",
    )  # fmt: skip
    assert set(read) == {"images/a_1.png", "images/a_2.png"}
    left = reasons(check_folder(nifti(scans)))
    assert set(left) == {
        *("masks/a_1.png", "images/a_1_seg.png", "images/a_2_roi.png", "predictions/a_2.png")
    }
    assert set(left.values()) == {"is called a label map or mask"}


@pytest.mark.parametrize(
    "names", [("masks/a_1.png", "a_2_seg.png"), ("keras_png_slices_seg_train/seg_001_slice_0.png",)]
)
def test_pictures_of_labels_alone_are_an_error_in_a_sentence(scans, names):
    numbered(scans, *names)
    with pytest.raises(InputError, match="holds only label maps, no images"):
        load_slices(nifti(scans))


def test_what_was_left_out_on_demand_is_no_label_map(scans):
    numbered(scans, "label map/a_1.png", "masks/a_1.png")
    with pytest.raises(InputError, match="is excluded"):
        load_slices(nifti(scans, exclude="label map/*"))


# ---- Damaged files of both kinds ----------------------------------------------------------------


@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.data())
@pytest.mark.parametrize("name", ["MR_small_RLE.dcm", "CT_small.dcm", "picture.png"])
def test_a_damaged_file_is_read_or_refused_in_one_sentence(tmp_path_factory, name, data):
    path = tmp_path_factory.getbasetemp() / name
    if name.endswith(".png"):
        content = save_picture(path, picture(32, 24).astype(np.uint8)).read_bytes()
    else:
        content = Path(get_testdata_file(name, download=False)).read_bytes()
    at, length = data.draw(st.integers(8, len(content))), data.draw(st.integers(0, 30))
    put = data.draw(st.binary(max_size=30))
    path.write_bytes(content[:at] + put + data.draw(st.sampled_from([content[at + length :], b""])))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            array, _ = read_volume(path, more=[])
        except InputError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
        else:
            assert array.ndim == 2 and array.dtype == np.float32
