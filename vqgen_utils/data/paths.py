"""What the names of each path say together, before anybody is told whose scan it is."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from vqgen_utils.data.names import (
    MASK_FOLDERS,
    NOBODY,
    SPLITS,
    Said,
    read_name,
    split_of,
    stem_of,
    words_of,
)

_CHANNEL = re.compile(r"(.+)_([0-9]{4})")
_MOST_CHANNELS = 8  # of a case; more files of one name are slices or repeats
_ASIDE = ("derivatives", "sourcedata")  # of BIDS: copies of scans that lie elsewhere
_VISIT = r"(?i)(?<![^\W_])t(?={}(?![^\W_]))"  # T0, T1, T2 of a study; the letter before the number


@dataclass
class Path:
    """One file's path, word by word."""

    file: str
    said: Said
    folders: list[tuple[str, Said]]  # from the top down, but for those without a meaning
    split: str = ""
    aside: str = ""  # why this is no image, "": it is one
    labels: bool = False  # it is set aside as a label map, mask or probability map


def read_paths(files: Iterable[str]) -> list[Path]:
    """Each file's path; endings like `_0000` and `_0001` are contrasts where nothing else fits."""
    files = list(files)
    stems = {file: unicodedata.normalize("NFC", stem_of(file)) for file in files}
    if any(re.search(_VISIT.format(0), stem) for stem in stems.values()):  # T1 is no contrast there
        stems = {file: re.sub(_VISIT.format("[0-9]"), "tp", one) for file, one in stems.items()}
    splits = {file: _split_in(stem) for file, stem in stems.items()}
    if not ({"train", "test"} <= set(splits.values()) <= set(SPLITS.values())):
        splits = dict.fromkeys(files, "")
    channels = _channels(stems)
    # a file alone shares its folders with none, so each of them may be a name
    common = common_folders([file.split("/")[:-1] for file in files]) if len(files) > 1 else 0
    paths = []
    for file in files:
        *folders, name = stems[file].split("/")
        if folders and stem_of(folders[-1]).casefold() == name.casefold():
            folders.pop()  # a folder of the file's own name
        path = Path(file, Said(), [], split=splits[file])
        for level, folder in enumerate(folders):
            _read_folder(path, folder, level < common)
        channel = channels.get(file, "")
        name = name.removesuffix(f"_{channel}") if channel else name
        if splits[file] and words_of(name)[-1] in SPLITS:
            name = re.sub(r"(?<=\w)[-_. ]+[^\W_]+$", "", name)  # `P01_train`
        around = [one for one in folders if name.casefold().startswith(one.casefold())]
        path.said = read_name(name, around[-1] if around else "")
        path.said.contrast += [channel] if channel else []
        if path.said.mask and not path.aside:
            path.aside = f"is a label map, mask or probability map by its name ('{path.said.mask}')"
            path.labels = True
        paths.append(path)
    return paths


def _split_in(stem: str) -> str:
    """The split that one word of a file's name says, as in `train_P01` or `P01_test`; else ""."""
    said = {SPLITS[word] for word in words_of(stem.rpartition("/")[2]) if word in SPLITS}
    return said.pop() if len(said) == 1 else ""


def _channels(stems: dict[str, str]) -> dict[str, str]:
    """file -> its channel "0000", "0001", ... of nnU-Net, where names mean that.

    Labels have no channel there: where one is called `amos_0001` as its image is, that is an id.
    """
    cases, last, labels = defaultdict(set), set(), set()
    matches = {}
    for file, stem in stems.items():
        parent, _, name = stem.rpartition("/")
        last.add(name)
        if MASK_FOLDERS.intersection(words_of(parent)):
            labels.add(name)
        elif match := _CHANNEL.fullmatch(stem):
            cases[match[1]].add(match[2])
            matches[file] = match
    if any(match[0].rpartition("/")[2] in labels for match in matches.values()):
        return {}
    labelled = [case for case in cases if case.rpartition("/")[2] in last]
    alike = all("0000" in numbers and len(numbers) <= _MOST_CHANNELS for numbers in cases.values())
    if not (alike and (len(cases) > 1 or labelled)):
        return {}
    return {file: match[2] for file, match in matches.items()}


def common_folders(folders: Iterable[Sequence[str]]) -> int:
    """How many folders, from the top down, all these paths share."""
    levels = zip(*folders, strict=False)
    return sum(takewhile(bool, (len(set(level)) == 1 for level in levels)))


def _read_folder(path: Path, folder: str, common: bool) -> None:
    """Add what one folder of the path says."""
    words = words_of(folder)
    if folder.casefold() in _ASIDE:
        path.aside = path.aside or f"lies in '{folder}', among copies and maps made from scans"
        return
    rest = [word for word in words if word not in NOBODY]
    if split := split_of(folder):
        path.split = split
        return
    masks = MASK_FOLDERS.intersection(words)
    if masks and (len(rest) == 1 or not common):
        if not path.aside:
            path.aside, path.labels = f"lies in '{folder}', a folder of label maps or masks", True
        return
    said = read_name(folder)
    if said.patient or not common:
        path.folders.append((folder, said))
