"""Unpack a tar archive that a stranger made: files and folders below one folder, nothing else.

`tarfile` can do worse by itself: an entry may name an absolute path or climb with `..`, and a link
may point out of the folder for the next entry to be written through. So nothing is extracted by
`tarfile`. Every entry is looked at first, an odd one refuses the whole archive, and only the bytes
of plain files are written, to files that did not exist before.
"""

import errno
import shutil
import tarfile
from pathlib import Path, PurePosixPath, PureWindowsPath

from vqgen_utils.errors import InputError

MAX_FILES = 10_000


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
            for member in members:
                target = folder / member.name
                if member.isdir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with tar.extractfile(member) as source, open(target, "xb") as copy:
                    shutil.copyfileobj(source, copy)
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
