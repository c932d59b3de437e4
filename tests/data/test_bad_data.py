"""Bad data, each with its stated outcome: used, dropped and listed, or refused in one sentence.

Every case goes through `check_folder`, `load_slices` and the command `vqgen data check`. In none is
there a traceback of a library, a warning of one, a hang, or a file that nobody mentions.
"""

import gzip
import os
import signal
import sys
import tempfile
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scan_files import nifti, nifti_bytes, picture, save, save_odd, save_study, study

from vqgen_utils.cli import main
from vqgen_utils.data import check_folder, load_slices, read_volume
from vqgen_utils.errors import InputError

SECONDS = 20  # that any case may take before it counts as a hang
FLAT = "constant, nothing to learn from"
VOLUME = (16, 16, 4)


@pytest.fixture(autouse=True)
def no_hang_and_no_warning():
    """A case that waits for ever fails, and so does one that lets a library complain."""

    def stop(*_):
        raise TimeoutError(f"not done after {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def checked(config, capsys) -> tuple[int, str, list[str]]:
    """Exit code, standard output and lines of standard error of `vqgen data check`."""
    with pytest.raises(SystemExit) as stop:
        main(["data", "check", config.data_dir, "--data-source", config.data_source])
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return stop.value.code, out, err.splitlines()


def accounted(config) -> tuple[set[str], dict[str, str], str]:
    """Files that are used, file -> reasons of those that are not, and all notes.

    `load_slices` and `check_folder` must agree, and no file may go without mention.
    """
    slices, report = load_slices(config), check_folder(config)
    assert slices.dropped == report.damaged + report.unused
    assert slices.notes == report.notes or "Slices without labels" in slices.notes[-1]
    used = set(slices.index["file"]) | set(slices.index["label_file"]) - {""}
    dropped = {}
    for entry in slices.dropped:
        assert "\n" not in entry["reason"] and config.data_dir not in entry["reason"]
        dropped[entry["file"]] = f"{dropped.get(entry['file'], '')} {entry['reason']}".strip()
    assert np.isfinite(slices.images).all()
    return used, dropped, " ".join(slices.notes)


def every_file(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.nii*")}


# ---- One file that cannot be used ---------------------------------------------------------------


def text(content: bytes):
    return lambda path: path.write_bytes(content)


def cut(share: float, zipped: bool = True):
    def write(path: Path) -> None:
        content = nifti_bytes(picture(*VOLUME))
        content = gzip.compress(content) if zipped else content
        path.write_bytes(content[: int(share * len(content))])

    return write


def flipped_bit(path: Path) -> None:
    content = bytearray(save(path, picture(*VOLUME)).read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def wrong_checksum(path: Path) -> None:
    content = bytearray(save(path, picture(*VOLUME)).read_bytes())
    content[-8] ^= 1
    path.write_bytes(bytes(content))


def with_rubbish_after_it(path: Path) -> None:
    path.write_bytes(save(path, picture(*VOLUME)).read_bytes() + b"rubbish")


def odd(array: np.ndarray | None = None, **fields):
    return lambda path: save_odd(path, array, **fields)


def claims(*dim: int, **fields):
    return odd(dim=(*dim, *[1] * (8 - len(dim))), **fields)


def colours(*names: str):
    return odd(np.zeros(VOLUME, dtype=[(name, "u1") for name in names]))


def with_value(value: float):
    array = picture(*VOLUME)
    array[3, 3] = value
    return lambda path: save(path, array)


TWO = nib.Nifti2Header
ALONE = {  # what is written -> how, and words of the reason
    "an empty file": (text(b""), "not a NIfTI file"),
    "one byte": (text(b"\x1f"), "not a NIfTI file"),
    "the first bytes of gzip": (text(b"\x1f\x8b"), "cut short or damaged"),
    "text": (text(b"hello" * 400), "not a NIfTI file"),
    "zipped text": (text(gzip.compress(b"hi" * 400)), "not a NIfTI file"),
    "zipped nothing": (text(gzip.compress(b"")), "not a NIfTI file"),
    "zeros": (text(bytes(10_000)), "not a NIfTI file"),
    "a gzip cut in half": (cut(0.5), "cut short or damaged"),
    "a gzip without its last byte": (cut(0.9999), "cut short or damaged"),
    "a header and nothing else": (cut(0.08, zipped=False), "cut short"),
    "half a header": (cut(0.04, zipped=False), "not a NIfTI file"),
    "a file without its last byte": (cut(0.9999, zipped=False), "cut short"),
    "a flipped bit": (flipped_bit, "damaged"),
    "a wrong checksum": (wrong_checksum, "damaged"),
    "rubbish after the gzip": (with_rubbish_after_it, "damaged"),
    "a wrong magic": (odd(magic=b"abcd"), "not a NIfTI file"),
    "one of a pair": (odd(magic=b"ni1"), "one of a pair"),
    "no axes": (claims(0), "claims the shape (0,)"),
    "eight axes": (claims(8, 2, 2, 2), "not valid NIfTI"),
    "a negative number of axes": (claims(-3, 16, 16, 4), "not valid NIfTI"),
    "a negative axis": (claims(3, -5, 9, 9), "claims the shape"),
    "an empty axis": (claims(3, 16, 0, 4), "claims the shape"),
    "more voxels than there are": (claims(3, 16, 16, 5), "cut short or damaged"),
    "fewer voxels than there are": (claims(3, 16, 16, 3), "more voxels than its header claims"),
    "gigabytes": (claims(3, 32000, 32000, 9), "cut short"),
    "terabytes": (claims(5, 32000, 32000, 32000, 9, 9), "cut short"),
    "exabytes": (claims(3, 2**40, 2**20, 9, kind=TWO), "cut short"),
    "more than 64 bits count": (claims(3, 2**62, 2**62, 2**62, kind=TWO), "cut short"),
    "a far offset": (odd(vox_offset=1e18), "voxels start at byte"),
    "an offset of gigabytes": (odd(vox_offset=3e9), "voxels start at byte"),
    "an offset in the header": (odd(vox_offset=100), "voxels start at byte 100"),
    "a negative offset": (odd(vox_offset=-400), "voxels start at byte -400"),
    "an offset that is no number": (odd(vox_offset=np.nan), "damaged"),
    "an endless offset": (odd(vox_offset=np.inf), "damaged"),
    "an unknown type": (odd(datatype=9999), "header is not valid"),
    "single bits": (odd(datatype=1), "no numbers"),
    "an intercept that is no number": (odd(scl_inter=np.nan), "header is not valid"),
    "an endless slope times anything": (odd(scl_slope=3e38), "NaN or infinite"),
    "one axis": (odd(picture(16)), "1D"),
    "four axes": (odd(picture(16, 16, 4, 2)), "4D with 2 frames"),
    "five axes": (odd(picture(8, 8, 4, 2, 2)), "5D"),
    "seven axes": (odd(picture(8, 8, 1, 1, 1, 1, 2)), "7D"),
    "complex numbers": (odd(picture(16, 16) * np.complex64(1j)), "complex"),
    "colours": (colours("R", "G", "B"), "colours"),
    "colours with alpha": (colours("R", "G", "B", "A"), "colours"),
    "a constant": (odd(np.ones(VOLUME, np.float32)), FLAT),
    "NaN": (with_value(np.nan), "slices 0-3: NaN or infinite"),
    "infinity": (with_value(-np.inf), "slices 0-3: NaN or infinite"),
    "numbers near the end of float32": (with_value(3e38), "beyond 1e30"),
    "numbers beyond float32": (odd(1e300 * picture(*VOLUME).astype(np.float64)), "NaN or infinite"),
    "a range that rounds to zero": (odd(1e-40 * picture(*VOLUME)), FLAT),
    "four different values": (odd(np.floor(picture(*VOLUME) / 30)), "label map"),
    "thin slices": (odd(picture(16, 4, 16)), "choose another slice_axis"),
    "a line of a slice": (odd(picture(200, 8, 2)), "check its voxel sizes"),
    "a bad rotation": (
        odd(qform_code=1, sform_code=0, quatern_b=5, quatern_c=5),
        "orientation is not valid",
    ),
}


@pytest.mark.parametrize(("write", "words"), ALONE.values(), ids=ALONE)
def test_alone_it_is_refused_and_beside_a_good_file_dropped_with_the_reason(
    scans, capsys, write, words
):
    write(scans / "bad.nii.gz")
    with pytest.raises(InputError, match=r"bad\.nii\.gz") as refusal:
        load_slices(nifti(scans))
    assert words in str(refusal.value) and "\n" not in str(refusal.value)
    code, out, err = checked(nifti(scans), capsys)
    assert (code, err) == (2, []) and words in out and "bad.nii.gz" in out

    save(scans / "good.nii.gz", picture(*VOLUME))
    used, dropped, _ = accounted(nifti(scans))
    assert used == {"good.nii.gz"} and dropped.keys() == {"bad.nii.gz"}
    assert words in dropped["bad.nii.gz"]
    code, out, err = checked(nifti(scans), capsys)
    assert code == (0 if words in (FLAT, "label map") else 1) and words in out and err == []


# ---- One file that is odd, and used -------------------------------------------------------------


def stored_as(dtype: str, **fields):
    return odd(picture(*VOLUME).astype(dtype), **fields)


def in_metres(path: Path) -> None:
    save(path, picture(*VOLUME), np.diag([-1e-3, 1e-3, 1e-3, 1]))


USED = {  # what is written -> under which name, how, and words of a note ("": none)
    "negative numbers": ("a.nii", odd(picture(*VOLUME) - 200), ""),
    "float64": ("a.nii", stored_as("f8"), ""),
    "int64": ("a.nii.gz", stored_as("i8"), ""),
    "big-endian": ("a.nii.gz", stored_as("i2", endianness=">"), ""),
    "NIfTI-2": ("a.nii.gz", odd(kind=TWO), ""),
    "big-endian NIfTI-2": ("a.nii", odd(kind=TWO, endianness=">"), ""),
    "slope 0": ("a.nii", odd(scl_slope=0), ""),
    "a slope that is no number": ("a.nii", odd(scl_slope=np.nan, scl_inter=np.nan), ""),
    "an infinite slope": ("a.nii", odd(scl_slope=np.inf), ""),
    "a negative slope": ("a.nii", odd(scl_slope=-2), ""),
    "an offset of 0": ("a.nii", odd(vox_offset=0), ""),
    "no voxel sizes": ("a.nii", odd(pixdim=np.zeros(8)), "1 mm was assumed: 1"),
    "voxel sizes of NaN": ("a.nii", odd(pixdim=np.full(8, np.nan)), "1 mm was assumed: 1"),
    "a rotation onto one line": ("a.nii", odd(sform_code=1, srow_x=(1, 0, 0, 0)), ""),
    "a rotation of NaN": ("a.nii", odd(sform_code=1, srow_x=[np.nan] * 4), ""),
    "one volume in metres": ("a.nii", in_metres, ""),
    "axes of one at the end": ("a.nii", odd(picture(16, 16, 4, 1, 1)), ""),
    "a slice without a number": ("a.nii", odd(picture(16, 16)), ""),
    "gzip that says it is not": ("a.nii", text(gzip.compress(nifti_bytes(picture(*VOLUME)))), ""),
    "not gzip that says it is": ("a.nii.gz", text(nifti_bytes(picture(*VOLUME))), ""),
    "a name in capitals": ("A.NII", odd(), ""),
    "a name in Greek with a picture": ("ασθενής 👩‍⚕️.nii", odd(), ""),
    "a name of 255 bytes": ("ä" * 125 + ".nii", odd(), ""),
    "a name like code": ('\'; rm -rf $HOME, "NaN" {0}%s.nii', odd(), ""),
    "a name like nothing": ("NA.nii", odd(), ""),
    "a number beyond 64 bits": ("case_1_week_99999999999999999999.nii", odd(), ""),
}


@pytest.mark.parametrize(("name", "write", "words"), USED.values(), ids=USED)
def test_an_odd_file_is_used(scans, capsys, name, write, words):
    write(scans / name)
    used, dropped, notes = accounted(nifti(scans))
    assert (used, dropped) == ({name}, {})
    assert words in notes
    assert checked(nifti(scans), capsys)[0] == 0


def test_what_a_slope_of_zero_or_nan_scales_is_read_unscaled(tmp_path):
    expected = read_volume(save_odd(tmp_path / "a.nii"))[0]
    for slope in (0, np.nan, np.inf):
        path = save_odd(tmp_path / "b.nii", scl_slope=slope, scl_inter=7)
        np.testing.assert_array_equal(read_volume(path)[0], expected)


# ---- Folders ------------------------------------------------------------------------------------


def folder_named_like_a_scan(scans: Path) -> None:
    (scans / "empty.nii.gz").mkdir()
    (scans / "full.nii").mkdir()
    save(scans / "full.nii" / "inside.nii", picture(*VOLUME))


def links(scans: Path) -> None:
    (scans / "circle").symlink_to(scans)
    (scans / "gone.nii.gz").symlink_to(scans / "nowhere.nii.gz")
    (scans / "itself.nii.gz").symlink_to(scans / "itself.nii.gz")
    (scans / "endless.nii.gz").symlink_to("/dev/zero")
    (scans / "link.nii.gz").symlink_to(scans / "good.nii.gz")
    save(scans / "good.nii.gz", picture(*VOLUME))


def pipe(scans: Path) -> None:
    os.mkfifo(scans / "pipe.nii.gz")
    save(scans / "good.nii.gz", picture(*VOLUME))


def names_that_break_lines(scans: Path) -> None:
    save(scans / "good.nii.gz", picture(*VOLUME))
    for name in (
        b"two\nlines.nii",
        b"bell\x07.nii",
        b"latin\xe9.nii",
        "line\u2028end.nii".encode(),
    ):
        save_odd(scans / os.fsdecode(name))


def not_nifti(scans: Path) -> None:
    save(scans / "good.nii.gz", picture(*VOLUME))
    for name in ("._good.nii.gz", "scan.dcm", "scan.hdr", "scan.img", "README", "bad\nname.t\nxt"):
        (scans / name).write_bytes(b"")


def same_name_twice(scans: Path) -> None:
    for seed, name in enumerate(("a.nii", "a.nii.gz", "b.nii")):
        save(scans / name, picture(*VOLUME, seed=seed))


def same_slice_twice(scans: Path) -> None:
    for name in ("case_4_week_0_slice_1", "case_004_week_0_slice_01", "case_4_week_0_slice_2"):
        save(scans / f"{name}.nii", picture(16, 16))


def another_unit(scans: Path) -> None:
    for number in range(3):
        save(scans / f"{number}.nii", picture(*VOLUME, seed=number + 1))
    in_metres(scans / "metres.nii")


def volume_called_a_slice(scans: Path) -> None:
    save(scans / "case_001_week_0_slice_3.nii", picture(*VOLUME))
    save(scans / "good.nii", picture(*VOLUME))


FOLDERS = {  # what is in it -> how; used (None: all the rest); listed: words; words of the notes
    "folders named like scans": (
        folder_named_like_a_scan,
        {"empty.nii.gz": "a folder without scans"},
        "",
    ),
    "links": (
        links,
        {
            "circle": "link to a folder",
            "gone.nii.gz": "link to nothing",
            "itself.nii.gz": "Too many levels",
            "link.nii.gz": "holds the same voxels as good.nii.gz",
            "endless.nii.gz": "no file",
        },
        "",
    ),
    "a pipe that nobody writes to": (pipe, {"pipe.nii.gz": "is no file"}, ""),
    "names that break lines": (
        names_that_break_lines,
        dict.fromkeys(
            (r"two\nlines.nii", r"bell\x07.nii", r"latin\udce9.nii", r"line\u2028end.nii"),
            "unreadable characters; rename",
        ),
        "",
    ),
    "files that are no NIfTI": (
        not_nifti,
        {},
        "Not looked at, since they are no NIfTI files or hidden: 1 hidden, 1",
    ),
    "one name twice": (same_name_twice, {"a.nii.gz": "is the same slice or scan as a.nii"}, ""),
    "one slice twice": (
        same_slice_twice,
        {"case_4_week_0_slice_1.nii": "is the same slice or scan as case_004_week_0_slice_01.nii"},
        "",
    ),
    "another unit": (another_unit, {"metres.nii": "check its voxel sizes"}, ""),
    "a volume called a slice": (
        volume_called_a_slice,
        {"case_001_week_0_slice_3.nii": "named as one slice"},
        "",
    ),
}


@pytest.mark.parametrize(("write", "listed", "words"), FOLDERS.values(), ids=FOLDERS)
def test_in_a_folder_the_good_is_used_and_the_rest_is_listed(scans, capsys, write, listed, words):
    write(scans)
    used, dropped, notes = accounted(nifti(scans))
    assert dropped.keys() == listed.keys()
    assert all(words in dropped[file] for file, words in listed.items())
    assert words in notes
    regular = {file for file in every_file(scans) if (scans / file).is_file()}
    hidden = {file for file in regular if Path(file).name.startswith(".")}
    unprintable = {file for file in regular if not file.isprintable() or "\udce9" in file}
    assert used == regular - listed.keys() - hidden - unprintable - {"endless.nii.gz"}
    code, out, err = checked(nifti(scans), capsys)
    assert code in (0, 1) and err == []
    assert sum(file in out for file in listed) >= min(3, len(listed))


def test_a_pipe_or_device_alone_is_refused_and_not_waited_for(scans):
    os.mkfifo(scans / "pipe.nii.gz")
    (scans / "zero.nii").symlink_to("/dev/zero")
    with pytest.raises(InputError, match=r"holds no .nii.*pipe.nii.gz: is no file"):
        load_slices(nifti(scans))


def test_what_may_not_be_read_is_listed():
    with tempfile.TemporaryDirectory() as name:
        scans = Path(name)
        scans.chmod(0o755)
        save(scans / "good.nii.gz", picture(*VOLUME))
        save(scans / "locked.nii.gz", picture(*VOLUME)).chmod(0)
        save(scans / "private" / "a.nii.gz", picture(*VOLUME)).parent.chmod(0)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)  # nobody: whoever may do anything would not notice
        try:
            report = check_folder(nifti(scans))
        finally:
            if root:
                os.seteuid(0)
            (scans / "private").chmod(0o755)
    reasons = {entry["file"]: entry["reason"] for entry in report.damaged}
    assert reasons["locked.nii.gz"] == "may not be read; change its permissions."
    assert reasons["private/"] == "cannot be read (Permission denied)"
    assert set(report.index["file"]) == {"good.nii.gz"} and report.exit_code == 1


def test_a_file_that_vanishes_or_changes_while_it_is_read_is_listed(scans, monkeypatch):
    for name in ("good", "gone", "cut"):
        save(scans / f"{name}.nii", picture(*VOLUME))

    module = sys.modules[load_slices.__module__]
    survey_headers = module.survey_headers

    def read_all_but_then(folder, *rest):
        found = survey_headers(folder, *rest)
        (scans / "gone.nii").unlink()
        os.truncate(scans / "cut.nii", 1000)
        return found

    monkeypatch.setattr(module, "survey_headers", read_all_but_then)
    slices = load_slices(nifti(scans))
    assert set(slices.index["file"]) == {"good.nii"}
    reasons = {entry["file"]: entry["reason"] for entry in slices.dropped}
    assert "does not exist" in reasons["gone.nii"] and "cut short" in reasons["cut.nii"]


# ---- The study ----------------------------------------------------------------------------------


def images(scans: Path, split: str = "train") -> Path:
    return scans / f"keras_slices_{split}"


def labels(scans: Path, array: np.ndarray) -> None:
    save(scans / "keras_slices_seg_train" / "seg_001_week_0_slice_30.nii.gz", array)


def bad_labels(array: np.ndarray):
    return lambda scans: labels(scans, array)


def duplicate_slice(scans: Path) -> None:
    save(images(scans) / "case_1_week_0_slice_030.nii.gz", picture(32, 16))


def duplicate_labels(scans: Path) -> None:
    labels(scans, np.zeros((32, 16), np.uint8))
    save(
        scans / "keras_slices_seg_train" / "seg_1_week_0_slice_30.nii", np.ones((32, 16), np.uint8)
    )


def labels_without_image(scans: Path) -> None:
    save(scans / "keras_slices_seg_train" / "seg_009_week_0_slice_0.nii.gz", np.zeros((32, 16)))


def damaged_labels(scans: Path) -> None:
    labels(scans, np.zeros((32, 16), np.uint8))
    path = scans / "keras_slices_seg_train" / "seg_001_week_0_slice_30.nii.gz"
    path.write_bytes(path.read_bytes()[:40])


SEG = "keras_slices_seg_train/seg_001_week_0_slice_30.nii.gz"
STUDY = {  # what is added to a study of three patients -> how; file: words; exit code; words
    "a duplicate slice": (
        duplicate_slice,
        {"keras_slices_train/case_1_week_0_slice_030.nii.gz": "is the same slice or scan as"},
        0,
        "",
    ),
    "the same labels twice": (
        duplicate_labels,
        {SEG.replace("001", "1").replace(".gz", ""): "is the same slice or scan as"},
        0,
        "Slices without labels: 8 of 9",
    ),
    "labels of no image": (
        labels_without_image,
        {SEG.replace("001", "009").replace("30", "0"): "a slice that is not there"},
        0,
        "",
    ),
    "damaged labels": (damaged_labels, {SEG: "cut short"}, 1, "without labels: 9 of 9"),
    "labels of another shape": (
        bad_labels(np.zeros((16, 16), np.uint8)),
        {SEG: "labels of shape (16, 16), image (32, 16)"},
        1,
        "without labels: 9 of 9",
    ),
    "a label that does not exist": (
        bad_labels(np.full((32, 16), 6, "i2")),
        {SEG: "from 0 to 5"},
        1,
        "",
    ),
    "a label beyond 8 bits": (
        bad_labels(np.full((32, 16), 300, "i2")),
        {SEG: "from 0 to 5"},
        1,
        "",
    ),
    "a negative label": (bad_labels(np.full((32, 16), -1.0)), {SEG: "from 0 to 5"}, 1, ""),
    "half a label": (bad_labels(np.full((32, 16), 0.5)), {SEG: "whole numbers"}, 1, ""),
    "labels of NaN": (bad_labels(np.full((32, 16), np.nan)), {SEG: "whole numbers"}, 1, ""),
    "labels in colour": (
        bad_labels(np.zeros((32, 16), [("R", "u1"), ("G", "u1"), ("B", "u1")])),
        {SEG: "colours"},
        1,
        "",
    ),
    "whole labels as float64": (bad_labels(np.full((32, 16), 5.0)), {}, 0, "8 of 9"),
    "a patient in two splits": (
        lambda scans: save_study(scans, validate=(1,)),
        {},
        1,
        "1 patients lie in more than one of the folders train, validate and test (001)",
    ),
    "another shape": (
        lambda scans: save_study(scans, train=(19,), shape=(32, 18), slices=(7,)),
        {"keras_slices_train/case_019_week_0_slice_7.nii.gz": "is 32 x 18, most slices are 32"},
        0,
        "",
    ),
    "a name of another kind": (
        lambda scans: save(images(scans) / "slice_3.nii.gz", picture(32, 16)),
        {"keras_slices_train/slice_3.nii.gz": "not named case_N_week_N_slice_N"},
        0,
        "",
    ),
    "a number beyond 64 bits": (
        lambda scans: save(images(scans) / f"case_1_week_0_slice_{'9' * 30}.nii", picture(32, 16)),
        {f"keras_slices_train/case_1_week_0_slice_{'9' * 30}.nii": "not named case_N"},
        0,
        "",
    ),
    "a folder of another kind": (
        lambda scans: save(scans / "more" / "case_009_week_0_slice_0.nii", picture(32, 16)),
        {"more/case_009_week_0_slice_0.nii": "not in a folder of the release"},
        0,
        "",
    ),
    "no slices to validate on": (lambda scans: None, {}, 0, "no slices to validate on"),
}


@pytest.mark.parametrize(("write", "listed", "code", "words"), STUDY.values(), ids=STUDY)
def test_a_study_is_used_and_what_is_wrong_with_it_is_listed(
    scans, capsys, write, listed, code, words
):
    save_study(scans, train=(1, 2), test=(3,))
    write(scans)
    used, dropped, notes = accounted(study(scans))
    assert dropped.keys() == listed.keys()
    assert all(words in dropped[file] for file, words in listed.items())
    assert words in notes
    assert used | dropped.keys() == every_file(scans)
    assert load_slices(study(scans)).patients_disjoint
    found, out, _ = checked(study(scans), capsys)
    assert found == code and all(file in out for file in listed)


# ---- Too little ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "splits", "words"),
    [
        ((16, 16), {"train"}, "too few to hold any out"),
        ((16, 16, 4), {"train"}, "too few to hold any out"),
        ((16, 16, 40), {"train", "validate", "test"}, "NOT patient-disjoint"),
    ],
    ids=["one slice only", "four slices only", "one patient only"],
)
def test_too_little_is_said_plainly(scans, shape, splits, words):
    save(scans / "only.nii", picture(*shape))
    slices = load_slices(nifti(scans))
    assert set(slices.index["split"]) == splits
    assert slices.patients_disjoint == (len(splits) == 1)
    assert words in " ".join(slices.notes)


def test_the_table_shows_all_problems_at_once_and_a_file_keeps_every_name(scans, capsys, tmp_path):
    save_study(scans, train=(1, 2, 3), validate=(3,), test=(4,))
    for number in (1, 2):
        for path in images(scans).glob(f"case_00{number}*"):
            path.write_bytes(path.read_bytes()[:50])
    save_study(scans, train=(19,), shape=(32, 18))
    labels_without_image(scans)
    with pytest.raises(SystemExit) as stop:
        main(["data", "check", str(scans), "--save", str(tmp_path / "problems.csv")])
    lines = capsys.readouterr().out.splitlines()
    assert stop.value.code == 1 and lines[-1] == "7 errors"
    start = lines.index("severity      files  what is wrong, and where")
    rows = [line.split(maxsplit=2)[:2] for line in lines[start + 1 :] if line[:5] != " " * 5]
    assert ["error", "6"] in rows and ["left", "out"] in rows
    assert any("3  is 32 x 18" in line for line in lines)
    assert any(line.endswith("and 3 more") for line in lines)
    assert "patients in train and validate: 1 003" in lines
    table = (tmp_path / "problems.csv").read_text().splitlines()
    assert table[0] == "severity,file,reason" and len(table) == 1 + 6 + 3 + 1


def test_a_table_that_cannot_be_saved_is_a_sentence_after_the_report(scans, capsys):
    save(scans / "good.nii", picture(*VOLUME))
    with pytest.raises(SystemExit) as stop:
        main(["data", "check", str(scans), "--save", str(scans / "good.nii" / "problems.csv")])
    out, err = capsys.readouterr()
    assert stop.value.code == 2 and "0 errors" in out
    assert "problems.csv cannot be written" in err and err.count("\n") == 1
