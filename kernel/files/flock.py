"""Whole-file advisory locks (flock(2)).

flock, never ``lockf``: codex, git's helpers and we use flock, and the two kinds
do not exclude each other on Linux.
"""

from __future__ import annotations

import fcntl
import os

from .ownership import give_named


def try_lock(fd: int, *, shared: bool = False) -> bool:
    """Take the lock if it is free now. The lock belongs to the open file, not to us.

    :returns: False when another open file description holds it.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(fd: int) -> None:
    """Free the lock for *every* duplicate of this descriptor, in all processes.

    Closing gives up only this duplicate; choose by what must stay protected.
    """
    fcntl.flock(fd, fcntl.LOCK_UN)


def open_lock_file(name: str, *, dir_fd: int | None = None) -> int:
    """Open or create a lock file, 0600, never through a symbolic link.

    :returns: a descriptor that is closed on exec.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, 0o600, dir_fd=dir_fd)
    give_named(name, dir_fd)
    return fd


def flock_holders(path: str | os.PathLike[str]) -> list[int]:
    """Return the pids that ``/proc/locks`` names as holding a flock on the file.

    Reads only. A lock whose file description was passed on is shown under the
    pid that took it, which may have ended since.
    """
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return []
    wanted = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    with open("/proc/locks") as file:
        rows = [line.split() for line in file]
    return [int(row[4]) for row in rows if row[1] == "FLOCK" and row[5] == wanted]
