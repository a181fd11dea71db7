"""Whole-file advisory locks (flock(2)).

flock, never ``lockf``: codex, git's helpers and we use flock, and the two kinds
do not exclude each other on Linux.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable

from .home_owner import give_named


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


def wait_lock(
    fd: int,
    patience: float,
    pauses: tuple[float, float],
    pause: Callable[[float], None] = time.sleep,
    *,
    shared: bool = False,
) -> bool:
    """Try a lock again and again, because flock(2) knows no time limit.

    :param patience: seconds to try for.
    :param pauses: the first pause between two tries and the longest, in seconds; each
        pause is twice as long as the one before.
    :param pause: waits for the seconds it is given; may raise to end the wait.
    :returns: False when the lock stayed held.
    """
    deadline = time.monotonic() + patience
    step, longest = pauses
    while not try_lock(fd, shared=shared):
        if time.monotonic() >= deadline:
            return False
        pause(step)
        step = min(2 * step, longest)
    return True


def has_name(fd: int, name: str, dir_fd: int) -> bool:
    """Tell whether a name still leads to an open lock file.

    Whoever removes a lock file while we wait for it leaves us a lock that protects nothing.
    """
    try:
        there = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(fd))


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
