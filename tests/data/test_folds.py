"""k folds by patient, and a chosen list of who is tested."""

from collections import Counter

import pytest
from scan_files import picture, save

from vqgen_utils.config import get_profile
from vqgen_utils.data import check_folder, load_slices
from vqgen_utils.data import split as splits
from vqgen_utils.errors import InputError


def people(number: int) -> list[str]:
    return [f"B{i:03d}" for i in range(number)]


@pytest.mark.parametrize(("patients", "folds"), [(5, 5), (5, 2), (3, 3), (2, 2), (23, 5), (60, 7)])
def test_every_patient_is_tested_once_and_nobody_is_on_two_sides(patients, folds):
    every = [splits.split_in_folds(people(patients), 0, folds, fold) for fold in range(folds)]
    tested = Counter(name for one in every for name, split in one.items() if split == "test")
    assert tested == Counter(people(patients))
    sizes = [Counter(one.values()) for one in every]
    assert max(size["test"] for size in sizes) - min(size["test"] for size in sizes) <= 1
    assert all(size["train"] >= 1 and size["train"] >= size["validate"] for size in sizes)
    assert all(size["validate"] >= 1 for size in sizes) == (patients > 2)
    again = splits.split_in_folds(reversed(people(patients)), 0, folds, 0)
    assert again == every[0]
    assert patients < 5 or splits.split_in_folds(people(patients), 1, folds, 0) != every[0]


@pytest.fixture
def seven(scans):
    """Seven people, each with two scans; the owner split them."""
    for number, name in enumerate(people(7)):
        split = ("train", "val", "test")[min(number // 3, 2)]
        for week in (1, 2):
            image = picture(16, 16, seed=10 * number + week)
            save(scans / split / f"sub-{name}_ses-{week}_T2w.nii.gz", image)
    return scans


def config(folder, **changes):
    return get_profile(
        "smoke",
        data_source="nifti",
        data_dir=str(folder),
        image_height=16,
        image_width=16,
        **changes,
    ).data


def test_folds_set_the_owners_split_aside_and_say_so(seven):
    tested = []
    for fold in range(3):
        slices = load_slices(config(seven, folds=3, fold=fold))
        tested += set(slices.index["patient"][slices.index["split"] == "test"])
        assert slices.patients_disjoint and len(slices.index) == 14
        assert f"fold {fold} of 3" in slices.notes[-2] and "set aside" in slices.notes[-1]
    assert sorted(tested) == sorted(set(slices.index["patient"]))
    report = check_folder(config(seven, folds=3, fold=2))
    assert set(report.index["patient"][report.index["split"] == "test"]) < set(tested)
    assert "set aside" not in " ".join(load_slices(config(seven)).notes)


def test_the_chosen_are_tested_and_names_that_nobody_has_list_close_ones(seven):
    everyone = sorted(set(load_slices(config(seven)).index["patient"]))
    names = f"{everyone[1]}, {everyone[4]}"
    index = load_slices(config(seven, test_patients=names)).index
    assert set(index["patient"][index["split"] == "test"]) == {everyone[1], everyone[4]}
    assert set(index["split"]) == {"train", "validate", "test"}
    with pytest.raises(
        InputError, match=f"no patient '{everyone[0]}x'; did you mean .*{everyone[0]}"
    ):
        load_slices(config(seven, test_patients=f"{everyone[0]}x"))
    with pytest.raises(InputError, match="7 of 7 patients"):
        load_slices(config(seven, test_patients=",".join(everyone)))


def test_more_folds_than_patients_and_unknown_patients_are_said(seven, scans):
    with pytest.raises(InputError, match="folds is 8 but there are 7 patients: give 7 at most"):
        load_slices(config(seven, folds=8))
    for number in range(4):
        save(scans / "more" / f"scan_{number}.nii", picture(16, 16, seed=100 + number))
    notes = " ".join(load_slices(config(scans / "more", folds=2)).notes)
    assert "Names do not say whose each scan is" in notes


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"folds": 1}, "'folds' is 1: give 2 or more"),
        ({"folds": 5, "fold": 5}, "'fold' is 5 of 5 folds: give 0 to 4"),
        ({"fold": 1}, "set 'folds' as well"),
        ({"folds": 5, "test_patients": "a"}, "both say who is tested"),
    ],
)
def test_folds_that_make_no_sense_are_refused_before_anything_is_read(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        get_profile("smoke", **changes)
