"""Open data: fetched from a server that fails in every way, unpacked from archives that mean harm.

The server is one of our own on this machine; nothing here reaches the internet.
"""

import contextlib
import errno
import hashlib
import io
import re
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from scan_files import save_prostates

from vqgen_utils.cli import main
from vqgen_utils.config import DataConfig
from vqgen_utils.data import download, load_slices
from vqgen_utils.errors import InputError

SHAPE = (64, 64, 12)  # noise that gzip cannot shrink: an archive of many pieces


class Server(ThreadingHTTPServer):
    """Serves `content` at any path, and misbehaves as `faults` says, one fault a request."""

    daemon_threads = True

    def __init__(self, content: bytes):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.faults, self.ranges = content, [], []
        self.url = f"http://127.0.0.1:{self.server_port}/Task05_Prostate.tar"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, content = self.server, self.server.content
        fault = server.faults.pop(0) if server.faults else ""
        asked = self.headers.get("Range", "")
        server.ranges.append(asked)
        if fault.isdigit():
            self.send_error(int(fault))
            return
        if fault == "other bytes":
            content = content[::-1]
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked else 0
        if fault.startswith("no ranges"):
            start = 0
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        length = 10**12 if fault == "a terabyte" else len(content) - start
        if fault != "no length":
            self.send_header("Content-Length", str(length))
        self.end_headers()
        share = {"cut": 0.4, "silence": 0.4, "cut at once": 0, "no ranges cut": 0.2}.get(fault, 1)
        self.wfile.write(content[start : start + int(share * (len(content) - start))])
        self.wfile.flush()
        if fault == "silence":
            threading.Event().wait(3)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> bytes:
    """Like the real one: a folder Task05_Prostate, with what macOS leaves behind."""
    folder = tmp_path_factory.mktemp("archive") / "Task05_Prostate"
    save_prostates(folder, patients=(0, 1, 3, 4), shape=SHAPE, hidden=True)
    (folder / "dataset.json").write_text('{"modality": {"0": "T2", "1": "ADC"}}')
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(folder, "Task05_Prostate")
    return buffer.getvalue()


@pytest.fixture
def server(archive, monkeypatch):
    monkeypatch.setattr(download, "PIECE", 2**14)
    monkeypatch.setattr(download, "PAUSE", 0.01)
    monkeypatch.setattr(download, "TIMEOUT", (5, 0.5))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Server(archive)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def fetch(server, archive):
    """Download from the server, which fails as the arguments say, one a request."""

    def run(*faults: str) -> Path:
        server.faults = list(faults)
        return download.fetch_msd_prostate(server.url, hashlib.md5(archive).hexdigest())

    return run


def parts(home: Path) -> list[Path]:
    return list((home / "data").rglob("*.part")) + list((home / "data").glob(".unfinished*"))


def test_a_download_is_learned_from_like_any_other_data(fetch, server, home):
    folder = fetch()
    assert folder == download.msd_prostate_folder() == home / "data" / "msd-prostate"
    assert {path.name for path in folder.iterdir()} == {
        *("imagesTr", "imagesTs", "labelsTr", "dataset.json")
    }
    slices = load_slices(DataConfig(data_source="msd-prostate"))
    assert slices.index["patient"].nunique() == 4 and len(slices.index) == 4 * SHAPE[2]
    assert slices.patients_disjoint and slices.layout == "decathlon"
    assert {Path(entry["file"]).parent.name for entry in slices.dropped} == {"labelsTr"}
    assert fetch() == folder and len(server.ranges) == 1, "a second call fetches nothing"
    assert parts(home) == []


BUSY = [["408"], ["429", "503"]]


@pytest.mark.parametrize(
    "faults", [["cut"], ["silence"], *BUSY, ["503"], ["cut", "cut at once", "cut"]]
)
def test_a_cut_connection_goes_on_where_it_stopped(fetch, server, home, faults):
    assert (fetch(*faults) / "imagesTr" / "prostate_00.nii.gz").exists()
    resumed = [int(asked[6:-1]) for asked in server.ranges[1:] if asked]
    assert resumed == sorted(resumed) and bool(resumed) == (not faults[0].isdigit())
    assert parts(home) == []


@pytest.mark.parametrize("last", ["no ranges", "no length", ""])
def test_a_server_that_cannot_go_on_sends_all_again(fetch, server, last):
    assert (fetch("cut", last) / "imagesTr" / "prostate_00.nii.gz").exists()
    assert len(server.ranges) == 2


def test_a_network_that_stays_away_is_a_sentence_and_a_later_call_goes_on(fetch, server, home):
    with pytest.raises(InputError, match=r"the connection failed; what came so far is kept") as e:
        fetch("cut", *["cut at once"] * 20)
    assert "\n" not in str(e.value) and len(server.ranges) == 1 + download.TRIES
    (part,) = parts(home)
    kept = part.stat().st_size
    assert kept > 0 and not download.msd_prostate_folder().exists()
    server.ranges.clear()
    fetch()
    assert server.ranges == [f"bytes={kept}-"]


def test_a_server_that_always_cuts_at_another_place_is_given_up_on(fetch, server):
    with pytest.raises(InputError, match="connection failed"):
        fetch("cut", *["no ranges cut", "cut at once"] * 20)
    assert len(server.ranges) < 20


def test_other_bytes_are_thrown_away_and_the_next_call_is_good(fetch, home):
    with pytest.raises(InputError, match=r"md5 differs.*thrown away; run the same command again"):
        fetch("other bytes")
    assert parts(home) == [] and not download.msd_prostate_folder().exists()
    assert list(home.rglob("*.tar*")) == []
    with pytest.raises(InputError, match="md5 differs"):
        fetch("cut", "other bytes")  # two halves that do not belong together
    assert parts(home) == []
    assert (fetch() / "imagesTs").is_dir()


def test_what_another_program_left_half_done_is_used_or_thrown_away(fetch, server, archive, home):
    with pytest.raises(InputError):
        fetch("cut", *["cut at once"] * 20)
    (part,) = parts(home)
    part.write_bytes(archive)  # complete, but stopped before it was checked
    server.ranges.clear()
    assert fetch().is_dir() and server.ranges == [f"bytes={len(archive)}-"]


@pytest.mark.parametrize(
    ("fault", "words"),
    [("404", "the server answers 404; check the address"), ("a terabyte", "not the file we know")],
)
def test_a_wrong_address_is_a_sentence_at_once(fetch, server, home, fault, words):
    with pytest.raises(InputError, match=words):
        fetch(fault)
    assert len(server.ranges) == 1 and parts(home) == []


def test_a_full_disk_is_a_sentence_and_what_came_is_kept(fetch, server, home, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(download, "_fetch_rest", full_disk(download._fetch_rest))
        with pytest.raises(InputError, match=r"cannot be written \(No space left.*make room"):
            fetch("cut")
    (part,) = parts(home)
    assert part.stat().st_size > 0 and not download.msd_prostate_folder().exists()
    server.ranges.clear()
    assert fetch().is_dir() and server.ranges[0].startswith("bytes=")


def full_disk(fetch_rest):
    """`fetch_rest` on a disk that is full after the first request."""

    def fill(*arguments):
        with contextlib.suppress(OSError):
            fetch_rest(*arguments)
        raise OSError(errno.ENOSPC, "No space left on device")

    return fill


def test_nobody_at_the_address_is_a_sentence(server, fetch):
    with pytest.raises(InputError, match="the connection failed"):
        download.fetch_msd_prostate("http://127.0.0.1:9/Task05_Prostate.tar", "0" * 32)


def test_the_command_fetches_and_says_what_it_is(server, archive, monkeypatch, capsys):
    def run(*words) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["data", "download", *words])
        return stop.value.code, *capsys.readouterr()

    fetch = download.fetch_msd_prostate
    here = {"url": server.url, "md5": hashlib.md5(archive).hexdigest()}
    monkeypatch.setattr(download, "fetch_msd_prostate", lambda: fetch(**here))
    code, out, err = run("msd-prostate")
    assert (code, err) == (0, "") and "CC BY-SA 4.0" in out and "msd-prostate" in out
    code, out, err = run("msd-prostrate")
    assert (code, out) == (2, "") and "choose msd-prostate" in err and err.count("\n") == 1


# ---- Archives that mean harm ---------------------------------------------------------------------


def entry(name: str, content: bytes = b"x", **fields) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


LINK = {"type": tarfile.SYMTYPE, "size": 0}
HARM = {
    "an absolute path": ([entry("/tmp/evil")], "'/tmp/evil' lies outside"),
    "a path that climbs": ([entry("a/../../evil")], "'a/../../evil' lies outside"),
    "a path that climbs on Windows": ([entry(r"a\..\..\evil")], "lies outside"),
    "a drive": ([entry("C:/evil")], "'C:/evil' lies outside"),
    "a folder above": ([entry("../evil", b"", type=tarfile.DIRTYPE)], "lies outside"),
    "a link out, and a file through it": (
        [entry("a", b"", linkname="/tmp", **LINK), entry("a/evil")],
        "'a' is a link or a device",
    ),
    "a link inside": ([entry("a", b"", linkname="b", **LINK)], "'a' is a link"),
    "a hard link": (
        [entry("a", b"", type=tarfile.LNKTYPE, linkname="/etc/passwd")],
        "'a' is a link",
    ),
    "a device": ([entry("a", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=5)], "a device"),
    "a pipe": ([entry("a", b"", type=tarfile.FIFOTYPE)], "a device"),
    "a file twice": ([entry("a"), entry("./a")], "is in it twice"),
    "a file that is also a folder": ([entry("a"), entry("a/b")], "cannot be unpacked"),
    "too much": ([entry("a", bytes(600)), entry("b", bytes(600))], "more than 1,000 bytes"),
    "too many": ([entry(f"{number}", b"") for number in range(12)], "or 10 files"),
    "a name of 5000 letters": ([entry("a" * 5000)], "cannot be unpacked"),
}


@pytest.mark.parametrize(("entries", "words"), HARM.values(), ids=HARM)
def test_an_archive_that_means_harm_is_refused_whole(tmp_path, monkeypatch, entries, words):
    monkeypatch.setattr("vqgen_utils.data.download.MAX_FILES", 10)
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for info, content in [entry("good"), *entries]:
            tar.addfile(info, io.BytesIO(content))
    with pytest.raises(InputError, match=re.escape(words)) as refusal:
        download.unpack(tmp_path / "a.tar", tmp_path / "folder", max_bytes=1000)
    assert "\n" not in str(refusal.value)
    left = {path.name for path in tmp_path.rglob("*")}
    assert left <= {"a.tar", "folder", "good", "a"}
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))


def sparse_bomb(path: Path) -> None:
    """A file of a terabyte in a kilobyte: GNU tar's way to leave zeros out."""
    header = bytearray(entry("zeros", b"")[0].tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[386:398] = header[398:410] = b"0" * 11 + b"\0"
    header[483:495] = b"%011o\0" % (2**33 - 1)  # its size once unpacked
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path.write_bytes(bytes(header) + bytes(1024))


def gzipped_bomb(path: Path) -> None:
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(entry("zeros", b"")[0])


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (sparse_bomb, "more than 1,000 bytes"),
        (gzipped_bomb, "is no tar archive"),
        (lambda path: path.write_bytes(b""), "is no tar archive"),
        (lambda path: path.write_bytes(b"hello" * 1000), "is no tar archive"),
    ],
    ids=["sparse", "gzipped", "empty", "text"],
)
def test_a_bomb_or_no_archive_at_all_is_refused(tmp_path, write, words):
    write(tmp_path / "a.tar")
    with pytest.raises(InputError, match=words):
        download.unpack(tmp_path / "a.tar", tmp_path / "folder", max_bytes=1000)
    assert list((tmp_path / "folder").iterdir()) == []


def test_an_archive_cut_short_is_refused(tmp_path, archive):
    (tmp_path / "a.tar").write_bytes(archive[: len(archive) // 2])
    with pytest.raises(InputError, match="is no tar archive, or a damaged one"):
        download.unpack(tmp_path / "a.tar", tmp_path / "folder", max_bytes=2**30)
