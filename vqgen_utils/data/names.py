"""What one name says: whose scan it is, which session, slice and contrast, and whether an image.

Names are read word by word and without case: `sub-HC_01/ses-02/T2w`, `patient001_slice003` and
`Case_004_Week0_LFOV` are words and numbers. What only all names together can tell is in `whose`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PATIENT = _words(
    "sub subj subject patient patients pat pt case participant proband volunteer pid donor"
)
SITE = _words("site center centre hospital clinic cohort")
SESSION = _words(
    "ses session week wk visit month day tp timepoint time frame phase exam followup fu"
)
MOMENT = _words("preop postop baseline screening followup")
SLICE = _words("slice slc sl")
REPEAT = _words("run rep scan acquisition img image im vol volume series")
CONTRAST = _words(
    "t1 t1w t1c t1ce t1gd t1n t2 t2w t2f t2star t2starw flair adc dwi dti pd pdw pdt2 bold asl "
    "swi ce dce hbv ktrans stir fs ct cbct pet us mp2rage mprage bval lfov sfov uni unit1 "
    "inv mag sbref epi m0scan phasediff fieldmap magnitude1 magnitude2 megre "
    "t1map t2map t2starmap r1map r2map r2starmap pdmap t1rho"
)
NOBODY = _words(  # words that a scan of anybody can be called
    "anat func fmap perf imaging images scans mri mr nifti nii data raw file files volumes dicom "
    "original orig input inputs output export study dataset new nifti1 vols"
)
PLANE = _words("ax axi axial tra trans transverse transversal sag sagittal cor coronal")
SIDE = _words("left right lt rt l r")
GROUP = _words("batch fold disc disk part group set task arm block split")  # of several patients
MEANINGLESS = PLANE | SIDE | REPEAT | NOBODY
ENTITY = _words(
    "acq rec echo part flip mt space desc res den hemi task dir mod chunk recording trc sample"
)
DERIVED = _words("desc space preproc resampled registered reg warped norm normalized")
MASK_ENDS = (
    *("seg", "segs", "mask", "masks", "label", "labels", "labelmap", "labelmaps", "segmentation"),
    *("segmentations", "pred", "preds", "prediction", "predictions", "groundtruth", "contour"),
    *("contours", "annotation", "annotations", "delineation", "delineations", "probabilities"),
)
MASK_WORDS = _words(
    "gt ot lbl lbls roi rois segm consensus aparc parc parcellation manual semantic prob probs "
    "probability probmap probmaps pve softmax posterior posteriors truth atlas"
)
MASK_FOLDERS = frozenset(  # words of a folder's name
    (*MASK_ENDS, "gt", "roi", "rois", "softmax", "labelstr", "labelsts", "labelsval", "predsts")
)
SPLITS = {
    **dict.fromkeys(("train", "training", "trainset"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "validating"), "validate"),
    **dict.fromkeys(("valset", "dev", "devset"), "validate"),
    **dict.fromkeys(("test", "testing", "testset", "holdout"), "test"),
}
_WORD = re.compile(r"[^\W_]+")
_GLUED = re.compile(r"([^\W\d_]+)([0-9]+)")
_ENDING = re.compile(r"\.nii(\.gz)?$", re.IGNORECASE)
_GLUED_CONTRAST = re.compile(  # `T2SPIR`, `axT2`; a T2 map is no T2-weighted image
    r"(?<![^\W_])(?<!sub-)(?<!ses-)"
    r"(t[12](?=(?!map|rho|star|ce|gd)[a-z]{2,})|(?:ax|tra|sag|cor)(?=t[12]))",
    re.IGNORECASE,
)
_DATE = re.compile(r"(19|20)[0-9]{2}(0[1-9]|1[0-2])([0-2][0-9]|3[01])([0-9]{6})?")  # and time
_STUDY = re.compile(r"(?:case|seg)_([0-9]{1,9})(?:_week_?[0-9]{1,9})?(?:_slice_[0-9]+)?(?!\w)")
_ADNI = re.compile(r"(?<![^\W_])[0-9]{3}_s_[0-9]{4}(?![^\W_])", re.IGNORECASE)  # site, subject
_ADNI_NUMBERS = re.compile(r"(_s[0-9]+)?_i[0-9]+$", re.IGNORECASE)  # of a series and an image


@dataclass(frozen=True)
class Scan:
    """One scan, or slice of a scan, and whose it is."""

    file: str  # relative to the folder, with forward slashes
    patient: str
    week: int = 0
    slice: int | None = None  # None: the file is a whole volume, or a slice without a number
    split: str = ""  # empty: the folder gives none
    label_file: str = ""  # empty: none
    frame: int | None = None  # the frame to take of a 4D file; None: 4D is refused
    more: tuple[str, ...] = ()  # the other files of a DICOM series
    session: str = ""  # as it is written; `week` is its number
    number: int | None = None  # a bare number: of a slice where the file is 2D, else of a repeat
    series: str = ""  # the same for all slices of a volume
    named: bool = True  # names say whose scan it is
    doubted: bool = False  # other names speak against it


@dataclass
class Said:
    """What one path says, by itself."""

    patient: str = ""  # empty: no word says "here is a patient"
    sure: bool = True  # `patient` cannot be read in two ways
    head: str = ""  # words that may be somebody's id, as they are written
    session: list[str] = field(default_factory=list)
    slice: int | None = None
    number: int | None = None
    contrast: list[str] = field(default_factory=list)
    mask: str = ""  # the word that says that this is no image


def stem_of(file: str) -> str:
    """`file` without `.nii` or `.nii.gz`."""
    return _ENDING.sub("", file)


def natural(text: str) -> list:
    """A sort key that puts `case_10` after `case_9`."""
    parts = [part for part in re.split(r"([0-9]+)", text) if part]
    return [(part.isdecimal(), int(part) if part.isdecimal() else part) for part in parts]


def whole(text: str) -> int | None:
    """A number that fits into an index, or None."""
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None


def words_of(name: str) -> list[str]:
    """`Train_images` as ["train", "images"]."""
    return [word[0].casefold() for word in _WORD.finditer(name)]


def split_of(folder: str) -> str:
    """The split that a folder's name says: `train`, `test_set`, `dataset-02validation`; else ""."""
    rest = [word for word in words_of(folder) if word not in NOBODY and word not in ("set", "sets")]
    return SPLITS.get(rest[0].lstrip("0123456789"), "") if len(rest) == 1 else ""


def split_among(folders: Iterable[str]) -> str:
    """The split that the first of these folders says which says one; else ""."""
    return next(filter(None, map(split_of, folders)), "")


def is_mask(word: str) -> bool:
    """Whether a word says that a file holds labels, a mask or probabilities: `bodymask`, `seg2`."""
    word = word.rstrip("0123456789")
    return word in MASK_WORDS or word.endswith(MASK_ENDS)


def read_name(name: str, confirmed: str = "") -> Said:
    """What one file's or folder's name says, without its ending.

    Args:
        confirmed: the name of a folder around it, which shows how far a patient's label goes.
    """
    adni = _ADNI.search(name)
    if adni:
        rest = _ADNI_NUMBERS.sub("", f"{name[: adni.start()]}{name[adni.end() :]}")
        said = read_name(rest.casefold().replace("adni", "", 1).strip("_-. "))
        steps = [said.head.casefold()] if said.head else []  # of its processing
        return replace(said, patient=adni[0], sure=True, head="", contrast=said.contrast + steps)
    name = _GLUED_CONTRAST.sub(r"\1_", name)
    said, words = Said(), list(_WORD.finditer(name))
    texts = [word[0].casefold() for word in words]
    head: list[int] = []  # the words of `Said.head`
    at = 0
    while at < len(words):
        at = _read_word(said, name, words, texts, at, head, confirmed)
    if head:
        said.head = name[words[head[0]].start() : words[head[-1]].end()]
    study = _STUDY.match(name.casefold())
    if study and whole(study[1]) is not None and (said.session or said.slice is not None):
        said.patient = f"{int(study[1]):03d}"  # the study's way: case_4 and case_004 are one
    return said


def _read_word(said: Said, name: str, words, texts, at: int, head: list, confirmed: str) -> int:
    """Put the word at `at` where it belongs; the position of the next."""
    text, after = texts[at], texts[at + 1] if at + 1 < len(words) else ""
    glued = _GLUED.fullmatch(text)
    word, digits = glued.groups() if glued else (text, "")
    ahead = after.isdecimal() and not digits
    if word in PATIENT and not said.patient and (digits or after):
        end = at if digits else _end_of_label(texts, at + 1)
        if end is not None:
            _name_patient(said, name, words, texts, at, end)
            return end + 1 if said.sure else _confirm(said, name, words, texts, at, end, confirmed)
    if text in CONTRAST:
        said.contrast.append(text)
    elif _DATE.fullmatch(text):
        said.session.append(text)
    elif re.fullmatch("(19|20)[0-9]{2}", text) and after.isdecimal() and len(after) == 2:
        said.session.append(text + after + "".join(texts[at + 2 : at + 3]))
        return at + 3
    elif word in SESSION and (digits or (after and after not in CONTRAST)):
        said.session.append(digits or after)
        return at + (1 if digits else 2)
    elif (word in SLICE and (digits or ahead)) or (word == "z" and digits and at):
        said.slice = whole(digits or after)
        return at + (1 if digits else 2)
    elif word in REPEAT and (digits or ahead):
        said.number = whole(digits or after)
        return at + (1 if digits else 2)
    elif text in MEANINGLESS:
        pass
    elif text in ENTITY and after and name[words[at].end()] == "-":
        if after not in PLANE and after not in SIDE:
            said.contrast.append(f"{text}-{after}")
        return at + 2
    elif text in MASK_WORDS or word in MASK_ENDS or (at and is_mask(text)):
        said.mask = said.mask or text.rstrip("0123456789")
    elif said.patient and re.fullmatch("s?[0-9]+", text):
        said.number = whole(text.lstrip("s"))
    elif re.fullmatch("[vwdm][0-9]{1,3}", text) and (said.patient or _digits(texts, head)):
        said.session.append(digits)
    elif text in MOMENT and (said.patient or head):
        said.session.append(text)
    elif said.patient or (head and head[-1] != at - 1):
        if text.isdecimal():
            said.number = whole(text)
        else:
            said.contrast.append(text)
    else:
        head.append(at)
    return at + 1


def _digits(texts: list[str], head: list[int]) -> bool:
    return any(c.isdecimal() for at in head for c in texts[at])


def _end_of_label(texts: list[str], start: int) -> int | None:
    """The last word of a patient's label: the first with a digit, if no known word comes before.

    BIDS's `sub-` is followed by a label whatever it is; after other words there must be a digit.
    """
    bids = texts[start - 1] == "sub"
    for at in range(start, len(texts)):
        known = texts[at] in CONTRAST | SESSION | SLICE | REPEAT | ENTITY | PLANE
        if (known or is_mask(texts[at])) and not (bids and at == start):
            return at - 1 if bids else None
        if any(c.isdecimal() for c in texts[at]):
            return at
    return start if bids and start < len(texts) else None


def _name_patient(said: Said, name: str, words, texts, at: int, end: int) -> None:
    first = at
    if at and _GLUED.fullmatch(texts[at - 1]) and _GLUED.fullmatch(texts[at - 1])[1] in SITE:
        first = at - 1
    elif at > 1 and texts[at - 2] in SITE and texts[at - 1].isdecimal():
        first = at - 2
    said.patient = name[words[first].start() : words[end].end()]
    more = texts[end + 1] if end + 1 < len(texts) else ""
    said.sure = not (texts[at] == "sub" and more.isdecimal() and end > at)


def _confirm(said: Said, name: str, words, texts, at: int, end: int, confirmed: str) -> int:
    """`sub-01_02`: one label, or a label and a number? A folder or a hyphen can say."""
    longer = name[words[at].start() : words[end + 1].end()]
    hyphen = name[words[end].end()] == "-"
    if not hyphen and confirmed.casefold() == said.patient.casefold():
        said.sure = True
        return end + 1
    said.patient = longer
    said.sure = hyphen or confirmed.casefold() == longer.casefold()
    return end + 2
