"""Whose scan a file is, and what: told from paths alone, as people really write them.

Layouts follow public data sets and bug reports; nothing here reads a voxel but the last part.
"""

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from scan_files import nifti, picture, save, save_prostates, save_study, study

from vqgen_utils.cli import main
from vqgen_utils.config import DataConfig, get_profile
from vqgen_utils.data import check_folder, load_slices
from vqgen_utils.errors import InputError


def write(folder: Path, *names: str, shape=(16, 16, 4)) -> Path:
    """Files of these names, each another picture."""
    for seed, name in enumerate(names):
        save(folder / f"{name}.nii.gz", picture(*shape, seed=seed))
    return folder


def read(folder: Path, **changes) -> tuple[dict[str, set[str]], object]:
    """patient -> the files that are read as theirs, and the report."""
    report = check_folder(nifti(folder, **changes))
    files = report.index.groupby("patient")["file"].agg(set).to_dict()
    return files, report


def left_out(report) -> dict[str, str]:
    return {entry["file"]: entry["reason"] for entry in report.damaged + report.unused}


def each(text: str, **values) -> list[str]:
    """`p{n}_{w}` with every n and w, the first slowest."""
    names = [text]
    for key, several in values.items():
        names = [name.replace(f"{{{key}}}", str(one)) for name in names for one in several]
    return names


N = ("001", "002", "003")
WHOSE = {  # what it follows -> file names, patients, scans, layout
    "BIDS": (
        each("sub-{n}/ses-{s}/anat/sub-{n}_ses-{s}_T2w", n=N, s=(1, 2)),
        each("sub-{n}", n=N),
        6,
        "bids",
    ),
    "a subject with an underscore": (
        each("sub-{g}_{n}/anat/sub-{g}_{n}_T2w", g=("HC", "PD"), n=("01", "02")),
        each("sub-{g}_{n}", g=("HC", "PD"), n=("01", "02")),
        4,
        "bids",
    ),
    "the same without folders": (
        each("sub-{g}_{n}_ses-{s}_T2w", g=("HC", "PD"), n=("01", "02"), s=(1, 2)),
        each("sub-{g}_{n}", g=("HC", "PD"), n=("01", "02")),
        8,
        "bids",
    ),
    "ADNI, where the site comes first": (
        [
            f"ADNI_{s}_S_{n}_MR_MPR____N3__Scaled_Br_{day}081744_S{s}{i}_I4{s}{i}"
            for s in ("002", "127")
            for n in ("0295", "0413")
            for i, day in enumerate(("20060418", "20061102"))
        ],
        each("{s}_S_{n}", s=("002", "127"), n=("0295", "0413")),
        8,
        "files",
    ),
    "ADNI's folders": (
        each(
            "{s}_S_{n}/MPR__GradWarp/{d}_08_20_30.0/S13408/ADNI_{s}_S_{n}_MR_MPR_Br_I45108",
            s=("002", "127"),
            n=("0295", "0413"),
            d=("2006-04-18", "2006-11-02"),
        ),
        each("{s}_S_{n}", s=("002", "127"), n=("0295", "0413")),
        8,
        "folder-per-patient",
    ),
    "a subject with a hyphen": (
        each("sub-HC-{n}_ses-1_T2w", n=N),
        each("sub-HC-{n}", n=N),
        3,
        "bids",
    ),
    "capitals": (each("SUB-{n}_SES-{s}_T2W", n=N, s=(1, 2)), each("SUB-{n}", n=N), 6, "bids"),
    "the course's copy": (
        each("semantic_MRs/{p}_Week{w}_LFOV", p=("B006", "F011", "S021"), w=(0, 1)),
        ["B006", "F011", "S021"],
        6,
        "hipmri-3d",
    ),
    "a folder for each file": (
        each(
            "x/semantic_MRs/{p}_Week{w}_LFOV.nii.gz/{p}_Week{w}_LFOV", p=("B006", "F011"), w=(0, 1)
        ),
        ["B006", "F011"],
        4,
        "hipmri-3d",
    ),
    "the 3D release, one folder in": (
        each("study/semantic_MRs_anon/Case_{n}_Week{w}_LFOV", n=N, w=(0, 1)),
        list(N),
        6,
        "hipmri-3d",
    ),
    "nnU-Net": (
        each("imagesTr/prostate_{n}_000{c}", n=N, c=(0, 1)),
        each("prostate_{n}", n=N),
        3,
        "nnunet",
    ),
    "nnU-Net with two phases of a heart": (
        each("Dataset027/imagesTr/patient{n}_frame{f}_0000", n=N, f=("01", "12")),
        each("patient{n}", n=N),
        6,
        "nnunet",
    ),
    "four digits that are ids": (
        each("imagesTr/amos_0{n}", n=N),
        each("amos_0{n}", n=N),
        3,
        "decathlon",
    ),
    "four digits that are ids of images and labels": (
        each("{f}/amos_{n}", f=("imagesTr", "labelsTr"), n=("0000", "0001", "0002")),
        each("amos_{n}", n=("0000", "0001", "0002")),
        3,
        "decathlon",
    ),
    "four digits that are ids, and four for the contrast": (
        [*each("imagesTr/hip_0{n}_000{c}", n=N, c=(0, 1)), *each("labelsTr/hip_0{n}", n=N)],
        each("hip_0{n}", n=N),
        3,
        "nnunet",
    ),
    "the Decathlon": (
        each("Task04_Hippocampus/imagesTr/hippocampus_{n}", n=N),
        each("hippocampus_{n}", n=N),
        3,
        "decathlon",
    ),
    "a folder a patient": (
        each("case_{n}/{f}", n=N, f=("imaging", "segmentation")),
        each("case_{n}", n=N),
        3,
        "folder-per-patient",
    ),
    "a folder a patient, of any name": (
        each("s{n}/{f}", n=N, f=("mri", "segmentations/liver", "segmentations/hip")),
        each("s{n}", n=N),
        3,
        "folder-per-patient",
    ),
    "a folder for each series": (
        each("P{n}/{c}/{f}", n=N, c=("ax tse", "loc"), f=("T2",)),
        each("P{n}", n=N),
        3,
        "folder-per-patient",
    ),
    "four contrasts in a folder": (
        each("BraTS20_Training_{n}/BraTS20_Training_{n}_{c}", n=N, c=("t1", "t2", "flair", "seg")),
        each("BraTS20_Training_{n}", n=N),
        3,
        "folder-per-patient",
    ),
    "contrasts in folders": (
        each("{c}/prostate_{n}", c=("T2", "ADC"), n=N),
        each("prostate_{n}", n=N),
        3,
        "files",
    ),
    "an id in each name": (each("hippocampus_{n}", n=N), each("hippocampus_{n}", n=N), 3, "files"),
    "weeks in folders": (each("week{w}/B{n}", w=(1, 2), n=N), each("B{n}", n=N), 6, "files"),
    "letters beyond ASCII": (
        each("Ασθενής_{n}_Hüfte", n=N),
        each("Ασθενής_{n}", n=N),
        3,
        "files",
    ),
    "sites": (
        each("site{s}_patient{n}", s=(1, 2), n=N),
        each("site{s}_patient{n}", s=(1, 2), n=N),
        6,
        "files",
    ),
    "repeats": (each("sub-{n}_run-{r}_T2w", n=N, r=(1, 2)), each("sub-{n}", n=N), 6, "bids"),
    "three planes": (
        each("sub-{n}_acq-{p}_T2w", n=N, p=("tra", "sag", "cor")),
        each("sub-{n}", n=N),
        9,
        "bids",
    ),
    "weeks in short": (each("P{n}_W{w}", n=N, w=(0, 4)), each("P{n}", n=N), 6, "files"),
    "before and after": (
        each("B{n}_T2_{t}", n=N, t=("preop", "postop")),
        each("B{n}", n=N),
        6,
        "files",
    ),
    "a side each": (
        each("{n}_20060321_SAG_DESS_{s}", n=("9001104", "9002430"), s=("LEFT", "RIGHT")),
        ["9001104", "9002430"],
        4,
        "files",
    ),
    "hips": (
        each("P{n}/{s}_hip_T2", n=N, s=("left", "right")),
        each("P{n}", n=N),
        6,
        "folder-per-patient",
    ),
    "visits that sound like contrasts": (
        each("P{n}_T{v}", n=N, v=(0, 1, 2, 3)),
        each("P{n}", n=N),
        12,
        "files",
    ),
    "codes of groups": (
        each("{g}{n}_T2", g=("HC", "MCI"), n=N),
        each("{g}{n}", g=("HC", "MCI"), n=N),
        6,
        "files",
    ),
    "moments in folders": (
        each("{m}/P{n}", m=("pre", "post"), n=N),
        each("P{n}", n=N),
        6,
        "files",
    ),
    "years": (
        each("{y}/P{n}/T2", y=(2019, 2020), n=N),
        each("P{n}", n=N),
        6,
        "folder-per-patient",
    ),
    "field strengths": (each("{f}/P{n}", f=("3T", "7T"), n=N), each("P{n}", n=N), 6, "files"),
    "a number as folder and name": (
        each("{a}", a=("1/1_T2", "2/2_T2", "10/10_T2")),
        ["1", "2", "10"],
        3,
        "folder-per-patient",
    ),
    "dates of people": (
        ["mueller_2023-04-11", "mueller_20230502", "schmidt_2023-04-11"],
        ["mueller", "schmidt"],
        3,
        "files",
    ),
}


@pytest.mark.parametrize(("names", "patients", "count", "layout"), WHOSE.values(), ids=WHOSE)
def test_names_say_whose_scans_these_are(scans, names, patients, count, layout):
    files, report = read(write(scans, *names))
    assert sorted(files) == sorted(patients)
    assert sum(map(len, files.values())) == count and report.layout == layout
    assert report.patients_known and report.patients_disjoint is True and report.exit_code == 0
    assert set().union(*files.values()) | set(left_out(report)) == {f"{n}.nii.gz" for n in names}
    slices = load_slices(nifti(scans))
    assert slices.layout == layout and slices.patients_disjoint is True
    assert len(slices.index.groupby(["patient", "week"])["file"].nunique()) == count, "weeks differ"


NOBODY = {  # names that do not tell patients apart
    "words": ["scan_a", "scan_b", "other"],
    "scans that are counted": ["scan_1", "scan_2", "scan_3"],
    "numbers": ["1", "2", "3"],
    "dates": ["2023-04-11", "2023-04-12", "20230413"],
    "an id among nobody's": ["sub-01_T2w", "sub-02_T2w", "thing"],
    "numbers of two kinds": each("OAS1_{n}_MR{m}", n=N, m=(1, 2)),
    "numbers of two kinds in folders": each("{n}_20252_{v}_0/T1", n=N, v=(2, 3)),
    "scans that are counted before somebody's name": ["MR1_mueller", "MR2_schmidt", "MR3_mueller"],
    "scans in folders that are counted": each("batch{b}/scan_{n}", b=(1, 2, 3), n=(1, 2)),
    "people's scans that are counted": ["mueller_1", "mueller_2", "schmidt_1", "kunz_1"],
    "the same with a letter": ["mueller_S1", "mueller_S2", "schmidt_S1", "kunz_S1"],
    "the same as folders": ["mueller_1/T2", "mueller_2/T2", "schmidt_1/T2"],
    "patients of two splits": each("{s}_P{n}", s=("train", "test"), n=N),
    "copies of which nobody knows the scan": each("{c}_P{n}", c=("brain", "reg"), n=N),
    "visits as folders": each("V{v}/P{n}", v=(1, 2), n=N),
}
INSIDE = {  # names that every patient's folder has, below it
    "series": ["3_t2_tse_tra", "5_t2_tse_sag"],
    "b-values": ["b0", "b800"],
    "echoes": ["echo1", "echo2"],
    "a viewer's": ["IM-0001-0001", "IM-0002-0001"],
    "studies and series": each("ST{a}/SE{b}/T2", a=("01", "02"), b=("01", "02")),
    "scans of an archive": each("scans/{q}-T2/NIFTI/x", q=(301, 302)),
}


@pytest.mark.parametrize("names", NOBODY.values(), ids=NOBODY)
def test_where_names_do_not_tell_the_answer_is_unknown(scans, names):
    files, report = read(write(scans, *names))
    assert sum(map(len, files.values())) == len(names), "all are read"
    assert report.patients_known is False and report.patients_disjoint is None
    assert report.exit_code == 1
    assert "patients in train and test: unknown" in report.lines()
    slices = load_slices(nifti(scans))
    assert slices.patients_disjoint is None and slices.patients_known is False
    assert "--patient-pattern" in " ".join(slices.notes)


@pytest.mark.parametrize("folders", [("PA01", "PA02", "PA07"), ("Mueller", "Schmidt", "Kunz")])
@pytest.mark.parametrize("inside", INSIDE.values(), ids=INSIDE)
def test_what_is_called_alike_in_all_patients_folders_is_no_patient(scans, inside, folders):
    files, report = read(write(scans, *each("{p}/{one}", p=folders, one=inside)))
    assert sorted(files) == sorted(folders)
    assert sum(map(len, files.values())) == len(folders) * len(inside)
    assert report.patients_disjoint is None and report.exit_code == 1, "it could be otherwise"


def test_accession_numbers_in_a_patient_s_folder_are_no_patients(scans):
    names = [f"1234{n}/A98{n}{i}/T2" for n in N for i in (1, 2)]
    files, report = read(write(scans, *names))
    assert files.keys() == {"1234001", "1234002", "1234003"} and not report.patients_known


def test_numbers_of_series_that_differ_from_patient_to_patient_are_none(scans):
    files, report = read(write(scans, "P1/3_T2", "P1/5_T2", "P2/4_T2", "P2/6_T2", "P3/7_T2"))
    assert files.keys() == {"P1", "P2", "P3"} and not report.patients_known


@pytest.mark.parametrize(
    "names",
    [
        *(("sub-1_ses-1_T2w", "sub-001_ses-2_T2w"), ("test/PAT7", "train/pat7"), ("p7", "a/p07")),
        *(("test/Pat 7", "train/pat_07"), ("P-7_T2", "P7_T2_2"), ("HC_007", "hc7")),
    ],
)
def test_a_name_spelled_in_two_ways_is_one_patient_and_said(scans, names):
    files, report = read(write(scans, *names, "sub-2_T2w", "sub-3_T2w"))
    assert sorted(map(len, files.values())) == [1, 1, 2]
    assert "differ in case, in signs or in leading zeros alone count as one: 1 (" in " ".join(
        report.notes
    )


@pytest.mark.parametrize("name", ["OAS1_{n}_MR{m}", "OAS1_{n}_MR{m}/T1", "OAS1_{n}_MR{m}/a/T1"])
def test_a_further_number_of_an_id_is_never_on_the_other_side(scans, name):
    files, _ = read(write(scans, *each(name, n=N, m=(1, 2))))
    assert files.keys() == {"OAS1_001", "OAS1_002", "OAS1_003"}


# ---- What is no image ---------------------------------------------------------------------------

MASKS = (
    *("sub-01_T2w_mask", "sub-01_T2w-seg", "sub-01_T2w_label", "sub-01_labels", "sub-01_T2w_dseg"),
    *("sub-01_T2w_totalseg", "sub-01_pred", "sub-01_T2wSeg", "sub-01_seg_reader2", "sub-01_gt"),
    *("sub-01_label-muscle_probseg", "sub-01_desc-brain_mask", "sub-01_T2w_Prostate_ROI"),
    *("sub-01_OT", "seg01", "label_01"),
    *("masks/sub-01_T2w", "Labels/sub-01", "T2_segmentations/sub-01", "derivatives/x/sub-01_T2w"),
)


@pytest.mark.parametrize("name", MASKS)
def test_a_mask_is_no_image_and_listed(scans, name):
    files, report = read(write(scans, "sub-01_T2w", "sub-02_T2w", name))
    assert files == {"sub-01": {"sub-01_T2w.nii.gz"}, "sub-02": {"sub-02_T2w.nii.gz"}}
    assert list(left_out(report)) == [f"{name}.nii.gz"]


@pytest.mark.parametrize(
    "names",
    [each("masks/p{n}", n=N), each("case_{n}_seg", n=N), each("derivatives/sub-{n}_T2w", n=N)],
)
def test_only_label_maps_are_an_error_in_a_sentence(scans, names):
    with pytest.raises(InputError, match="holds only label maps, masks or what was made from"):
        load_slices(nifti(write(scans, *names)))


def test_a_folder_that_only_sounds_like_masks_holds_images(scans):
    files, _ = read(write(scans, *each("HipSeg_study/images/p{n}", n=N)))
    assert files.keys() == {"p001", "p002", "p003"}


# ---- One contrast of each patient ---------------------------------------------------------------


def test_of_several_contrasts_one_is_read_and_the_others_listed(scans):
    names = each("sub-{n}_{c}", n=N, c=("T1w", "T2w", "adc"))
    _, report = read(write(scans, *names, "sub-004_T2w", "sub-005_T1w"))
    assert set(report.index["file"]) == {f"sub-{n}_T2w.nii.gz" for n in (*N, "004")}
    listed = left_out(report)
    assert "t1w); t2w is read" in listed["sub-001_T1w.nii.gz"] and len(listed) == 7
    assert len(set(listed.values())) == 2, "one line of the table for each contrast"
    assert "one is read: t2w; files of others left out: 7" in " ".join(report.notes)


@pytest.mark.parametrize(
    ("inside", "read_one"),
    [
        (["pre/FLAIR", "pre/reg_T1", "wmh"], "pre/FLAIR"),  # made from them, by no known word
        (["pre/FLAIR", "orig/T1", "segm"], "pre/FLAIR"),
        (["T1w/T1w_restore", "T1w/T1w_restore_brain"], "T1w/T1w_restore"),
        (["mri/orig", "mri/T1", "mri/brainmask"], "mri/orig"),
    ],
)
def test_names_that_every_patient_s_folder_has_are_contrasts_or_made_from_them(
    scans, inside, read_one
):
    patients = ("P01", "P02", "P05")
    files, report = read(write(scans, *each("{p}/{one}", p=patients, one=inside)))
    assert files == {patient: {f"{patient}/{read_one}.nii.gz"} for patient in patients}
    assert len(left_out(report)) == len(patients) * (len(inside) - 1)


def test_of_contrasts_that_all_have_the_one_that_the_study_has_is_read(scans):
    files, _ = read(write(scans, *each("P{n}/P{n}-{c}", n=N, c=("t1n", "t2f", "t2star", "t2w"))))
    assert files == {f"P{n}": {f"P{n}/P{n}-t2w.nii.gz"} for n in N}


@pytest.mark.parametrize(
    ("contrasts", "read_one"),
    [
        (("T1ax", "T2ax"), "T2ax"),
        (("axT1", "axT2"), "axT2"),
        (("T1DUAL", "T2SPIR"), "T2SPIR"),
        (("T1w", "T2map", "T1map"), "T1w"),
        (("T2w", "T2map", "T1rho"), "T2w"),
        (("T2FLAIR", "T1Gd"), "T2FLAIR"),
    ],
)
@pytest.mark.parametrize("name", ["P{n}_{c}", "P{n}/{c}/x"])
def test_contrasts_written_as_one_word_are_told_apart(scans, name, contrasts, read_one):
    files, report = read(write(scans, *each(name, n=N, c=contrasts)))
    assert files == {f"P{n}": {f"{name.format(n=n, c=read_one)}.nii.gz"} for n in N}
    assert report.patients_disjoint is True


def test_a_copy_with_desc_is_left_for_the_scan_itself(scans):
    _, report = read(write(scans, *each("sub-{n}_{d}T2w", n=N, d=("", "desc-preproc_"))))
    assert set(report.index["file"]) == {f"sub-{n}_T2w.nii.gz" for n in N}


@pytest.mark.parametrize("name", ["P{n}", "sub-{n}_T1w"])
@pytest.mark.parametrize("before", ["c1", "mwp1", "wr", "brain_", "n4_", "reg/reg_", "Kopie von "])
def test_what_a_name_with_a_prefix_holds_is_made_from_the_scan_without(scans, name, before):
    files, report = read(write(scans, *each(name, n=N), *each(before + name, n=N)))
    assert {one for group in files.values() for one in group} == {
        f"{one}.nii.gz" for one in each(name, n=N)
    }
    assert report.patients_disjoint is True and len(left_out(report)) == 3


@pytest.mark.parametrize(
    "other",
    [
        *("func/sub-{n}_task-rest_bold", "dwi/sub-{n}_dwi", "sub-{n}_asl"),
        *("fmap/sub-{n}_magnitude1", "func/sub-{n}_sbref", "sub-{n}_T1map", "sub-{n}_adc"),
        "anat/sub-{n}_echo-1_MEGRE",
    ],
)
def test_series_of_many_frames_and_maps_do_not_displace_the_anatomy(scans, other):
    write(scans, *each("sub-{n}/anat/sub-{n}_T1w", n=N))
    for n in N:
        frames = picture(16, 16, 4, 5, seed=int(n))
        save(scans / f"sub-{n}" / f"{other.format(n=n)}.nii.gz", frames)
    files, report = read(scans)
    assert files == {f"sub-{n}": {f"sub-{n}/anat/sub-{n}_T1w.nii.gz"} for n in N}
    assert report.exit_code == 0 and len(left_out(report)) == 3


def test_mr_is_read_before_ct_and_pet(scans):
    files, _ = read(write(scans, *each("1B{n}/{c}", n=N, c=("ct", "mr", "pet"))))
    assert set().union(*files.values()) == {f"1B{n}/mr.nii.gz" for n in N}


def test_labels_of_the_course_s_copy_lie_on_their_images(scans):
    for patient in ("B006", "f011", "S021"):
        for week in (0, 1):
            image = picture(24, 16, 4, seed=ord(patient[0]) + week)
            name = f"{patient}_Week{week}"
            save(scans / "a" / "semantic_MRs" / f"{name}_LFOV.nii.gz", image)
            labels = (image > 60).astype(np.uint8)
            name = f"{name.upper()}_SEMANTIC.nii.gz"
            save(scans / "a" / "semantic_labels_only" / name, labels)
    slices = load_slices(nifti(scans, image_height=24))
    assert (slices.index["label_file"].str.contains("SEMANTIC")).all() and not slices.dropped
    for i, row in slices.index.iterrows():
        image = picture(24, 16, 4, seed=ord(row["file"].split("/")[-1][0]) + row["week"])
        np.testing.assert_array_equal(slices.labels[i], image[:, :, row["slice"]] > 60)


def test_the_decathlon_is_recognised_without_being_told(scans):
    save_prostates(scans / "any" / "Task05_Prostate", patients=(0, 1, 2, 3), hidden=True)
    config = nifti(scans, image_height=24, image_width=24)
    slices = load_slices(config)
    told = load_slices(nifti(scans, data_source="msd-prostate", image_height=24, image_width=24))
    assert slices.layout == "decathlon" and np.array_equal(slices.images, told.images)
    assert "labels that are not used: 3" in " ".join(slices.notes)


# ---- Numbered slices ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("sub-{n}_ses-01_slice-{s}", "patient{n}_slice{s}", "case_{n}_week_0_slice_{s}"),
        *("patient{n}/slice_{s}", "p{n}/{s}", "patient{n}_{s}", "pt{n}_z{s}", "case{n}_img{s}"),
    ],
)
def test_numbered_slices_are_one_volume_in_the_order_of_their_numbers(scans, name):
    names = each(name, n=N, s=("01", "2", "10"))
    report = check_folder(nifti(write(scans, *names, shape=(16, 16))))
    volumes = report.index.groupby("patient")
    assert len(volumes) == 3 and report.patients_known
    for _, rows in volumes:
        assert rows["slice"].tolist() == [1, 2, 10] and rows["week"].nunique() == 1
        assert rows["low"].nunique() == 1, "one scale"


@pytest.mark.parametrize(
    ("name", "known"),
    [
        *(("volume_{n}_slice_{s}", False), ("img{n}_sl{s}", False)),
        *(("sub-{n}_T2w-s00{s}", True), ("sub-1_run-{n}_slice-{s}", True)),
        *(("P{n}_{s}", False), ("P{n}-s00{s}", False)),  # of `site1_007` it is the patient
    ],
)
def test_slices_of_one_number_are_those_of_several_volumes(scans, name, known):
    write(scans, *each(name, n=(1, 2, 3), s=("1", "2", "10")), shape=(16, 16))
    report = check_folder(nifti(scans))
    volumes = report.index.groupby(["patient", "week"])
    assert len(volumes) == 3 and not left_out(report) and report.patients_known is known
    for _, rows in volumes:
        assert rows["slice"].tolist() == [1, 2, 10] and rows["low"].nunique() == 1


# ---- The owner's split --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "folders",
    [
        *("train val test", "Training validation TEST", "training_set valset Test-Set"),
        *("train dev holdout", "dataset-01training dataset-02validation dataset-03test"),
    ],
)
def test_an_owner_s_split_is_kept_at_any_depth_and_said(scans, folders):
    one, two, three = folders.split()
    write(
        scans, *each(f"x/{one}/images/sub-{{n}}", n=range(5)), f"x/{two}/sub-6", f"x/{three}/sub-7"
    )
    _, report = read(scans)
    splits = report.to_json()["splits"]
    assert splits["validate"]["patients"] == ["sub-6"] and splits["test"]["patients"] == ["sub-7"]
    assert "The split is the owner's" in " ".join(report.notes)


@pytest.mark.parametrize("name", ["{split}_P{n}", "P{n}_{split}", "mr_{split}_100{n}_image"])
def test_an_owner_s_split_in_the_names_of_files_is_kept_and_said(scans, name):
    splits = {"train": (1, 2, 3), "val": (4,), "test": (5, 6)}
    names = [name.format(split=split, n=n) for split, numbers in splits.items() for n in numbers]
    _, report = read(write(scans, *names))
    counts = [len(part["patients"]) for part in report.to_json()["splits"].values()]
    assert counts == [3, 1, 2] and "The split is the owner's" in " ".join(report.notes)
    assert report.patients_disjoint is True


def test_a_patient_in_the_names_of_two_splits_is_an_error(scans):
    _, report = read(write(scans, *each("P{n}_train", n=range(5)), "P3_test", "P7_test"))
    assert report.shared["train", "test"] == {"P3"} and report.exit_code == 1


def test_an_owner_s_split_that_shares_a_patient_is_split_anew(scans):
    write(scans, *each("train/sub-{n}_ses-1", n=range(5)), "test/sub-3_ses-2")
    _, report = read(scans)
    assert report.shared["train", "test"] == {"sub-3"} and report.exit_code == 1
    assert report.patients_disjoint is False
    assert load_slices(nifti(scans)).patients_disjoint is True


# ---- What the owner says ------------------------------------------------------------------------


def test_patterns_let_files_in_and_leave_them_out(scans):
    write(scans, *each("p{n}_{c}", n=N, c=("T2", "ADC")), "old/p009_ADC")
    _, report = read(scans, include="*_ADC*", exclude="old/*,nothing*")
    assert set(report.index["file"]) == {f"p{n}_ADC.nii.gz" for n in N}
    listed = left_out(report)
    assert listed["old/p009_ADC.nii.gz"] == "is excluded (old/*)"
    assert listed["p001_T2.nii.gz"] == "is not included (*_ADC*)"
    with pytest.raises(InputError, match="leave none of its 7 files"):
        load_slices(nifti(scans, exclude="*"))


@pytest.mark.parametrize("other", ["mueller", "MUELLER", "Mueller "])
def test_a_name_that_a_pattern_finds_in_two_spellings_is_one_patient_and_said(scans, other):
    write(scans, "train/Mueller_1", "train/Kunz_1", f"test/{other}_2", "test/Ott_1")
    files, report = read(scans, patient_pattern="/([^_]+)_")
    assert files.keys() == {"Mueller", "Kunz", "Ott"} or files.keys() == {other, "Kunz", "Ott"}
    assert len(report.shared["train", "test"]) == 1 and "count as one: 1 (" in str(report.notes)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_letters_with_signs_are_the_same_however_they_are_encoded(scans, form):
    names = [("NFD", "Müller_1"), ("NFC", "Müller_2"), ("NFC", "Kunz_1"), ("NFC", "Ott_1")]
    write(scans, *(unicodedata.normalize(*name) for name in names))
    pattern = unicodedata.normalize(form, "^(Müller|Kunz|Ott)_")
    files, report = read(scans, patient_pattern=pattern, exclude=unicodedata.normalize(form, "ü*"))
    assert files.keys() == {"Müller", "Kunz", "Ott"} and not report.damaged
    files, _ = read(scans, include=unicodedata.normalize(form, "Mü*"))
    assert sum(map(len, files.values())) == 2


def test_a_pattern_names_the_patients(scans):
    write(scans, "a_mueller_1", "b_mueller_2", "a_schmidt_1", "rest")
    files, report = read(scans, patient_pattern="^._([a-z]+)_")
    assert {name: len(some) for name, some in files.items()} == {"mueller": 2, "schmidt": 1}
    assert report.patients_known
    assert "does not match the patient pattern" in left_out(report)["rest.nii.gz"]
    with pytest.raises(InputError, match="matches none of 4 files"):
        load_slices(nifti(scans, patient_pattern="zzz"))
    with pytest.raises(InputError, match="regular expression"):
        get_profile("smoke", patient_pattern="(")
    other = load_slices(nifti(scans, patient_pattern="_[a-z]+_"))
    assert set(other.index["patient"]) == {"_mueller_", "_schmidt_"}, "not from another's cache"


# ---- The same voxels under two names ------------------------------------------------------------


def same(folder: Path, **names: int) -> Path:
    """Each name with the picture of its number."""
    for name, seed in names.items():
        path = folder / f"{name.replace('__', '/').replace('sub', 'sub-')}.nii.gz"
        save(path, picture(16, 16, 4, seed=seed))
    return folder


def test_a_patient_s_scan_that_is_there_twice_is_read_once(scans):
    same(scans, sub1_run1=1, sub1_run2=1, sub2=2, sub3=3)
    _, report = read(scans)
    assert left_out(report) == {
        "sub-1_run2.nii.gz": "holds the same voxels as sub-1_run1.nii.gz",
    }
    assert report.same_content == [["sub-1_run1.nii.gz", "sub-1_run2.nii.gz"]]
    assert report.exit_code == 0


def test_a_session_that_is_another_again_is_read_and_said(scans):
    for number, session in ((1, 1), (1, 2), (2, 1), (3, 1)):
        name = f"sub-{number}_ses-{session}.nii.gz"
        save(scans / name, picture(16, 16, 4, seed=number))
    files, report = read(scans)
    assert files["sub-1"] == {"sub-1_ses-1.nii.gz", "sub-1_ses-2.nii.gz"}
    assert report.same_content == [["sub-1_ses-1.nii.gz", "sub-1_ses-2.nii.gz"]]
    assert "share slices with an earlier session of their patient: 1" in " ".join(report.notes)


def test_two_names_of_one_scan_are_one_patient(scans):
    same(scans, sub1=1, sub2=2, sub3=3, sub4=1, sub5=5)
    files, report = read(scans)
    assert files["sub-1"] == {"sub-1.nii.gz", "sub-4.nii.gz"} and "sub-4" not in files
    assert report.exit_code == 0 and "sub-1 and sub-4 share slices" in " ".join(report.notes)
    index = load_slices(nifti(scans)).index
    assert index[index["patient"] == "sub-1"]["split"].nunique() == 1
    assert index[index["patient"] == "sub-1"]["week"].nunique() == 2


def test_a_scan_on_both_sides_of_an_owner_s_split_is_an_error(scans):
    same(scans, train__sub1=1, train__sub2=2, train__sub3=3, test__sub9=2)
    _, report = read(scans)
    assert report.exit_code == 1 and report.patients_disjoint is False
    assert report.same_content == [["test/sub-9.nii.gz", "train/sub-2.nii.gz"]]
    assert report.to_json()["errors"] == ["patient sub-2 is in train and test"]
    assert load_slices(nifti(scans)).patients_disjoint is True, "split anew"


def test_slices_that_many_scans_share_join_nobody(scans):
    for number in range(3):
        image = np.zeros((16, 16, 4), np.float32)
        image[4:12, 4:12, 1:3] = picture(8, 8, 2, seed=number)
        image[8, 8] = 5
        save(scans / f"sub-{number}.nii.gz", image)
    _, report = read(scans)
    assert report.same_content == [] and report.index["patient"].nunique() == 3


# ---- For programs -------------------------------------------------------------------------------

KEYS = (
    *("layout", "scans", "patients", "slices", "labelled_slices", "patients_known"),
    *("patients_disjoint", "splits", "same_content", "plane", "slice_axis", "voxel_mm"),
    *("left_out", "notes", "errors", "warnings"),
)


def checked(capsys, *words: str) -> tuple[int, dict, str]:
    with pytest.raises(SystemExit) as stop:
        main(["data", "check", *words, "--json"])
    out, err = capsys.readouterr()
    return stop.value.code, json.loads(out), err


def test_the_findings_are_json_with_all_keys_and_nothing_else(scans, capsys):
    save_study(scans / "inner", train=(1, 2), validate=(3,), test=(4,), labels=True)
    code, found, err = checked(capsys, str(scans))
    assert code == 0 and err == "" and tuple(found) == KEYS
    assert {key: found[key] for key in KEYS[:7]} == {
        **{"layout": "hipmri-2d", "scans": 4, "patients": 4, "slices": 12},
        **{"labelled_slices": 12, "patients_known": True, "patients_disjoint": True},
    }
    assert found["splits"]["train"] == {"patients": ["001", "002"], "slices": 6}
    assert found["errors"] == found["warnings"] == found["left_out"] == []


def test_unknown_patients_are_code_1_and_nothing_usable_code_2(scans, capsys):
    write(scans, "scan_a", "scan_b", "scan_c")
    code, found, _ = checked(capsys, str(scans))
    assert code == 1 and found["patients_disjoint"] is None and found["warnings"]
    code, found, _ = checked(capsys, str(scans), "--patient-pattern", "scan_(.)")
    assert code == 0 and found["splits"]["test"]["patients"]
    code, found, err = checked(capsys, str(scans), "--include", "*.nope")
    assert code == 2 and tuple(found) == KEYS and found["errors"] and err.startswith("vqgen: ")


def test_a_source_that_the_folder_contradicts_is_a_sentence(scans):
    write(scans, *each("sub-{n}_T2w", n=N))
    with pytest.raises(InputError, match="choose data_source 'nifti'"):
        load_slices(study(scans))
    with pytest.raises(InputError, match="holds no scans in imagesTr"):
        load_slices(nifti(scans, data_source="msd-prostate"))


def test_the_patterns_are_settings_like_any_other():
    config = DataConfig()
    assert (config.include, config.exclude, config.patient_pattern) == ("", "", "")
