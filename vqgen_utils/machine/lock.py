"""One process at a time in a run's folder.

The lock is the operating system's, on the file `.lock` in the folder. When its holder dies, however
it dies, the system releases it: there are no stale locks to clean up. The file's text only says who
holds it.

Programs that the holder starts work under its lock: notebook kernels find it named in the
environment. They also inherit the open file, so that a kernel which outlives a killed `vqgen run`
by a moment keeps the folder locked until it is gone.
"""

import contextlib
import errno
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from filelock import lock_descriptor

from vqgen_utils.errors import InputError
from vqgen_utils.machine.files import is_running, remove_leftovers

HELD = "VQGEN_LOCK"  # environment variable: the lock this process works under
PATIENCE = 5.0  # seconds for what a killed run started to end
_UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)  # by some network file systems


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[TextIO | None]:
    """Work in `folder`, a run's, while no other process does.

    Yields the open lock file, for programs that are started inside to inherit; None under a lock
    that is held already by this process or by the one that started it.

    Raises:
        InputError: naming the process that works there.
    """
    path = folder.resolve() / ".lock"
    before = os.environ.get(HELD)
    if before == str(path):
        yield None
        return
    folder.mkdir(parents=True, exist_ok=True)
    with open(path, "a+") as file:
        _take(file, folder.name)
        remove_leftovers(folder)
        with contextlib.suppress(OSError):  # it locks all the same; a full disk is told of later
            path.write_text(f"{os.getpid()} {socket.gethostname()} {_command()}\n")
        os.environ[HELD] = str(path)
        try:
            yield file
        finally:
            os.environ.pop(HELD)
            if before:
                os.environ[HELD] = before


def _take(file: TextIO, name: str) -> None:
    """Lock an open file. If its holder is dead, wait for what it left behind to end as well.

    On another machine nobody can tell whether it is, so we wait there, too.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            # of the open file, and no other: whoever inherits it keeps the lock
            if lock_descriptor(file.fileno(), blocking=False):
                return
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            print(
                f"note: the file system of run '{name}' has no locks; do not start a second run of "
                "that name.",
                file=sys.stderr,
            )
            return
        file.seek(0)
        process, host, command = [*file.read().split(maxsplit=2), "", "", ""][:3]
        here = host in ("", socket.gethostname())
        ending = here and process.isdigit() and not is_running(int(process))
        if (here and not ending) or time.monotonic() > deadline:
            who = f"process {process or 'unknown'}{'' if here else f' on {host}'}"
            who += f" ({command.strip()})" if command.strip() else ""
            if ending:
                who = f"a notebook kernel that {who} left behind when it was killed"
            raise InputError(
                f"run '{name}' is in use by {who}: wait until it ends, or choose another run name."
            )
        time.sleep(0.1)


def _command() -> str:
    """What this process is, in a few words: `vqgen run --run-name x` or a notebook."""
    program, *words = sys.argv
    name = Path(program).name
    if "ipykernel" in name:
        return "a notebook"
    return " ".join(["vqgen" if name == "__main__.py" else name, *words])[:100]
