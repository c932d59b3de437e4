"""What the numbers of a scan mean: fill, outliers and bright fat, label maps, and equal content."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scan_files import nifti, picture, save, save_odd
from scipy.spatial import cKDTree

from vqgen_utils.data import check_folder, load_slices
from vqgen_utils.errors import InputError


def body(shape=(48, 48, 6), seed=0) -> np.ndarray:
    """Noisy tissue of two kinds, 300 and 600, inside a disc; dark noise around it."""
    x, y, _ = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    tissue = 300.0 * (x**2 + y**2 < 0.7) + 300 * (x**2 + (y - 0.3) ** 2 < 0.1)
    return (tissue + 20 * np.random.default_rng(seed).random(shape)).astype(np.float32)


def disc(shape=(48, 48, 6)) -> np.ndarray:
    x, y, _ = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    return x**2 + y**2


def packed(scans: Path, *, size: int = 48):
    return load_slices(nifti(scans, image_height=size, image_width=size))


def words(slices) -> str:
    return " ".join(slices.notes)


def left_out(slices) -> list[tuple[str, str]]:
    """(file, reason) of what is not used, but for the gaps in the split of a single patient."""
    entries = [(entry["file"], entry["reason"]) for entry in slices.dropped]
    return [entry for entry in entries if "gaps between the blocks" not in entry[1]]


# ---- Fill ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [-32768, -2000, -1024, 32767, 1e6, np.nan])
def test_what_fills_the_outside_becomes_0_and_leaves_the_tissue_its_contrast(scans, value):
    filled = body()
    filled[disc() > 1.1] = value
    save(scans / "a.nii", filled)
    save(scans / "b.nii", np.where(disc() > 1.1, 0, body()))
    slices = packed(scans)
    first, second = slices.images[:6].astype(float), slices.images[6:].astype(float)
    assert first[0][disc()[..., 0] > 1.15].max() == 0
    assert abs(first[:, 24, 24].mean() - second[:, 24, 24].mean()) < 0.08
    assert np.ptp(first) > 0.9
    note = "set aside before scaling and shown as 0: 1 (the first: a.nii: "
    assert note in words(slices)


def test_zero_and_the_dark_end_of_a_range_are_no_fill(scans):
    save(scans / "masked.nii", np.where(disc() < 0.7, body(), 0))
    save(scans / "signed.nii", body() - 300)
    assert "fill" not in words(packed(scans))


def test_a_few_nan_are_damage_and_a_slice_of_nothing_but_fill_is_constant(scans):
    filled = body()
    filled[disc() > 0.9] = np.nan
    filled[..., 5] = np.nan
    save(scans / "a.nii", filled)
    damaged = body(seed=1)
    damaged[20, 20, 3] = np.nan
    save(scans / "b.nii", damaged)
    reasons = {entry["file"]: entry["reason"] for entry in packed(scans).dropped}
    assert reasons["a.nii"].startswith("slices 5: constant")
    assert reasons["b.nii"].startswith("slices 3: NaN or infinite")


# ---- Outliers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "said"), [(1e7, "far brighter"), (-1e7, "far darker")])
def test_one_outlier_changes_nothing_and_is_a_note(scans, value, said):
    plain, odd = body(), body() + np.float32(0.5)
    odd[24, 24, 3] = value
    save(scans / "a.nii", plain)
    save(scans / "b.nii", odd)
    slices = packed(scans)
    np.testing.assert_allclose(slices.images[0], slices.images[6], atol=0.02)
    assert said in words(slices) and "b.nii" in words(slices)


def near_a_coil(gain: float) -> np.ndarray:
    """The body with a rim of fat at its back that a coil beside it makes `gain` times as bright."""
    y = np.linspace(-1, 1, 48)[:, None]
    rim = (disc() < 0.7) & (y < -0.68)
    assert 0.01 < rim.mean() < 0.05
    return np.where(rim, gain * 500 * np.exp(-3 * (y + 0.84)), body()).astype(np.float32)


@pytest.mark.parametrize("gain", [8, 20])
def test_bright_fat_beside_a_coil_does_not_dim_the_patient(scans, gain):
    """Percentiles of all voxels take the fat for the range: the rest would lie below 0.15."""
    save(scans / "a.nii", near_a_coil(gain))
    save(scans / "b.nii", body())
    slices = packed(scans)
    middle = [float(slices.images[n, 20:28, 22:26].mean()) for n in (0, 6)]
    white = np.percentile(near_a_coil(gain), 99.9)
    assert 300 / white < 0.1 and middle[0] > 0.12 and middle[1] < 1
    assert "would have dimmed the rest: 1 (the first: a.nii)" in words(slices)
    clipped = slices.index.groupby("file")["clipped"].first()
    assert 0.005 < clipped["a.nii"] < 0.05 and clipped["b.nii"] < 0.002


def test_a_scan_without_such_fat_keeps_its_percentiles(scans):
    save(scans / "a.nii", body())
    row = packed(scans).index.iloc[0]
    assert row["low"] == pytest.approx(np.percentile(body(), 0.5))
    assert row["high"] == pytest.approx(np.percentile(body(), 99.9))


def test_too_little_that_is_no_background_is_said_as_it_is(scans):
    image = np.zeros((64, 64, 6), np.float32)
    image[30, 30:33] = picture(3, 6)
    save(scans / "a.nii", image)
    save(scans / "b.nii", body((64, 64, 6)))
    slices = packed(scans)
    reason = "under 0.1 % of its voxels are not background, too few to learn from"
    assert left_out(slices) == [("a.nii", reason)]


# ---- Label maps ---------------------------------------------------------------------------------


def regions(count: int, seed: int = 0) -> np.ndarray:
    """A label map of `count` regions around random points inside a disc."""
    points = np.random.default_rng(seed).random((count, 2)) * 48
    places = np.stack(np.indices((48, 48)), axis=-1)  # (48, 48, 2)
    nearest = cKDTree(points).query(places)[1] + 1
    return np.where(disc() < 0.8, nearest[..., None], 0)


@pytest.mark.parametrize(
    "labels",
    [
        regions(2).astype(np.uint8),
        regions(16).astype(np.int16),
        regions(40).astype(np.float32),
        regions(100).astype(np.uint8),
        (1000 + 17 * regions(60)).astype(np.int32),
        (255 * (disc() < 0.5)).astype(np.uint8),
    ],
    ids=["2", "16", "40 as float", "100", "large numbers", "a mask of 255"],
)
def test_a_label_map_is_known_by_its_voxels_whatever_the_number_of_labels(scans, labels):
    save(scans / "a.nii", body())
    save(scans / "b.nii", labels)
    slices = packed(scans)
    assert slices.index["file"].unique().tolist() == ["a.nii"]
    ((file, reason),) = left_out(slices)
    assert file == "b.nii" and reason.startswith("is a label map, no image")
    assert not check_folder(nifti(scans)).damaged


@pytest.mark.parametrize("steps", [40, 100, 255, 4000])
def test_an_image_in_few_bits_stays_an_image(scans, steps):
    """Noise of a tenth of the tissue, and half of the slice black."""
    noise = 30 * np.random.default_rng(1).standard_normal((48, 48, 6))
    image = np.where(disc() < 0.7, body() + noise, 0).clip(0)
    save(scans / "a.nii", np.rint(image / image.max() * steps).astype(np.int16))
    assert not left_out(packed(scans))


@pytest.mark.parametrize(
    ("code", "said"), [(1002, "holds labels"), (1003, "brain regions"), (3, "map of statistics")]
)
def test_the_intent_of_a_header_is_believed(scans, code, said):
    save_odd(scans / "a.nii", picture(16, 16, 4))
    save_odd(scans / "b.nii", picture(16, 16, 4), intent_code=code)
    slices = packed(scans)
    assert slices.index["file"].unique().tolist() == ["a.nii"]
    assert said in left_out(slices)[0][1] and check_folder(nifti(scans)).errors == 0


@pytest.mark.parametrize("code", [0, 1002])
def test_only_label_maps_is_an_error_in_one_sentence(scans, code):
    for name in "ab":
        save_odd(scans / f"{name}.nii", regions(30).astype(np.int16), intent_code=code)
    with pytest.raises(InputError, match="holds only label maps, no images") as refusal:
        packed(scans)
    assert "\n" not in str(refusal.value)
    assert check_folder(nifti(scans)).exit_code == 2


# ---- Content ------------------------------------------------------------------------------------


def test_the_same_voxels_are_found_however_they_are_stored(scans):
    voxels = np.rint(body()).astype(np.int16)
    image = nib.Nifti1Image(voxels, np.diag([-1.0, 1, 3, 1]))
    nib.save(image, scans / "a.nii")
    nib.save(nib.Nifti2Image(voxels.astype(np.float64), image.affine), scans / "b.nii.gz")
    turned = np.ascontiguousarray(voxels[::-1].transpose(2, 1, 0))
    affine = np.array([[0, 0, 1.0, 0], [0, 1, 0, 0], [3, 0, 0, 0], [0, 0, 0, 1]])
    save(scans / "turned.nii", turned, affine)
    save(scans / "other.nii", np.rint(body(seed=1)).astype(np.int16), image.affine)
    assert check_folder(nifti(scans)).same_content == [["a.nii", "b.nii.gz", "turned.nii"]]
