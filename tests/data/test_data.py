"""What goes into the models: every file is read rightly, or refused or listed with the reason."""

import dataclasses
import errno
import os
import pickle
import struct
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from accelerate.data_loader import prepare_data_loader
from scan_files import nifti, picture, save, save_odd, save_prostates, save_study, study
from torch.utils.data import DataLoader, Subset

from benchmarks import growth, loading
from vqgen_utils.config import DataConfig
from vqgen_utils.data import check_folder, framing, load_slices, read_header, read_volume
from vqgen_utils.data import split as splits
from vqgen_utils.errors import InputError
from vqgen_utils.machine import whole_folder


def reasons(slices) -> str:
    return " ".join(entry["reason"] for entry in slices.dropped)


# ---- Folders and files that cannot be used (see also test_bad_data.py) --------------------------


def test_a_volume_that_would_fill_the_memory_is_refused_unread(scans):
    path = scans / "large.nii"
    save(path, np.zeros((16, 16, 4), np.uint8))
    content = bytearray(path.read_bytes())
    content[40:48] = struct.pack("<4h", 3, 2000, 2000, 400)
    path.write_bytes(content)
    os.truncate(path, 2 * 10**9)  # sparse: as large as it claims, on paper
    with pytest.raises(InputError, match="too many to read at once"):
        read_volume(path)


def test_folders_that_cannot_be_read_say_what_to_do(scans, tmp_path):
    for config, words in (
        (nifti(tmp_path / "nowhere"), "no such folder; check data_dir"),
        (nifti("~nobody-of-this-name/scans"), "no such folder; check data_dir"),
        (nifti(scans), "holds no .nii or .nii.gz file"),
        (nifti(""), "set data_dir"),
    ):
        with pytest.raises(InputError, match=words):
            load_slices(dataclasses.replace(config, data_dir=config.data_dir.strip(".")))
    save(scans / "a.nii.gz", picture(16, 16, 16))
    with pytest.raises(InputError, match="choose data_source 'nifti'"):
        load_slices(study(scans))


# ---- Voxels -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype", ["uint8", "int16", ">i2", "uint16", "int32", "float32", "float64"]
)
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_voxels_equal_those_of_nibabel(tmp_path, dtype, name, kind):
    image = kind(picture(16, 12, 4), np.diag([-2, 2, 3, 1]))
    image.set_data_dtype(dtype)  # nibabel picks a slope and intercept for integers
    nib.save(image, tmp_path / name)
    array, sizes = read_volume(tmp_path / name)
    expected = np.asarray(nib.load(tmp_path / name).dataobj, dtype=np.float32)
    np.testing.assert_allclose(array, expected, rtol=1e-6)
    assert array.dtype == np.float32
    assert sizes.tolist() == [2, 2, 3]


def test_slope_and_intercept_are_applied(tmp_path):
    image = nib.Nifti1Image(np.arange(256, dtype=np.int16).reshape(16, 16), np.eye(4))
    image.header.set_slope_inter(2.5, -7)
    nib.save(image, tmp_path / "a.nii.gz")
    raw = nib.load(tmp_path / "a.nii.gz")
    assert (raw.dataobj.slope, raw.dataobj.inter) == (2.5, -7)
    assert read_volume(tmp_path / "a.nii.gz")[0][15, 15] == pytest.approx(
        np.asarray(raw.dataobj)[15, 15]
    )


def test_trailing_axes_of_one_are_dropped(tmp_path):
    for stored, shape in (((16, 12, 1), (16, 12)), ((16, 12, 5, 1), (16, 12, 5))):
        path = save(tmp_path / "a.nii.gz", picture(*stored))
        assert read_volume(path)[0].shape == read_header(path)[0] == shape


def test_one_frame_of_a_4d_file_is_read_when_asked_for():
    path = Path(nib.__file__).parent / "tests" / "data" / "example4d.nii.gz"
    with pytest.raises(InputError, match="4D with 2 frames"):
        read_volume(path)
    with pytest.raises(InputError, match="frames 0 to 1, not 2"):
        read_volume(path, frame=2)
    array, sizes = read_volume(path, frame=1)
    expected = nib.as_closest_canonical(nib.load(path)).dataobj[::-1, ..., 1]
    assert array.shape == (128, 96, 24)
    np.testing.assert_array_equal(array, expected)
    np.testing.assert_allclose(sizes, [2, 2, 2.2], rtol=1e-5)


@pytest.mark.parametrize("axes", ["RAS", "LAS", "LPS", "SAR", "PIL", "ASL"])
def test_the_order_in_which_a_scanner_stored_the_axes_does_not_matter(scans, axes):
    anatomy = picture(24, 16, 20)  # right to left, back to front, foot to head
    stored = nib.Nifti1Image(anatomy, np.diag([-1.0, 1, 2, 1]))
    turn = nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt("LAS"), nib.orientations.axcodes2ornt(axes)
    )
    path = scans / "a.nii.gz"
    nib.save(stored.as_reoriented(turn), path)
    array, sizes = read_volume(path)
    np.testing.assert_array_equal(array, anatomy)
    assert sizes.tolist() == [1, 1, 2]
    assert read_header(path)[0] == anatomy.shape
    slices = load_slices(nifti(scans, image_height=24))
    assert slices.images.shape[1:] == (24, 16)
    assert np.corrcoef(slices.images[7].ravel(), anatomy[:, :, 7].ravel())[0, 1] > 0.999


@pytest.mark.parametrize("pixdim", [0.0, np.nan])
def test_missing_voxel_sizes_count_as_1_mm_with_a_note(scans, pixdim):
    save_odd(scans / "a.nii.gz", pixdim=(1, *[pixdim] * 3, 1, 1, 1, 1))
    slices = load_slices(nifti(scans))
    assert slices.images.shape[1:] == (16, 16)
    assert "1 mm was assumed: 1" in " ".join(slices.notes)


def test_a_volume_in_another_unit_is_dropped(scans):
    for number in range(3):
        save(scans / f"{number}.nii.gz", picture(16, 16, 8))
    save(scans / "metres.nii.gz", picture(16, 16, 8), np.diag([-1e-3, 1e-3, 1e-3, 1]))
    assert "check its voxel sizes" in reasons(load_slices(nifti(scans)))


# ---- Scaling ------------------------------------------------------------------------------------


def test_bright_tissue_is_kept_and_what_is_clipped_is_reported(scans):
    array = 1000 * picture(32, 16, 40)  # far beyond 255
    array[5, 5, 5] = 1e7  # one hot voxel must not darken all others
    save(scans / "a.nii.gz", array)
    slices = load_slices(nifti(scans))
    row = slices.index.iloc[0]
    assert slices.images.dtype == np.float16
    assert slices.images.min() == 0 and slices.images.max() == 1
    assert len(np.unique(slices.images[20])) > 256, "more steps than 8 bits hold"
    assert row["high"] == pytest.approx(np.percentile(array, 99.9))
    assert row["clipped"] == pytest.approx((array > row["high"]).mean())
    assert "far brighter" in " ".join(slices.notes) and "a.nii.gz" in " ".join(slices.notes)
    restored = slices.images[20].astype(np.float32) * (row["high"] - row["low"]) + row["low"]
    middle = array[:, :, slices.index["slice"][20]]
    usual = (middle > row["low"]) & (middle < row["high"])
    np.testing.assert_allclose(restored[usual], middle[usual], rtol=0.01, atol=100)


def test_a_scan_is_scaled_as_a_whole_so_slices_keep_their_brightness(scans):
    array = picture(32, 16, 40)
    array[:, :, :20] /= 4
    save(scans / "a.nii.gz", array)
    images = load_slices(nifti(scans)).images
    assert images[10].mean() < images[-1].mean() / 3


def test_empty_ends_of_a_volume_are_one_entry(scans):
    array = picture(32, 16, 40)
    array[:, :, :3] = array[:, :, 38:] = 0
    array[4, 4, 20] = np.nan
    save(scans / "a.nii.gz", array)
    slices = load_slices(nifti(scans))
    assert {
        "file": "a.nii.gz",
        "reason": "slices 0-2, 38-39: constant, nothing to learn from",
    } in slices.dropped
    assert "slices 20: NaN" in reasons(slices)
    assert not {0, 20, 39} & set(slices.index["slice"])
    assert slices.index["height"].iloc[0] == pytest.approx(3 / 39)


# ---- The frame ----------------------------------------------------------------------------------


def test_the_study_at_half_size_is_exactly_the_profiles_frame():
    assert framing.choose_frame((256, 128), (256, 128), 128, 64) == framing.Frame(128, 64, 2.0)
    assert framing.choose_frame((256, 128), (256, 128), 256, 128) == framing.Frame(256, 128, 1.0)
    assert framing.choose_frame((256, 128), (256, 128), 36, 18).height == 36, "not a multiple of 8"


def test_a_head_keeps_its_aspect_within_the_pixel_budget():
    frame = framing.choose_frame((181, 217), (181, 217), 128, 64)
    assert (frame.height, frame.width) == (80, 96)
    assert frame.height * frame.spacing >= 181 and frame.width * frame.spacing >= 217
    thick = framing.choose_frame((181, 217), (181, 54), 128, 64)  # 1 x 4 mm voxels: mm count
    assert (thick.height, thick.width) == (80, 96)


def test_small_scans_are_not_blown_up():
    assert framing.choose_frame((50, 60), (50, 60), 128, 64) == framing.Frame(56, 64, 1.0)


def test_an_integer_factor_is_the_mean_of_a_block_and_factor_one_a_copy():
    image = picture(32, 16) / 200
    block = image.reshape(16, 2, 8, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(
        framing.fit_image(image, np.ones(2), framing.Frame(16, 8, 2.0)), block, atol=1e-6
    )
    padded = framing.fit_image(image[:, :15], np.ones(2), framing.Frame(40, 16, 1.0))
    np.testing.assert_array_equal(padded[4:36, :15], image[:, :15])
    assert padded[:4].max() == padded[36:].max() == padded[:, 15].max() == 0
    np.testing.assert_array_equal(
        framing.fit_image(image, np.ones(2), framing.Frame(16, 8, 1.0)), image[8:24, 4:12]
    )


def test_labels_follow_the_image_and_win_by_area():
    labels = np.zeros((32, 16), np.uint8)
    labels[4:9, 10:13] = 3
    labels[20, :] = 5
    for frame in (framing.Frame(16, 8, 2.0), framing.Frame(24, 24, 1.5)):
        fitted = framing.fit_labels(labels, np.ones(2), frame)
        for label in (3, 5):
            share = framing.fit_image((labels == label).astype(np.float32), np.ones(2), frame)
            assert set(np.unique(share[fitted == label]) >= 0.4) <= {True}
            assert (fitted[share > 0.5] == label).all()


def test_slices_of_another_shape_are_dropped_and_listed_or_cropped(scans):
    save_study(scans, train=(1, 2), test=(3,))
    save_study(scans, train=(19,), shape=(32, 18))
    slices = load_slices(study(scans))
    assert set(slices.index["patient"]) == {"001", "002", "003"}
    assert len(slices.dropped) == 3
    assert "is 32 x 18, most slices are 32 x 16" in reasons(slices)

    cropped = load_slices(study(scans, other_shapes="crop"))
    assert len(cropped.index) == 12 and not cropped.dropped
    assert "cropped or padded to 32 x 16: 3" in " ".join(cropped.notes)
    wide = cropped.index.index[cropped.index["patient"] == "019"][0]
    assert cropped.index["columns"][wide] == 18


def test_a_study_of_another_aspect_keeps_it(scans):
    save_study(scans, train=(1,), test=(2,), shape=(32, 32))
    slices = load_slices(study(scans))
    assert slices.images.shape[1:] == (24, 24)
    assert "24 x 24 pixels" in " ".join(slices.notes)


# ---- Names, order and the split -----------------------------------------------------------------


def test_slices_are_in_the_order_of_their_numbers_and_know_their_height(scans):
    save_study(scans, train=(10, 9), test=(100,), slices=(0, 2, 10, 59))
    index = load_slices(study(scans)).index
    assert index["patient"].unique().tolist() == ["009", "010", "100"]
    assert index["slice"].tolist()[:4] == [0, 2, 10, 59]
    np.testing.assert_allclose(index["height"][:4], np.array([0, 2, 10, 59]) / 59)


def test_the_studys_own_folders_are_the_split(scans):
    save_study(scans, train=(1, 2), validate=(3,), test=(4,))
    slices = load_slices(study(scans))
    assert {s: set(slices.subset(s).rows["patient"]) for s in ("train", "validate", "test")} == {
        "train": {"001", "002"},
        "validate": {"003"},
        "test": {"004"},
    }
    assert slices.patients_disjoint and not slices.notes


def test_the_slices_of_some_patients_are_theirs_and_no_others(scans):
    save_study(scans, train=(1, 2, 3), test=(4,))
    train = load_slices(study(scans)).subset("train")
    some = train.of_patients(["003", "001"])
    assert list(some.rows["patient"].unique()) == ["001", "003"]
    last = int(np.flatnonzero(train.rows["patient"] == "003")[-1])
    assert torch.equal(some[len(some) - 1][0], train[last][0])


def test_folders_that_share_patients_are_split_anew_with_a_note(scans):
    save_study(scans, train=(1, 2, 3, 4), validate=(5, 4), test=(1,))
    slices = load_slices(study(scans))
    assert slices.patients_disjoint
    assert "2 patients lie in more than one" in " ".join(slices.notes)
    assert "001, 004" in " ".join(slices.notes)
    assert set(slices.index["split"]) == {"train", "validate", "test"}
    report = check_folder(study(scans))
    assert report.shared["train", "test"] == {"001"} and report.errors == 2
    assert "patients in train and validate: 1 004" in report.lines()


@pytest.mark.parametrize("count", [3, 7, 25, 42])
def test_every_patient_is_on_one_side_and_both_sides_have_some(count):
    patients = [f"{number:03d}" for number in range(count)]
    split = splits.split_by_patient(patients, seed=0)
    sizes = [list(split.values()).count(name) for name in ("train", "validate", "test")]
    assert set(split) == set(patients) and min(sizes) >= 1
    assert sizes[1] == sizes[2] == max(1, round(count / 10))
    assert split == splits.split_by_patient(reversed(patients), seed=0)
    assert count < 7 or split != splits.split_by_patient(patients, seed=1)


def test_names_tell_patients_and_weeks(scans):
    names = ["sub-01/ses-02/sub-01_ses-02_T2w", "sub-01/ses-10/sub-01_ses-10_T2w"]
    names += ["sub-02_ses-pre", "sub-02_ses-post", "case_7_week_3", "one/scan", "two/scan", "other"]
    for seed, name in enumerate(names):
        save(scans / f"{name}.nii.gz", picture(16, 8, 3, seed=seed))
    slices = load_slices(nifti(scans))
    found = dict(zip(slices.index["file"], slices.index[["patient", "week"]].values, strict=True))
    assert [tuple(found[f"{name}.nii.gz"]) for name in names] == [
        ("sub-01", 2),
        ("sub-01", 10),
        ("sub-02", 1),
        ("sub-02", 0),
        ("007", 3),
        ("one", 0),
        ("two", 0),
        ("other", 0),
    ]
    assert slices.patients_disjoint is None and not slices.patients_known
    assert "names of 3 scans do not say for sure whose" in " ".join(slices.notes)


def test_two_volumes_are_one_to_train_on_and_one_to_test_on(scans):
    for number in (1, 2):
        save(scans / f"sub-{number}.nii.gz", picture(32, 16, 8, seed=number))
    slices = load_slices(nifti(scans))
    assert slices.patients_disjoint
    assert [len(slices.subset(name)) for name in ("train", "validate", "test")] == [8, 0, 8]
    assert "none to validate" in " ".join(slices.notes)


def test_one_volume_is_split_in_blocks_with_a_plain_warning(scans):
    save(scans / "only.nii.gz", picture(32, 16, 100))
    slices = load_slices(nifti(scans))
    blocks = slices.index.groupby("split")["slice"].agg(["min", "max", "count"])
    assert blocks.loc["train"].tolist() == [0, 75, 76]
    assert blocks.loc["validate"].tolist() == [78, 87, 10]
    assert blocks.loc["test"].tolist() == [90, 99, 10]
    assert not slices.patients_disjoint
    assert "NOT patient-disjoint" in " ".join(slices.notes)
    assert "slices 76-77, 88-89: the gap" in reasons(slices)
    row = slices.index[slices.index["slice"] == 95]
    last = picture(32, 16, 100)[:, :, 95]
    assert np.corrcoef(slices.images[row.index[0]].ravel(), last.ravel())[0, 1] > 0.99


def test_blocks_hold_the_same_heights_in_every_week():
    split = splits.split_in_blocks(np.tile(np.linspace(0, 1, 30), 2))
    assert (split[:30] == split[30:]).all()
    assert set(splits.split_in_blocks(np.array([0.5]))) == {"train"}


def scaled(image: np.ndarray, row) -> np.ndarray:
    """What the reader makes of `image`, by its row of the index."""
    return ((image - row["low"]) / (row["high"] - row["low"])).clip(0, 1)


# ---- Labels -------------------------------------------------------------------------------------


def test_labels_lie_on_their_images(scans):
    save_study(scans, train=(1, 2), test=(3,), labels=True)
    slices = load_slices(study(scans))
    assert slices.labels.shape == slices.images.shape and slices.labels.dtype == np.uint8
    for i, row in slices.index.iterrows():
        number = int(row["patient"]) * 100 + row["slice"]
        image = picture(32, 16, seed=number)
        np.testing.assert_array_equal(slices.labels[i], (image > 60) + 1 * (image > 90))
        np.testing.assert_allclose(slices.images[i], scaled(image, row), atol=1e-3)


def test_labels_are_optional_and_bad_ones_are_listed(scans):
    save_study(scans, train=(1, 2), test=(3,), labels=True)
    folder = scans / "keras_slices_seg_train"
    (folder / "seg_001_week_0_slice_0.nii.gz").unlink()
    save(folder / "seg_001_week_0_slice_30.nii.gz", np.zeros((16, 16), np.uint8))
    save(folder / "seg_001_week_0_slice_59.nii.gz", picture(32, 16))
    save(folder / "seg_009_week_0_slice_0.nii.gz", np.zeros((32, 16), np.uint8))
    slices = load_slices(study(scans))
    assert (slices.index["label_file"] == "").tolist() == [True] * 3 + [False] * 6
    assert not slices.labels[:3].any() and slices.labels[3:].any()
    for words in ("labels of shape (16, 16)", "whole numbers", "a slice that is not there"):
        assert words in reasons(slices)
    assert "Slices without labels: 3 of 9." in slices.notes

    save_study(scans / "bare", train=(1, 2), test=(3,))
    assert load_slices(study(scans / "bare")).labels is None


def save_volumes(folder: Path, *, weeks=((4, 0), (4, 8), (5, 0), (10, 0))) -> Path:
    """The study's 3D release: volumes that a scanner stored feet first, labels head first."""
    for patient, week in weeks:
        image = picture(24, 16, 12, seed=100 * patient + week)
        tissue = (image > 60).astype(np.uint8) + (image > 90)
        name = f"Case_{patient:03d}_Week{week}"
        sizes = np.diag([-1.5, 1.5, 2, 1.0])
        save(folder / "semantic_MRs_anon" / f"{name}_LFOV.nii.gz", image, sizes)
        turned, sizes = tissue[:, :, ::-1], sizes * [1, 1, -1, 1]
        save(folder / "semantic_labels_anon" / f"{name}_SEMANTIC_LFOV.nii.gz", turned, sizes)
    return folder


@pytest.mark.parametrize("source", ["hipmri", "nifti"])
def test_the_3d_release_gives_axial_slices_with_labels_patient_and_week(scans, source):
    save_volumes(scans)
    slices = load_slices(nifti(scans, data_source=source, image_height=24))
    first = slices.index[slices.index["slice"] == 0]
    assert list(zip(first["patient"], first["week"], strict=True)) == [
        *(("004", 0), ("004", 8), ("005", 0), ("010", 0))
    ]
    assert slices.patients_disjoint and not slices.dropped
    assert slices.images.shape == slices.labels.shape == (4 * 12, 24, 16)
    assert (first["label_file"].str.startswith("semantic_labels_anon/")).all()
    for i, row in slices.index.iterrows():
        volume = picture(24, 16, 12, seed=100 * int(row["patient"]) + row["week"])
        image = volume[:, :, row["slice"]]
        np.testing.assert_array_equal(slices.labels[i], (image > 60) + 1 * (image > 90))
        np.testing.assert_allclose(slices.images[i], scaled(image, row), atol=1e-3)
        assert row["height"] == row["slice"] / 11


def test_the_3d_release_names_labels_that_do_not_fit_and_files_of_others(scans):
    save_volumes(scans)
    labels = scans / "semantic_labels_anon"
    save(labels / "Case_004_Week0_SEMANTIC_LFOV.nii.gz", np.zeros((24, 16, 9), np.uint8))
    save(labels / "Case_009_Week0_SEMANTIC_LFOV.nii.gz", np.zeros((24, 16, 12), np.uint8))
    (labels / "Case_010_Week0_SEMANTIC_LFOV.nii.gz").unlink()
    save(scans / "notes" / "Case_011_Week0_LFOV.nii.gz", picture(24, 16, 12))
    slices = load_slices(study(scans, image_height=24))
    listed = {Path(entry["file"]).name: entry["reason"] for entry in slices.dropped}
    assert "labels of shape (24, 16, 9)" in listed["Case_004_Week0_SEMANTIC_LFOV.nii.gz"]
    assert "a scan that is not there" in listed["Case_009_Week0_SEMANTIC_LFOV.nii.gz"]
    assert "not in a folder of the release" in listed["Case_011_Week0_LFOV.nii.gz"]
    assert "Slices without labels: 24 of 48." in slices.notes
    labelled = slices.index["label_file"] != ""
    assert slices.labels[labelled].any((1, 2)).all() and not slices.labels[~labelled].any()


def test_a_decathlon_folder_gives_its_first_contrast_and_no_half_labels(scans):
    save_prostates(scans / "Task05_Prostate", patients=(0, 1, 2, 10), hidden=True)
    square = {"image_height": 24, "image_width": 24}
    slices = load_slices(nifti(scans, data_source="msd-prostate", **square))
    first = slices.index[slices.index["slice"] == 0]
    names = ["prostate_00", "prostate_01", "prostate_02", "prostate_10"]
    assert first["patient"].tolist() == names
    assert slices.labels is None and slices.patients_disjoint
    assert {entry["file"].split("/")[-2] for entry in slices.dropped} == {"labelsTr"}
    assert slices.images.shape == (4 * 5, 24, 24)
    for i, row in slices.index.iterrows():
        number = int(row["patient"][-2:])
        image = picture(24, 24, 5, seed=number)[:, :, row["slice"]]
        np.testing.assert_allclose(slices.images[i], scaled(image, row), atol=1e-3)
    notes = " ".join(slices.notes)
    assert "two contrasts" in notes and "labels that are not used: 3" in notes
    with pytest.raises(InputError, match="fetch it with: vqgen data download msd-prostate"):
        load_slices(nifti(scans / "Task05_Prostate" / "labelsTr", data_source="msd-prostate"))
    with pytest.raises(InputError, match=r"is not there yet.*vqgen data download msd-prostate"):
        load_slices(DataConfig(data_source="msd-prostate"))


# ---- The packed cache ---------------------------------------------------------------------------


def test_a_second_call_opens_the_cache_without_reading_a_file(scans, monkeypatch):
    save_study(scans, train=(1, 2), test=(3,), labels=True)
    first = load_slices(study(scans))
    monkeypatch.setattr("vqgen_utils.data.scans.read_volume", None)
    monkeypatch.setattr("vqgen_utils.data.survey.read_head", None)
    second = load_slices(study(scans))
    assert first.content == second.content
    assert first.index.equals(second.index)
    assert isinstance(second.images, np.memmap)


def test_a_changed_file_or_setting_is_packed_anew(scans):
    save_study(scans, train=(1, 2), test=(3,))
    first = load_slices(study(scans))
    other = load_slices(study(scans, image_height=16, image_width=8))
    assert other.images.shape[1:] == (16, 8)
    path = scans / "keras_slices_train" / "case_001_week_0_slice_0.nii.gz"
    save(path, picture(32, 16, seed=99))
    os.utime(path, ns=(0, 0))
    assert load_slices(study(scans)).content != first.content


@pytest.mark.parametrize(
    "failure", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")]
)
def test_packing_that_is_stopped_leaves_nothing_half_made(scans, home, monkeypatch, failure):
    save_study(scans, train=(1, 2), test=(3,))

    def fail(*_):
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr("vqgen_utils.data.packing._GrowingArray.append", fail)
        with pytest.raises((InputError, KeyboardInterrupt)) as stopped:
            load_slices(study(scans))
    if stopped.type is InputError:
        assert "No space left" in str(stopped.value) and "packed" in str(stopped.value)
    assert list((home / "data" / "packed").iterdir()) == []
    assert len(load_slices(study(scans)).index) == 9


def test_of_two_processes_that_pack_at_once_the_first_wins(tmp_path):
    target = tmp_path / "packed"
    with whole_folder(target) as late:
        late.mkdir()
        (late / "who").write_text("late")
        with whole_folder(target) as early:
            early.mkdir()
            (early / "who").write_text("early")
    assert (target / "who").read_text() == "early"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_leftovers_of_a_killed_process_go_after_a_day(tmp_path):
    for name, age in ((".unfinished-old", 0), (".unfinished-new", None)):
        (tmp_path / name).mkdir()
        if age is not None:
            os.utime(tmp_path / name, (age, age))
    with whole_folder(tmp_path / "packed") as making:
        making.mkdir()
    assert {path.name for path in tmp_path.iterdir()} >= {".unfinished-new", "packed"}
    assert not (tmp_path / ".unfinished-old").exists()


class Harm:
    """Unpickling it would make a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return self.path.touch, ()


def pickled_in_npy(path: Path) -> None:
    np.save(path, np.array([Harm(path.with_name("harm"))], dtype=object), allow_pickle=True)


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps(Harm(path.with_name("harm"))))


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("images.npy", lambda path: os.truncate(path, 200)),
        ("images.npy", lambda path: path.unlink()),
        ("images.npy", lambda path: np.save(path, np.zeros((8, 32, 16), np.float16))),
        ("labels.npy", lambda path: np.save(path, np.zeros((8, 32, 16), np.uint8))),
        ("images.npy", pickled_in_npy),
        ("images.npy", pickled),
        ("labels.npy", pickled),
        ("labels.npy", lambda path: path.unlink()),
        ("index.csv", lambda path: path.write_text("")),
        ("index.csv", lambda path: path.write_text("patient,week\n1,2\n")),
        ("index.csv", lambda path: path.write_bytes(path.read_bytes()[:-40])),
        ("meta.json", lambda path: path.write_text("{")),
        ("meta.json", lambda path: path.write_text("{}")),
        ("meta.json", lambda path: path.write_bytes(b"\xff")),
    ],
)
def test_a_damaged_cache_says_what_to_delete_and_runs_no_code(scans, home, file, damage):
    save_study(scans, train=(1, 2), test=(3,), labels=True)
    load_slices(study(scans))
    packed = next((home / "data" / "packed").iterdir())
    damage(packed / file)
    with pytest.raises(InputError, match="delete this folder"):
        load_slices(study(scans))
    assert not (packed / "harm").exists()


# ---- The dataset and the report -----------------------------------------------------------------


def test_a_dataset_gives_tensors_and_travels_to_workers_without_its_images(scans):
    save_study(scans, train=(1, 2), test=(3,))
    slices = load_slices(study(scans))
    dataset = slices.subset("test")
    image, height = dataset[1]
    assert image.shape == (1, 32, 16) and image.dtype == torch.float32
    assert height.shape == () and height.dtype == torch.float32
    assert height == pytest.approx(30 / 59)
    assert dataset.rows["patient"].tolist() == ["003"] * 3
    np.testing.assert_array_equal(image[0], slices.images[dataset.rows.index[1]])
    images, heights = dataset[[2, 1]]
    assert images.shape == (2, 1, 32, 16) and heights.shape == (2,)
    assert torch.equal(images[1], image) and heights[1] == height
    copy = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(copy[1][0], image)
    with pytest.raises(InputError, match="split 'val' does not exist"):
        slices.subset("val")


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loader_gives_the_items_in_the_samplers_order(scans, workers):
    save_study(scans, train=(1, 2), test=(3,))
    dataset = load_slices(study(scans)).subset("train")
    order = [4, 0, 5, 2, 3]
    loader = DataLoader(dataset, 2, sampler=order, num_workers=workers)
    batches = [loader, DataLoader(Subset(dataset, order), 2), prepare_data_loader(loader)]
    for images, heights in map(join, batches):
        assert images.dtype == heights.dtype == torch.float32
        assert torch.equal(images, torch.stack([dataset[item][0] for item in order]))
        assert torch.equal(heights, torch.stack([dataset[item][1] for item in order]))


def test_a_loader_gives_what_nibabel_reads_from_the_files(scans, tmp_path):
    save_study(scans, train=(1, 2), test=(3,), labels=True)
    packed = loading.measure_packing(study(scans))
    epochs = loading.measure_epochs(study(scans), by_file=7, rounds=1)  # compares every pixel
    assert packed["slices"] == 9 and epochs["slices_read_by_file"] == 7
    few = load_slices(loading.link_some(study(scans), 4, tmp_path / "few"))
    assert len(few.index) == 4 and (few.index["label_file"] != "").all()


def test_a_file_cut_short_while_it_is_open_is_a_sentence(scans):
    save_study(scans, train=(1, 2), test=(3,))
    slices = load_slices(study(scans))
    dataset = slices.subset("train")
    os.truncate(slices.images.filename, 128 + 3 * 32 * 16 * 2 + 100)
    assert dataset[2][0].shape == (1, 32, 16)
    with pytest.raises(InputError, match="delete this folder"):
        dataset[3]


def test_a_study_of_links_grows_without_its_slices_being_drawn(scans, monkeypatch):
    monkeypatch.setattr(growth, "DRAWN_WEEKS", 1)
    loading.write_scans(scans / "drawn", {"train": 1}, 1)
    growth.link_study(scans / "drawn", scans / "linked", 600)
    config = study(scans / "linked")
    packed, opened = growth.pack(config), growth.read(config)
    assert packed["slices"] == 600 and min(packed["pack_mb"], opened["read_mb"]) > 50
    slices = load_slices(config)
    patients = slices.index.groupby("patient")["week"].nunique()
    assert patients.to_dict() == {"001": 8, "002": 2} and slices.patients_disjoint
    assert (slices.index["label_file"] != "").all() and not slices.dropped


def join(batches) -> list[torch.Tensor]:
    """[images (N, 1, H, W), heights (N,)] of all batches."""
    return [torch.cat(parts) for parts in zip(*batches, strict=True)]


def test_a_report_counts_what_is_there_and_what_is_wrong(scans):
    save_study(scans, train=(1, 2), validate=(3,), test=(4,))
    path = scans / "keras_slices_train" / "case_002_week_0_slice_30.nii.gz"
    path.write_bytes(path.read_bytes()[:-20])
    report = check_folder(study(scans))
    text = "\n".join(report.lines())
    assert report.errors == 1 and not any(report.shared.values())
    assert "train             2      2       5   001, 002" in text
    assert "patients in train and test: 0" in text
    assert "cut short or damaged" in text

    for path in scans.rglob("*.nii.gz"):
        path.write_text("nothing")
    assert check_folder(study(scans)).errors == 12, "a folder without one good file is a report too"


# ---- The phantom --------------------------------------------------------------------------------


def test_the_phantom_goes_through_the_same_reader(monkeypatch):
    config = DataConfig(
        patients_train=2, patients_validate=1, patients_test=1, weeks=1, slice_step=20
    )
    seen = []
    slices = load_slices(config, progress=lambda what, done, total: seen.append(what))
    assert slices.images.shape == slices.labels.shape == (9, 128, 64)
    assert {"rows": 256, "columns": 128}.items() <= slices.index.iloc[0].to_dict().items()
    assert slices.patients_disjoint and "256 x 144" in reasons(slices)
    assert seen[0] == "writing the phantom" and seen[-1] == "reading scans"
    monkeypatch.setattr("vqgen_utils.data.phantom.write_phantom", None)
    assert load_slices(config).content == slices.content
    with pytest.raises(TypeError):  # other settings are another phantom
        load_slices(dataclasses.replace(config, data_seed=1))
