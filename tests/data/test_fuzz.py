"""Whatever the bytes of a file are, reading them gives a picture or one sentence; so do names.

A few hundred files here, always the same ones; `make fuzz` tries thousands of others: VQGEN_FUZZ is
how many for each test.
"""

import contextlib
import gzip
import json
import os
import tempfile
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scan_files import nifti, nifti_bytes, picture, save

from vqgen_utils.data import check_folder, load_slices, read_header, read_volume
from vqgen_utils.errors import InputError

NIGHTLY = int(os.environ.get("VQGEN_FUZZ", 0))
KINDS = {348: nib.Nifti1Header, 540: nib.Nifti2Header}
SMALL = picture(9, 8, 5)
ARRAYS = (SMALL, SMALL.astype("i2"), SMALL.astype("u1"), SMALL.astype("f8"))
ARRAYS += (picture(12, 10), picture(12, 10, 1).astype("u2"), picture(8, 8, 3, 2))
ARRAYS += (SMALL * np.complex64(1j), SMALL.astype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
INTEGERS = (0, 1, -1, 2, 3, 4, 5, 7, 8, 16, 64, 348, 352, 512, 540, 2304, 9999)
INTEGERS += tuple(
    sign * 2**bits - one for sign in (1, -1) for bits in (15, 31, 62) for one in (0, 1)
)
FLOATS = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, 1e-30, 1e30, 3e38, -3e38, 352.0, 400.0, 1e9)
FLOATS += (np.inf, -np.inf, np.nan)
FIELDS = (  # half of the changes fall on these, whose values matter most
    *("dim", "dim", "datatype", "bitpix", "vox_offset", "scl_slope", "scl_inter", "pixdim"),
    *("qform_code", "sform_code", "quatern_b", "srow_x", "srow_y", "srow_z", "magic"),
)


def fuzz(examples: int):
    """The same files every time in `make test`, others each night."""
    return settings(
        max_examples=NIGHTLY or examples,
        derandomize=not NIGHTLY,
        database=None,
        print_blob=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@st.composite
def changed_headers(draw) -> bytes:
    """A valid file with some of its header's numbers replaced by others, plausible or wild."""
    kind, endianness = draw(st.sampled_from(list(KINDS.values()))), draw(st.sampled_from("<>"))
    content = bytearray(nifti_bytes(draw(st.sampled_from(ARRAYS)), kind, endianness))
    header = kind.template_dtype
    for _ in range(draw(st.integers(0, 4))):
        name = draw(st.sampled_from(FIELDS) | st.sampled_from(header.names))
        field, offset = header.fields[name][:2]
        number = field.base  # of what may be an array of them
        offset += number.itemsize * draw(st.integers(0, field.itemsize // number.itemsize - 1))
        if number.kind == "f" and draw(st.booleans()):
            value = np.array(
                draw(st.sampled_from(FLOATS)), number.newbyteorder(endianness)
            ).tobytes()
        elif number.kind in "iu" and draw(st.booleans()):
            value = draw(st.sampled_from(INTEGERS)) % 256**number.itemsize
            value = value.to_bytes(number.itemsize, "little" if endianness == "<" else "big")
        else:
            value = draw(st.binary(min_size=number.itemsize, max_size=number.itemsize))
        content[offset : offset + number.itemsize] = value
    return bytes(content)


@st.composite
def damaged(draw, contents) -> bytes:
    """Some bytes cut off, cut out, put in, repeated or overwritten."""
    content = draw(contents)
    at, length = draw(st.integers(0, len(content))), draw(st.integers(0, 40))
    put = draw(st.sampled_from([b"", content[at : at + length]]) | st.binary(max_size=40))
    rest = draw(
        st.sampled_from([content[at:], content[at + length :], content[at + len(put) :], b""])
    )
    return content[:at] + put + rest


plain = changed_headers() | damaged(changed_headers())
zipped = plain.map(lambda content: gzip.compress(content, 1, mtime=0))
contents = plain | zipped | damaged(zipped) | st.binary(max_size=600)


def outcome(read, path: Path, **options):
    """What `read` returns, or None if it refuses in one sentence; warnings count as failures."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return read(path, **options)
        except InputError as error:
            assert "\n" not in str(error) and str(error).startswith(str(path))
            return None


@fuzz(250)
@given(contents, st.sampled_from([None, 0, 1]), st.sampled_from(["a.nii", "a.nii.gz"]))
def test_any_bytes_are_an_array_or_a_sentence(content, frame, name):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        head, volume = (outcome(read, path, frame=frame) for read in (read_header, read_volume))
    assert volume is None or head is not None
    if volume is not None:
        array, sizes = volume
        assert array.dtype == np.float32 and array.ndim in (2, 3) and array.size
        assert head[0] == array.shape and sizes.shape == (array.ndim,)
        np.testing.assert_array_equal(head[1], sizes)


@fuzz(100)
@given(st.lists(contents, min_size=1, max_size=3))
def test_any_bytes_beside_a_good_scan_are_used_or_listed(several):
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "scans"
        save(folder / "good.nii", picture(9, 8, 5))
        for number, content in enumerate(several):
            (folder / f"{number}.nii.gz").write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            before = os.environ.get("VQGEN_HOME")
            os.environ["VQGEN_HOME"] = home
            try:
                report, slices = check_folder(nifti(folder)), load_slices(nifti(folder))
            finally:
                os.environ["VQGEN_HOME"] = before
        images = slices.images.astype(np.float32)
        assert np.isfinite(images).all() and images.min() >= 0 and images.max() <= 1
        assert (slices.images.max((1, 2)) > slices.images.min((1, 2))).any()
        used, listed = set(slices.index["file"]), {entry["file"] for entry in slices.dropped}
    assert used == set(report.index["file"]) and slices.dropped == report.damaged + report.unused
    assert used | listed == {"good.nii", *(f"{number}.nii.gz" for number in range(len(several)))}
    assert all("\n" not in line for line in report.lines())


WORDS = (
    *("sub", "SUB", "patient", "case", "Case", "B", "prostate", "semantic", "keras", "T2w", "adc"),
    *("slice", "week", "Week", "ses", "run", "acq", "tra", "desc", "label", "seg", "mask", "scan"),
    *(
        "0000",
        "0001",
        "7",
        "007",
        "2023",
        "04",
        "20230411",
        "9" * 30,
        "Ασθενής",
        "e\u0301",
        "ß",
        "İ",
    ),
    *("T2wSeg", "²", "٣", "🩻", "%s", "{0}", "[a-", "*", "(", "\\"),
)
FOLDERS = (
    *("imagesTr", "labelsTr", "IMAGESTS", "semantic_MRs", "semantic_labels_only", "derivatives"),
    *("keras_slices_train", "keras_slices_seg_train", "keras_slices_test", "train", "Val", "masks"),
    *("anat", "sub-01", "sub-HC_01", "ses-02", "week1", "B006_Week0_LFOV.nii.gz", "site2"),
)
_names = st.lists(
    st.sampled_from(WORDS) | st.text("aZ09_-. äΩ", min_size=1, max_size=4), min_size=1, max_size=6
).flatmap(lambda words: st.sampled_from("_- .").map(lambda between: between.join(words)))
_names = _names.map(lambda name: f"x{name}" if name.startswith(".") else name)  # not hidden
_paths = st.builds(
    lambda folders, name, ending: "/".join([*folders, name]) + ending,
    st.lists(st.sampled_from(FOLDERS) | _names, max_size=3),
    _names,
    st.sampled_from([".nii", ".nii.gz", ".NII"]),
)


@fuzz(120)
@given(
    st.lists(_paths, min_size=1, max_size=8, unique=True),
    st.sampled_from(["scans", "imagesTr", "semantic_MRs", "keras_slices_train", "labelsTr"]),
    st.sampled_from(["nifti", "nifti", "hipmri", "msd-prostate"]),
    st.sampled_from(["", "", "", "[0-9]+", "(sub)|case", "(x*)"]),
)
def test_any_names_are_scans_of_somebody_or_listed(files, root, source, pattern):
    with tempfile.TemporaryDirectory() as home:
        folder, written = Path(home) / root, set()
        for seed, file in enumerate(files):
            shape = (9, 8, 3) if seed % 2 else (9, 8)
            with contextlib.suppress(FileExistsError, NotADirectoryError, IsADirectoryError):
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                (folder / file).write_bytes(nifti_bytes(picture(*shape, seed=seed)))
                written.add(file)
        try:
            report = check_folder(nifti(folder, data_source=source, patient_pattern=pattern))
        except InputError as error:
            assert "\n" not in str(error) and str(error).startswith(str(folder))
            return
    index, listed = report.index, {e["file"] for e in report.damaged + report.unused}
    used = set(index["file"]) | set(index["label_file"]) - {""}
    assert written <= used | listed, "each file is read, or left out with a reason"
    assert index["patient"].all()
    places = index[["patient", "week", "slice", "split"]]
    assert not places.duplicated().any(), "a patient's volumes and slices can be told apart"
    assert report.patients_disjoint is not True or report.patients_known or len(index) == 0
    json.dumps(report.to_json(), allow_nan=False)
    assert all("\n" not in line for line in report.lines())
