"""How slices lie: sizes and directions from one place, cut in the plane they were acquired in."""

import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.orientations import axcodes2ornt, ornt_transform
from scan_files import nifti, picture, save, save_odd, save_study, study

from vqgen_utils.config import DataConfig, get_profile
from vqgen_utils.data import check_folder, load_slices, read_header, read_volume
from vqgen_utils.errors import InputError


def text_of(slices) -> str:
    return " ".join(slices.notes)


def save_turned(path: Path, anatomy: np.ndarray, sizes, axes: str) -> Path:
    """`anatomy` (right to left, back to front, foot to head) as a scanner with `axes` stores it.

    Faint noise by the name of the file keeps two of them from being copies.
    """
    noise = np.random.default_rng(zlib.crc32(path.name.encode())).random(anatomy.shape)
    anatomy = (anatomy + 1e-3 * noise).astype(np.float32)
    image = nib.Nifti1Image(anatomy, np.diag([-sizes[0], sizes[1], sizes[2], 1.0]))
    turn = ornt_transform(axcodes2ornt("LAS"), axcodes2ornt(axes))
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image.as_reoriented(turn), path)
    return path


def change_header(path: Path, **fields) -> Path:
    """Overwrite numbers of a header that nibabel would not write."""
    content = bytearray(path.read_bytes())
    for name, value in fields.items():
        field, offset = nib.Nifti1Header.template_dtype.fields[name]
        array = np.atleast_1d(value).astype(field.base)
        content[offset : offset + array.nbytes] = array.tobytes()
    path.write_bytes(content)
    return path


def seen(slices, anatomy: np.ndarray) -> float:
    """The least likeness of any slice to the (N, H, W) that it should show."""
    pairs = zip(slices.images.astype(np.float64), anatomy, strict=True)
    return min(np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs)


# ---- Sizes and directions -----------------------------------------------------------------------


@pytest.mark.parametrize("pixdim", [(1, 1, 3), (0, 0, 0), (np.nan,) * 3, (4, 4, 4)])
def test_the_affine_is_believed_and_a_pixdim_that_disagrees_is_a_note(scans, pixdim):
    for name in "abc":
        path = save(scans / f"{name}.nii", picture(32, 16, 8), np.diag([-1.0, 2, 3, 1]))
        change_header(path, pixdim=(1, *pixdim))
    save(scans / "sound.nii", picture(32, 16, 8), np.diag([-1.0, 2, 3, 1]))
    assert read_header(path)[1].tolist() == read_volume(path)[1].tolist() == [1, 2, 3]
    slices = load_slices(nifti(scans))
    assert "pixdim disagrees with their affine, which was believed: 3 (the first: a.nii)" in (
        text_of(slices)
    )
    assert slices.images.shape[1:] == (24, 24), "32 x 32 mm is a square"
    assert slices.voxel_mm == [1, 2, 3]


def test_the_sform_comes_before_the_qform_and_the_qform_before_pixdim(tmp_path):
    image = nib.Nifti1Image(picture(16, 12, 8), None)
    image.set_qform(np.diag([4.0, 4, 4, 1]), code=1)
    image.set_sform(np.diag([-1.0, 2, 3, 1]), code=1)
    nib.save(image, tmp_path / "a.nii")
    assert read_volume(tmp_path / "a.nii")[1].tolist() == [1, 2, 3]
    array, sizes = read_volume(change_header(tmp_path / "a.nii", sform_code=0))
    assert sizes.tolist() == [4, 4, 4]
    np.testing.assert_array_equal(array, picture(16, 12, 8)[::-1])
    array, _ = read_volume(change_header(tmp_path / "a.nii", qform_code=0))
    np.testing.assert_array_equal(array, picture(16, 12, 8))


HALF_TURN = {"quatern_b": 0, "quatern_c": 0, "qform_code": 1, "sform_code": 0}


@pytest.mark.parametrize("more", [0, 2.4e-7, 1e-6, 5e-6])
@pytest.mark.parametrize("qfac", [0, 1, 7, np.nan])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_qform_that_nibabels_users_get_read_is_read(tmp_path, more, qfac, sign):
    """Half a turn around the axis from foot to head: stored from the left and from the front."""
    path = save(tmp_path / "a.nii", picture(16, 12, 8), np.diag([-2.0, -2, 3, 1]))
    change_header(path, quatern_d=1 + more, pixdim=(qfac, 2 * sign, 2, 3 * sign), **HALF_TURN)
    array, sizes = read_volume(path)
    np.testing.assert_array_equal(array, picture(16, 12, 8)[:, ::-1])
    assert sizes.tolist() == [2, 2, 3]


def test_a_quaternion_far_from_one_is_refused(tmp_path):
    path = save(tmp_path / "a.nii", picture(16, 12, 8))
    with pytest.raises(InputError, match="orientation is not valid"):
        read_volume(change_header(path, quatern_d=1.01, **HALF_TURN))


def test_a_tilted_scan_has_the_sizes_of_its_voxels(tmp_path):
    tilt = np.radians(17)
    affine = np.diag([-0.5, 0.5, 3, 1])
    affine[1:3, 1:3] = np.array([[0.5, -3], [0.5, 3]]) * [
        [np.cos(tilt), np.sin(tilt)],
        [np.sin(tilt), np.cos(tilt)],
    ]
    path = save(tmp_path / "a.nii", picture(16, 12, 8), affine)
    assert read_volume(path)[1].tolist() == [0.5, 0.5, 3]


@pytest.mark.parametrize(("unit", "said"), [(1, False), (1000, True), (0.001, True)])
def test_voxel_sizes_in_another_unit_than_mm_are_a_note(scans, unit, said):
    for name in "ab":
        affine = np.diag([-2.0 * unit, 2 * unit, 3 * unit, 1])
        save(scans / f"{name}.nii", picture(32, 32, 4), affine)
    assert ("seem to be in another unit" in text_of(load_slices(nifti(scans)))) is said


def test_volumes_that_do_not_say_where_their_axes_lead_are_counted(scans):
    save_odd(scans / "a.nii")
    save(scans / "b.nii", picture(16, 16, 4))
    assert "does not say where their axes lead" in text_of(load_slices(nifti(scans)))


# ---- Single slices ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "plane"),
    [((24, 16, 1), "axial"), ((24, 1, 16), "coronal"), ((1, 24, 16), "sagittal")],
)
def test_a_volume_of_one_slice_is_turned_however_it_is_stored(scans, shape, plane):
    anatomy = picture(*shape)
    for number, axes in enumerate(("LAS", "RAS", "LPS", "SAR", "PIL", "ASL")):
        save_turned(scans / f"sub-{number}.nii", anatomy, (1, 1, 1), axes)
    slices = load_slices(nifti(scans, image_height=24))
    expected = anatomy.squeeze()[::-1] if plane == "sagittal" else anatomy.squeeze()
    assert slices.plane == plane and len(slices.index) == 6
    assert seen(slices, [expected] * 6) > 0.999
    assert any(
        line.startswith(f"{plane} slices of 24 x 16") for line in check_folder(nifti(scans)).lines()
    )


def test_a_2d_file_stays_as_stored_and_what_leads_elsewhere_is_a_note(scans):
    for number in range(4):
        sign = -1 if number else 1
        image = picture(32, 16, seed=number)
        save(scans / f"sub-{number}.nii", image, np.diag([sign, 1.0, 1, 1]))
    slices = load_slices(nifti(scans))
    assert (
        seen(slices, [picture(32, 16, seed=n) for n in range(4)]) > 0.999 and slices.plane is None
    )
    assert "some may be mirrored: 3 to LA, 1 to RA" in text_of(slices)


def test_the_study_stays_as_stored_whatever_its_headers_say(scans):
    save_study(scans, train=(1, 2), validate=(3,), test=(4,))
    for path in scans.rglob("case_002*"):
        image = np.asarray(nib.load(path).dataobj)[..., None]
        save(path, image, np.diag([1.0, 1, 1, 1]))
    slices = load_slices(study(scans))
    for i, row in slices.index.iterrows():
        number = 100 * int(row["patient"]) + row["slice"]
        stored = picture(32, 16, seed=number)
        assert np.corrcoef(slices.images[i].astype(float).ravel(), stored.ravel())[0, 1] > 0.99
        np.testing.assert_array_equal(slices.voxels(row), stored)
    assert slices.plane == "axial" and slices.voxel_mm is None and not slices.notes


# ---- Planes -------------------------------------------------------------------------------------

ANATOMY = picture(24, 16, 20)  # right to left, back to front, foot to head
SHOWN = {  # plane -> sizes, and the slices (N, H, W): first axis to the right, second upwards
    "sagittal": ((5, 1, 1), ANATOMY[:, ::-1]),
    "coronal": ((1, 5, 1), np.moveaxis(ANATOMY, 1, 0)),
    "axial": ((1, 1, 5), np.moveaxis(ANATOMY, 2, 0)),
}


@pytest.mark.parametrize("axes", ["LAS", "RAS", "LPS", "SAR", "PIL", "ASL"])
@pytest.mark.parametrize("plane", SHOWN)
def test_volumes_are_cut_as_they_were_acquired_and_shown_the_usual_way_round(scans, plane, axes):
    sizes, expected = SHOWN[plane]
    save_turned(scans / "sub-a.nii", ANATOMY, sizes, axes)
    save_turned(scans / "sub-b.nii", ANATOMY, sizes, "LAS")
    slices = load_slices(nifti(scans, image_height=32, image_width=32))
    h, w = expected.shape[1:]
    top, left = (slices.images.shape[1] - h) // 2, (slices.images.shape[2] - w) // 2
    inner = slices.images[: len(expected), top : top + h, left : left + w].astype(float)
    pairs = zip(inner, expected, strict=True)
    assert min(np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs) > 0.99
    assert (slices.plane, slices.voxel_mm) == (plane, [1, 1, 5])
    np.testing.assert_allclose(slices.voxels(slices.index.iloc[3]), expected[3], atol=2e-3)
    words = f"{plane} slices of {h} x {w}, pixels of 1 x 1 mm, 5 mm from slice to slice"
    assert words in check_folder(nifti(scans)).lines()


@pytest.mark.parametrize("sizes", [(1, 1, 1), (1, 1, 1.005), (0.9, 1, 1)])
def test_isotropic_volumes_are_cut_axially(scans, sizes):
    for name in "ab":
        save_turned(scans / f"{name}.nii", ANATOMY, sizes, "SAR")
    slices = load_slices(nifti(scans))
    assert slices.plane == "axial" and len(slices.index) == 2 * 20


def save_planes(scans: Path, **planes) -> None:
    for plane, count in planes.items():
        for number in range(count):
            sizes = (1, 1, 1) if plane == "isotropic" else SHOWN[plane][0]
            save_turned(scans / f"sub-{plane}{number}.nii", ANATOMY, sizes, "RAS")


@pytest.mark.parametrize(
    ("planes", "kept", "left_out"),
    [
        ({"axial": 2, "coronal": 2, "sagittal": 2}, "axial", {"coronal": 2, "sagittal": 2}),
        ({"coronal": 2, "sagittal": 2}, "sagittal", {"coronal": 2}),
        ({"axial": 1, "coronal": 3}, "coronal", {"axial": 1}),
        ({"isotropic": 1, "sagittal": 2}, "sagittal", {}),
        ({"isotropic": 2, "coronal": 1}, "axial", {"coronal": 1}),
    ],
)
def test_of_mixed_planes_the_commonest_is_kept_and_the_others_are_listed(
    scans, planes, kept, left_out
):
    save_planes(scans, **planes)
    slices = load_slices(nifti(scans))
    listed = [entry["reason"] for entry in slices.dropped]
    assert slices.plane == kept
    assert {plane: listed.count(f"is {plane}, the slices that are used are {kept}")
            for plane in left_out} == left_out  # fmt: skip
    assert len(listed) == sum(left_out.values())
    assert ("acquired in" in text_of(slices)) == bool(left_out)
    assert all(f"{count} {plane}" in text_of(slices) for plane, count in planes.items() if left_out)
    assert check_folder(nifti(scans)).errors == 0


def test_a_slice_axis_that_is_told_cuts_every_volume_across_it(scans):
    save_planes(scans, axial=1, coronal=1)
    save_turned(scans / "sub-one.nii", ANATOMY[:, :, :1], (1, 1, 5), "RAS")
    slices = load_slices(nifti(scans, slice_axis=0))
    assert slices.plane == "sagittal" and len(slices.index) == 2 * 24
    assert "all volumes are cut into sagittal slices" in text_of(slices)
    assert [entry["file"] for entry in slices.dropped] == ["sub-one.nii"]
    assert get_profile("quick").data.slice_axis is None
    assert get_profile("quick", slice_axis=1).data.slice_axis == 1


# ---- Numbered slices ----------------------------------------------------------------------------


def save_numbered(scans: Path, numbers=(48, 50, 61), patients=(1, 2, 3)) -> None:
    for patient in patients:
        for number in numbers:
            image = number * picture(32, 16, seed=100 * patient + number)
            save(scans / f"case_{patient}_week_0_slice_{number}.nii", image)


def test_the_place_of_numbered_slices_follows_the_numbers_that_occur(scans):
    save_numbered(scans)
    index = load_slices(nifti(scans)).index
    assert index["slice"].tolist() == [48, 50, 61] * 3
    np.testing.assert_allclose(index["height"], [0, 2 / 13, 1] * 3)


def test_a_single_numbered_slice_lies_in_the_middle(scans):
    save_numbered(scans, numbers=(48,))
    assert load_slices(nifti(scans)).index["height"].tolist() == [0.5] * 3


def test_numbered_slices_of_one_volume_share_one_scale(scans):
    save_numbered(scans, numbers=(1, 10), patients=(1,))
    slices = load_slices(nifti(scans))
    assert slices.index["high"].nunique() == 1
    assert slices.images[0].max() < 0.15 < slices.images[1].max()


# ---- Small and large slices ---------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(8, 8), (8, 64), (40, 24), (35, 51), (1024, 1024)])
def test_slices_of_any_size_are_framed_in_whole_blocks(scans, shape):
    for name in "ab":
        save(scans / f"{name}.nii", picture(*shape, 2), np.diag([-1.0, 1, 3, 1]))
    slices = load_slices(DataConfig(data_source="nifti", data_dir=str(scans)))
    frame = np.array(slices.images.shape[1:])
    assert (frame % 8 == 0).all() and (frame >= 8).all() and frame.prod() <= 128 * 64
    assert (frame >= np.minimum(shape, 80)).all() and "what is left is black" in text_of(slices)
