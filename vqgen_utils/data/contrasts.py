"""One contrast of each patient: which is read, and which are left out."""

from collections import Counter, defaultdict

from vqgen_utils.data.names import CONTRAST, DERIVED, Scan, natural

NOT_T2 = ("t2star", "t2starw", "t2starmap", "t2map", "t2f")  # of words that begin so; t2f is FLAIR
BESIDE = (  # mostly 4D, times or directions, and what such series are corrected by
    *("bold", "asl", "dwi", "dti", "sbref", "epi", "m0scan", "megre"),
    *("phasediff", "fieldmap", "magnitude1", "magnitude2"),
)
MAPS = ("adc", "ktrans")  # computed from others, as is `T1map`
NO_MR = ("ct", "cbct", "pet", "us")
Described = tuple[Scan, tuple[str, ...]]  # a scan and the words of its contrast


def choose(scans: list[Described], dropped: list[dict]) -> tuple[list[Scan], list[str]]:
    """The scans of one contrast, and notes; the others go into `dropped`.

    Where a patient's session holds several, it is the one that most sessions hold, before those
    of many frames; of several such MR, T2-weighted as the study is, and what nobody has worked
    on.
    """
    notes: list[str] = []
    for known in (True, False):  # first T2 or ADC, then what else the names say
        words = {scan.file: _words(contrast, known) for scan, contrast in scans}
        groups = defaultdict(list)
        for scan, contrast in scans:
            groups[scan.patient, scan.session].append((scan, contrast))
        held = [{words[scan.file] for scan, _ in group} for group in groups.values()]
        if not any(len(each) > 1 for each in held):
            continue
        counts = Counter(one for each in held for one in each)
        bare = any(not contrast for _, contrast in scans)  # `P01.nii`, beside `P01_adc.nii`
        order = sorted(counts, key=lambda one: _rank(one, counts[one], bare or not known))
        kept, read = [], "_".join(order[0]) or "the one without a further word"
        for group in groups.values():
            best = min((words[scan.file] for scan, _ in group), key=order.index)
            for scan, contrast in group:
                own = words[scan.file]
                if own == best and (own == order[0] or not own or not known):
                    kept.append((scan, contrast))
                    continue
                what = f"is another contrast or copy ({_say(own)}); {read} is read"
                dropped.append({"file": scan.file, "reason": what})
        others = ", ".join(_say(one) for one in order[1:7])
        notes.append(
            f"Of several contrasts or copies of a patient one is read: {read}; files of "
            f"others left out: {len(scans) - len(kept)} ({others})."
        )
        scans = kept
    return [scan for scan, _ in scans], notes


def _words(contrast: tuple[str, ...], known: bool) -> tuple[str, ...]:
    return tuple(w for w in contrast if (w in CONTRAST or _is_channel(w)) == known)


def _is_channel(word: str) -> bool:
    return len(word) == 4 and word.isdecimal()


def _rank(words: tuple[str, ...], count: int, bare_first: bool) -> tuple:
    beside, no_mr = (any(word in kind for word in words) for kind in (BESIDE, NO_MR))
    parts = [part for word in words for part in word.split("-")]
    derived = any(part in DERIVED or part in MAPS or part.endswith("map") for part in parts)
    t2 = any(word.startswith("t2") and word not in NOT_T2 for word in words)
    # beside `T1.nii` and `FLAIR.nii`, `wmh.nii` is something made from them
    nothing = not words and not bare_first
    return beside, -count, no_mr, derived, not t2, nothing, len(words), natural("_".join(words))


def _say(words: tuple[str, ...]) -> str:
    return "_".join(words) or "no word for it"
