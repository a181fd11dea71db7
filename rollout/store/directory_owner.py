"""Give files that root makes in a user's home to that user: codex has to write them.

An unprivileged user owns all they make. Root, asked to compress the rollouts of another
user, leaves lock files and directories behind that this user's codex has to write.
"""

from __future__ import annotations

import os
import stat

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def make_directories(path: str, mode: int = 0o777) -> None:
    """Make a directory and those above it that are missing; what is there stays as it is.

    :raises OSError: one cannot be made, or something else is there.
    """
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
        return
    except FileNotFoundError:
        make_directories(os.path.dirname(path))
        make_directories(path, mode)
        return
    if os.geteuid() == 0:
        fd = os.open(path, _DIRECTORY)
        try:
            give_to_directory_owner(fd, path)
        finally:
            os.close(fd)


def make_own_directory(path: str) -> None:
    """Make the directory of what is kept, for its owner alone, if it is missing.

    :raises OSError: it cannot be made, or a link is there: it would lead elsewhere.
    """
    make_directories(path, 0o700)
    os.close(os.open(path, _DIRECTORY))


def list_own_directory(path: str) -> list[str]:
    """Return the names in a directory that must not be a link; none where it is missing.

    :raises OSError: it is a link or no directory, or cannot be read.
    """
    try:
        fd = os.open(path, _DIRECTORY)
    except FileNotFoundError:
        return []
    try:
        return os.listdir(fd)
    finally:
        os.close(fd)


def open_shared(path: str, flags: int, mode: int) -> int:
    """Open or make a file; one that is root's is given to the owner of its directory.

    Root follows no link here: a user may have put one where we make a file.

    :raises OSError: it cannot be opened.
    """
    if os.geteuid() != 0:
        return os.open(path, flags | os.O_CLOEXEC, mode)
    fd = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    try:
        give_to_directory_owner(fd, path)
    except BaseException:
        os.close(fd)
        raise
    return fd


def give_to_directory_owner(fd: int, path: str) -> None:
    """Give what root has open, and owns, to the owner of the directory it is in.

    Not what has another name too, which may be anybody's file.
    """
    found, above = os.fstat(fd), os.stat(os.path.dirname(path) or ".")
    only_name = stat.S_ISDIR(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_nlink == 1)
    if found.st_uid == 0 != above.st_uid and only_name:
        os.fchown(fd, above.st_uid, above.st_gid)
