"""Open data from the internet, checked by its hash before anything reads it.

    fetch_msd_prostate() -> folder        data_source="msd-prostate" then finds it without data_dir

The Medical Segmentation Decathlon's Task05 (Antonelli et al. 2022, doi:10.1038/s41467-022-30695-9):
T2-weighted and ADC scans of the prostate of 48 men, CC BY-SA 4.0. Address and hash are those of
MONAI's `DecathlonDataset`.
"""

import errno
import os
import tarfile
import time
from pathlib import Path, PurePosixPath, PureWindowsPath

from tqdm import tqdm

from vqgen_utils.errors import InputError
from vqgen_utils.machine.files import whole_folder
from vqgen_utils.machine.places import home

URL = "https://msd-for-monai.s3-us-west-2.amazonaws.com/Task05_Prostate.tar"
MD5 = "35138f08b1efaef89d7424d2bcc928db"
TASK = "Task05_Prostate"  # the archive's one folder
MAX_BYTES = 2 * 2**30  # of the archive, and of what it unpacks to; both are about a quarter GiB
TRIES = 5  # in a row that bring nothing, before giving up
PAUSE = 1.0  # seconds before the second try; longer before each later one
TIMEOUT = (15, 60)  # seconds to connect, and between two pieces
PIECE = 2**18  # bytes
MAX_FILES = 10_000  # in the archive
TRY_AGAIN = {408, 425, 429}  # client errors of a server that is slow or busy


def msd_prostate_folder() -> Path:
    """Where the download lies, or will."""
    return home() / "data" / "msd-prostate"


def downloaded() -> Path:
    """The folder of the download.

    Raises:
        InputError: when it is not there yet.
    """
    folder = msd_prostate_folder()
    if not folder.is_dir():
        raise InputError(
            f"{folder}: is not there yet; fetch it with: vqgen data download msd-prostate"
        )
    return folder


def fetch_msd_prostate(url: str = URL, md5: str = MD5) -> Path:
    """Download and unpack the task into `msd_prostate_folder()`, unless it is there already.

    A download that is cut goes on where it stopped, in this call or a later one. One with another
    hash is thrown away whole, before anything is unpacked. A terminal shows a progress bar.

    Raises:
        InputError: when the server cannot be reached or sends something else, or the disk is full.
    """
    import pooch  # here and below, since reading slices needs neither it nor requests

    folder = msd_prostate_folder()
    if folder.is_dir():
        return folder
    part = home() / "data" / "downloads" / f"{TASK}-{md5[:8]}.tar.part"
    pooch.get_logger().setLevel("ERROR")
    with whole_folder(folder) as making:
        part.parent.mkdir(parents=True, exist_ok=True)
        try:
            archive = pooch.retrieve(
                url,
                known_hash=f"md5:{md5}",
                fname=f"{TASK}.tar",
                path=making.parent,  # goes with the temporary folder, however this ends
                downloader=lambda url, file, _: _download(url, part, Path(file)),
            )
        except InputError:
            raise
        except ValueError as error:  # pooch's way to say: another hash
            raise InputError(
                f"{url}: what came is not the file we know (its md5 differs), so it was thrown "
                "away; run the same command again."
            ) from error
        unpacked = making.with_name("unpacked")
        unpack(Path(archive), unpacked, MAX_BYTES)
        if not (unpacked / TASK / "imagesTr").is_dir():
            raise InputError(f"{url}: holds no {TASK}/imagesTr; check the address.")
        (unpacked / TASK).rename(making)
    return folder


def _download(url: str, part: Path, file: Path) -> None:
    """Fetch `url` into `part`, going on where an earlier call stopped, then make it `file`.

    pooch's own downloader begins at the first byte again, a quarter GiB each time.
    """
    import requests

    tries, most = 0, -1
    with tqdm(desc=TASK, unit="B", unit_scale=True, disable=None) as bar:
        while True:
            here = part.stat().st_size if part.exists() else 0
            tries, most = (1, here) if here > most else (tries + 1, most)
            try:
                _fetch_rest(url, part, here, bar)
                break
            except requests.RequestException as error:  # no network, a cut connection, silence
                code = getattr(error.response, "status_code", None)
                reason = f"the server answers {code}" if code else "the connection failed"
                if code and code < 500 and code not in TRY_AGAIN:
                    raise InputError(f"{url}: {reason}; check the address.") from error
                if tries >= TRIES:
                    raise InputError(
                        f"{url}: {reason}; what came so far is kept, and the same command goes on "
                        "from there once the network is back."
                    ) from error
            time.sleep(PAUSE * tries)
    os.replace(part, file)


def _fetch_rest(url: str, part: Path, here: int, bar: tqdm) -> None:
    """One request for what `part` lacks after its `here` bytes, appended as it comes."""
    import requests

    headers = {"Accept-Encoding": "identity"}
    if here:
        headers["Range"] = f"bytes={here}-"
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        if here and response.status_code == 416:  # there is nothing after these bytes
            return
        response.raise_for_status()
        if not response.headers.get("Content-Range", "").startswith(f"bytes {here}-"):
            here = 0  # the server sends all of it again
        bar.total, bar.n = here + int(response.headers.get("Content-Length", 0)), here
        if bar.total > MAX_BYTES:
            raise InputError(f"{url}: is {bar.total / 1e9:.1f} GB, not the file we know.")
        with open(part, "ab" if here else "wb") as file:
            for piece in response.iter_content(PIECE):
                here += len(piece)
                if here > MAX_BYTES:
                    raise InputError(f"{url}: does not end, so it is not the file we know.")
                file.write(piece)
                bar.update(len(piece))


def unpack(archive: Path, folder: Path, max_bytes: int) -> None:
    """Unpack an uncompressed `.tar` into `folder`, which must not exist.

    Args:
        max_bytes: the most that all files together may hold.

    Raises:
        InputError: for an archive that is damaged, compressed or too large, or with an entry that
            is no file or folder (a link, a device) or that would land outside of `folder`.
        OSError: when the disk is full; the caller removes what is there.
    """
    folder.mkdir()
    try:
        with tarfile.open(archive, "r:") as tar:
            members = _checked(archive, tar, max_bytes)
            # the filter once more refuses what could reach out of the folder (not pooch.Untar: it
            # passes none on Python 3.11)
            tar.extractall(folder, members, filter="data")
    except InputError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise InputError(
            f"{archive.name}: cannot be unpacked ({error.strerror}); get it from a source you "
            "trust."
        ) from error
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise InputError(
            f"{archive.name}: is no tar archive, or a damaged one; get it anew."
        ) from error


def _checked(archive: Path, tar: tarfile.TarFile, max_bytes: int) -> list[tarfile.TarInfo]:
    """The entries of `tar`, if not one of them is odd."""
    members, names, total = [], set(), 0
    for member in tar:
        posix, windows = PurePosixPath(member.name), PureWindowsPath(member.name)
        outside = posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts
        if outside:
            raise _refused(archive, member, "lies outside of the folder it is unpacked into")
        if not (member.isreg() or member.isdir()):
            raise _refused(archive, member, "is a link or a device")
        if member.isreg() and posix in names:
            raise _refused(archive, member, "is in it twice")
        names.add(posix)
        members.append(member)
        total += member.size
        if total > max_bytes or len(members) > MAX_FILES:
            raise InputError(
                f"{archive.name}: holds more than {max_bytes:,} bytes or {MAX_FILES:,} files, so "
                "nothing was unpacked; get it from a source you trust."
            )
    return members


def _refused(archive: Path, member: tarfile.TarInfo, why: str) -> InputError:
    return InputError(
        f"{archive.name}: its entry {member.name!r} {why}, so nothing was unpacked; get it from a "
        "source you trust."
    )
