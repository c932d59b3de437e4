"""Open data from the internet, checked by its hash before anything reads it.

    fetch_msd_prostate() -> folder        data_source="msd-prostate" then finds it without data_dir

The Medical Segmentation Decathlon's Task05 (Antonelli et al. 2022, doi:10.1038/s41467-022-30695-9):
T2-weighted and ADC scans of the prostate of 48 men, CC BY-SA 4.0. Address and hash are those of
MONAI's `DecathlonDataset`.
"""

import os
import time
from pathlib import Path

from tqdm import tqdm

from vqgen_utils.config import home
from vqgen_utils.data.archives import unpack
from vqgen_utils.data.packing import whole_folder
from vqgen_utils.errors import InputError

URL = "https://msd-for-monai.s3-us-west-2.amazonaws.com/Task05_Prostate.tar"
MD5 = "35138f08b1efaef89d7424d2bcc928db"
TASK = "Task05_Prostate"  # the archive's one folder
MAX_BYTES = 2 * 2**30  # of the archive, and of what it unpacks to; both are about a quarter GiB
TRIES = 5  # in a row that bring nothing, before giving up
PAUSE = 1.0  # seconds before the second try; longer before each later one
TIMEOUT = (15, 60)  # seconds to connect, and between two pieces
PIECE = 2**18  # bytes


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
    """Fetch `url` into `part`, going on where an earlier call stopped, then make it `file`."""
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
                if code and code < 500:
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
