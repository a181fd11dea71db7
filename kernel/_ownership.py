"""What root makes in somebody's home belongs to them: they could not use it otherwise.

An unprivileged user owns all they make. Root with a user's HOME (a container, ``su``
without ``-``) would leave directories behind that this user can no longer write.
"""

from __future__ import annotations

import contextlib
import os
import stat
from functools import cache

_NOTHING_FOLLOWED = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def give_to_owner_above(path: str | os.PathLike[str]) -> None:
    """Give a directory or file that root has made to the owner of the directory it is in.

    Does nothing for anybody but root, and follows no link. Not what has another name
    too, which may be anybody's file.

    :raises OSError: it cannot be opened or given away.
    """
    if os.geteuid() != 0:
        return
    fd = os.open(path, _NOTHING_FOLLOWED)
    try:
        above = os.stat(os.path.dirname(os.path.abspath(path)))
        _give(fd, above.st_uid, above.st_gid)
    finally:
        os.close(fd)


def give_to_home_owner(fd: int, dir_fd: int) -> None:
    """Give what root has open to the owner of HOME, where it lies in a directory of theirs.

    Does nothing for anybody but root, and for root in a home of root's.
    """
    owner = _home_owner()
    if owner is not None and os.fstat(dir_fd).st_uid == owner[0]:
        with contextlib.suppress(OSError):
            _give(fd, *owner)


def give_named(name: str, dir_fd: int) -> None:
    """Do the same for a name below an open directory; a link is not followed."""
    if _home_owner() is None:
        return
    with contextlib.suppress(OSError):
        fd = os.open(name, _NOTHING_FOLLOWED, dir_fd=dir_fd)
        try:
            give_to_home_owner(fd, dir_fd)
        finally:
            os.close(fd)


def _give(fd: int, uid: int, gid: int) -> None:
    found = os.fstat(fd)
    only_name = stat.S_ISDIR(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_nlink == 1)
    if found.st_uid == 0 != uid and only_name:
        os.fchown(fd, uid, gid)


def _home_owner() -> tuple[int, int] | None:
    """Return uid and gid of whose HOME root has, or None."""
    return None if os.geteuid() != 0 else _owner_of(os.environ.get("HOME", ""))


@cache
def _owner_of(home: str) -> tuple[int, int] | None:
    try:
        found = os.stat(home)
    except (OSError, ValueError):
        return None
    return (found.st_uid, found.st_gid) if home.startswith("/") and found.st_uid else None
