"""Files that are either whole or not there, whenever the process is killed or the disk is full."""

import contextlib
import errno
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from vqgen_utils.errors import InputError

_UNFINISHED = ".unfinished-"
_DAY = 86400  # seconds after which an unfinished folder is of a process that was killed
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # disk, quota, largest file


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` under a temporary name, then rename: a reader sees the old file or the new one.

    Raises:
        InputError: when it cannot be written; whatever was at `path` before is untouched.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):  # the error that brought us here is the one to tell
            temporary.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        if error.errno in _FULL:
            megabytes = max(len(data) / 1e6, 0.1)
            raise InputError(
                f"no space left to write {path}: free {megabytes:.1f} MB and run again; nothing "
                "written before is lost."
            ) from error
        raise InputError(
            f"{path} cannot be written ({error.strerror}): give write access to its folder, or "
            "set VQGEN_HOME to another one."
        ) from error


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files below `folder` of processes that were killed while writing."""
    for path in folder.rglob(".*.tmp"):
        writer = re.fullmatch(r"\..+\.(\d+)\.tmp", path.name)
        if writer and not is_running(int(writer[1])):
            path.unlink(missing_ok=True)


def is_running(process: int) -> bool:
    """Whether there is a process with this number on this machine (Unix)."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def save_json(path: Path, values: dict) -> None:
    """Write plain values as readable JSON, atomically."""
    write_atomic(path, (json.dumps(values, indent=2) + "\n").encode())


def load_json(path: Path) -> dict:
    """Read what `save_json` wrote.

    Raises:
        InputError: when the file is not JSON.
    """
    try:
        values = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not readable JSON: delete it and run again.") from error
    if not isinstance(values, dict):
        raise InputError(f"{path} does not hold what vqgen writes there: delete it and run again.")
    return values


@contextlib.contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A path to make a folder at, which becomes `target` at the end: all of it, or nothing."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for old in target.parent.glob(_UNFINISHED + "*"):
            with contextlib.suppress(OSError):  # another process may be tidying up as well
                if old.stat().st_mtime < time.time() - _DAY:
                    shutil.rmtree(old)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=_UNFINISHED) as temporary:
            making = Path(temporary) / target.name
            yield making
            try:
                making.rename(target)
            except OSError:
                if not target.is_dir():  # else another process was first, with the same content
                    raise
    except OSError as error:
        raise InputError(
            f"{target}: cannot be written ({error.strerror or error}); make room, or set "
            "VQGEN_HOME to a folder with more."
        ) from error


def why_unreadable(error: Exception) -> str:
    """Why a file cannot be read, and what to do: the end of a sentence that its path begins."""
    if isinstance(error, FileNotFoundError):
        return "does not exist; check the path."
    if isinstance(error, PermissionError):
        return "may not be read; change its permissions."
    if isinstance(error, MemoryError):
        return "does not fit into memory; cut it into smaller files."
    if isinstance(error, OSError) and error.errno:  # gzip's own complaints have no number
        return f"cannot be read ({error.strerror}); check the path and the disk."
    return "is cut short or damaged; copy or export it again."
