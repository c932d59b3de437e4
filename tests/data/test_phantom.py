"""The digital pelvis: what a slice, a patient and a written study must be like."""

from collections import Counter

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from vqgen_utils.data import phantom
from vqgen_utils.data.phantom import NUM_SLICES, render_slice, write_phantom
from vqgen_utils.errors import InputError

BACKGROUND, BODY, BONE, BLADDER, RECTUM, PROSTATE = range(6)
SMALL = dict(patients_train=3, patients_validate=1, patients_test=2, weeks=2, slice_step=20, seed=5)


@pytest.fixture(scope="module")
def volume():
    """Every second slice of patient 3, week 0: images and labels, height first."""
    images, labels = zip(*(render_slice(3, 0, s) for s in range(0, NUM_SLICES, 2)), strict=True)
    return np.stack(images), np.stack(labels)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A small study on disk, and the progress that was reported while it was written."""
    folder, reported = tmp_path_factory.mktemp("data") / "study", []
    write_phantom(folder, **SMALL, progress=lambda done, total: reported.append((done, total)))
    return folder, reported


def height_of(labels, organ):
    """Mean position of an organ along the first axis."""
    return np.nonzero(labels == organ)[0].mean()


def centre(mask):
    return ndimage.center_of_mass(mask)


def read(path):
    return np.squeeze(np.asanyarray(nib.load(path).dataobj))


# ---- A slice ------------------------------------------------------------------------------------


def test_an_image_is_finite_and_not_negative_and_labels_are_those_of_the_study(volume):
    images, labels = volume
    assert images.dtype == np.float32 and labels.dtype == np.uint8
    assert images.shape == labels.shape == (30, 256, 128)
    assert np.isfinite(images).all() and images.min() >= 0 and 300 < images.max() < 2000
    assert set(np.unique(labels)) == set(range(6))


def test_the_same_arguments_give_the_same_slice_and_others_another():
    image, labels = render_slice(2, 1, 25, seed=7)
    again, labels_again = render_slice(2, 1, 25, seed=7)
    assert np.array_equal(image, again) and np.array_equal(labels, labels_again)
    for patient, week, slice, seed in ((3, 1, 25, 7), (2, 2, 25, 7), (2, 1, 26, 7), (2, 1, 25, 8)):
        other, _ = render_slice(patient, week, slice, seed=seed)
        assert not np.array_equal(image, other)


def test_nothing_depends_on_what_was_rendered_before():
    image, _ = render_slice(4, 0, 30)
    for cache in (phantom.draw_patient, phantom.draw_week, phantom.noise_tiles):
        cache.cache_clear()
    render_slice(9, 3, 12)
    assert np.array_equal(render_slice(4, 0, 30)[0], image)


def test_a_neighbouring_slice_is_nearly_a_copy():
    image, near, far = (render_slice(1, 0, s)[0] for s in (25, 26, 45))
    other = render_slice(2, 0, 25)[0]

    def alike(a, b):
        return np.corrcoef(a.ravel(), b.ravel())[0, 1]

    assert alike(image, near) > 0.95
    assert alike(image, near) > max(alike(image, far), alike(image, other)) + 0.03


def test_air_is_dark_and_the_body_is_bright(volume):
    images, labels = volume
    white = np.percentile(images, 99.9)
    air = ndimage.binary_erosion(labels == BACKGROUND, np.ones((1, 7, 7)))
    assert images[air].mean() < 0.02 * white
    assert images[labels > BACKGROUND].mean() > 0.2 * white


def test_urine_is_brightest_then_fat_then_muscle(volume):
    images, labels = volume
    urine = np.median(images[ndimage.binary_erosion(labels == BLADDER, np.ones((1, 7, 7)))])
    body = images[labels == BODY]
    fat, muscle = np.percentile(body, 90), np.percentile(body, 25)
    assert urine > 1.15 * fat and fat > 2 * muscle


@pytest.mark.parametrize("slice", [-1, NUM_SLICES])
def test_a_slice_out_of_range_is_refused(slice):
    with pytest.raises(InputError, match="choose 0 to 59"):
        render_slice(1, 0, slice)


# ---- The anatomy --------------------------------------------------------------------------------


@pytest.mark.parametrize("patient", range(1, 5))
def test_every_patient_has_all_organs_in_the_right_order(patient):
    labels = np.stack([render_slice(patient, 0, s)[1] for s in range(0, NUM_SLICES, 4)])
    share = np.bincount(labels.ravel(), minlength=6) / labels.size
    assert 0.35 < 1 - share[BACKGROUND] < 0.9
    assert share[BONE] > 0.03 and share[BLADDER] > 0.001
    assert share[RECTUM] > 0.003 and share[PROSTATE] > 0.001
    assert height_of(labels, PROSTATE) < height_of(labels, BLADDER)
    back_to_front = [np.nonzero(labels == o)[2].mean() for o in (RECTUM, PROSTATE, BLADDER)]
    assert back_to_front == sorted(back_to_front)
    assert (labels == BONE).any(axis=(1, 2)).all()


@pytest.mark.parametrize("patient", range(1, 7))
def test_two_femoral_heads_mirror_each_other_in_two_sockets(patient):
    _, labels = render_slice(patient, 0, 26)
    pieces, count = ndimage.label(labels == BONE)
    bones = [pieces == k for k in range(1, count + 1) if (pieces == k).sum() > 250]
    right_femur, right_hip, left_hip, left_femur = sorted(bones, key=lambda b: centre(b)[0])
    middle = centre(labels > BACKGROUND)[0]
    for right, left, apart in ((right_femur, left_femur, 90), (right_hip, left_hip, 50)):
        (x0, y0), (x1, y1) = centre(right), centre(left)
        assert x1 - x0 > apart and abs((x0 + x1) / 2 - middle) < 4 and abs(y1 - y0) < 8
        assert 0.7 < right.sum() / left.sum() < 1.4


@pytest.mark.parametrize("patient", range(1, 9))
def test_the_body_is_one_piece_inside_the_image(patient):
    for slice in (0, 24, 59):
        body = render_slice(patient, 0, slice)[1] > BACKGROUND
        assert ndimage.label(body)[1] == 1
        assert not (body[0].any() or body[-1].any())


def test_a_wider_field_of_view_shows_the_same_anatomy():
    _, labels = render_slice(1, 0, 27)
    image, wide = render_slice(1, 0, 27, shape=(256, 144))
    assert image.shape == (256, 144) and np.array_equal(wide[:, 8:-8], labels)


# ---- The written study --------------------------------------------------------------------------


def test_a_study_has_the_names_and_counts_of_the_release(study):
    folder, _ = study
    assert {p.name for p in folder.iterdir()} == {
        f"keras_slices_{kind}{split}"
        for kind in ("", "seg_")
        for split in ("train", "validate", "test")
    }
    for split, patients in (("train", (1, 2, 3)), ("validate", (4,)), ("test", (5, 6))):
        names = {
            f"{p:03d}_week_{w}_slice_{s}.nii.gz"
            for p in patients
            for w in (0, 1)
            for s in range(p % 20, NUM_SLICES, 20)
        }
        images = {p.name for p in (folder / f"keras_slices_{split}").iterdir()}
        labels = {p.name for p in (folder / f"keras_slices_seg_{split}").iterdir()}
        assert images == {f"case_{n}" for n in names}
        assert labels == {f"seg_{n}" for n in names}


def test_reading_back_gives_the_rendered_values(study):
    folder, _ = study
    for patient, week, slice in ((1, 0, 1), (2, 1, 22), (3, 0, 43)):
        name = f"{patient:03d}_week_{week}_slice_{slice}.nii.gz"
        image, labels = render_slice(patient, week, slice, seed=5)
        stored = read(folder / "keras_slices_train" / f"case_{name}")
        assert np.abs(stored - image).max() <= 0.5
        assert np.array_equal(read(folder / "keras_slices_seg_train" / f"seg_{name}"), labels)


def test_files_vary_as_real_ones_do(study):
    folder, _ = study
    files = [nib.load(path) for path in folder.glob("keras_slices_t*/case_*")]
    assert {f.get_data_dtype() for f in files} == {np.dtype("int16")}
    assert len({f.dataobj.slope for f in files}) == 3
    assert {len(f.shape) for f in files} == {2, 3}
    assert all(f.header.get_zooms()[:2] == (1.75, 1.75) for f in files)


def test_one_scan_has_a_wider_field_of_view(study):
    folder, _ = study
    shapes = Counter(
        (path.name.split("_slice")[0], nib.load(path).shape[:2])
        for path in folder.glob("keras_slices_*/case_*")
    )
    assert [name for name, shape in shapes if shape != (256, 128)] == ["case_003_week_1"]
    assert ("case_003_week_1", (256, 144)) in shapes


def test_it_is_case_19_week_1_where_there_is_one(tmp_path):
    few = dict(patients_validate=0, patients_test=0, weeks=2, slice_step=60, seed=0)
    write_phantom(tmp_path / "with", patients_train=20, **few)
    write_phantom(tmp_path / "without", patients_train=1, **few, odd_shape=False)
    for name, odd in (("with", ["case_019_week_1_slice_19.nii.gz"]), ("without", [])):
        paths = (tmp_path / name).glob("keras_slices_train/*")
        assert [p.name for p in paths if nib.load(p).shape[:2] != (256, 128)] == odd


def test_writing_twice_gives_the_same_bytes(study, tmp_path):
    folder, _ = study
    write_phantom(tmp_path / "twin", **SMALL)
    files = sorted(p.relative_to(folder) for p in folder.rglob("*.nii.gz"))
    assert all((folder / f).read_bytes() == (tmp_path / "twin" / f).read_bytes() for f in files)


def test_progress_is_told_patient_by_patient(study):
    assert study[1] == [(k, 6) for k in range(1, 7)]


def test_an_existing_folder_is_refused_and_left_alone(tmp_path):
    with pytest.raises(InputError, match="exists already"):
        write_phantom(tmp_path, **SMALL)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "wrong", [{"weeks": 0}, {"patients_train": 0}, {"patients_test": -1}, {"slice_step": 0}]
)
def test_numbers_out_of_range_are_refused(tmp_path, wrong):
    with pytest.raises(InputError):
        write_phantom(tmp_path / "study", **(SMALL | wrong))
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_writing_leaves_nothing(tmp_path):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_phantom(tmp_path / "study", **SMALL, progress=interrupt)
    assert list(tmp_path.iterdir()) == []
