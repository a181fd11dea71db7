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
_MOST_OPEN = 512
"""Directories open at once; what is wider than that stays root's."""


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


def give_named(name: str | os.PathLike[str], dir_fd: int | None = None) -> None:
    """Give what root has made to the owner of HOME, where it lies in a directory of theirs.

    Does nothing for anybody but root, for root in a home of root's, and for a link.
    """
    owner = _home_owner()
    if owner is None:
        return
    with contextlib.suppress(OSError):
        fd = os.open(name, _NOTHING_FOLLOWED, dir_fd=dir_fd)
        try:
            if os.stat(os.path.dirname(name) or ".", dir_fd=dir_fd).st_uid == owner[0]:
                _give(fd, *owner)
        finally:
            os.close(fd)


def make_private_directory(path: str | os.PathLike[str]) -> None:
    """Make a directory, and those above it that are missing, for its owner alone.

    What root makes is given away as by `give_named`. What is there stays as it is.

    :raises OSError: one cannot be made, or something else is there.
    """
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
    except FileNotFoundError:
        # One at a time: parents that `os.makedirs` makes get the default mode.
        make_private_directory(os.path.dirname(path))
        make_private_directory(path)
    else:
        give_named(path)


def give_tree(path: str | os.PathLike[str]) -> None:
    """Do the same for a directory and all that root owns below it; no link is followed.

    Nobody else may be writing there: of what is found root's, it is the name that is given.
    """
    give_named(path)
    owner = _home_owner()
    if owner is None:
        return
    try:
        pending = [os.open(path, _NOTHING_FOLLOWED | os.O_DIRECTORY)]
    except OSError:
        return
    while pending:
        fd = pending.pop()
        try:
            if os.fstat(fd).st_uid == owner[0]:
                pending += _give_entries(fd, owner, room=_MOST_OPEN - len(pending))
        finally:
            os.close(fd)


def _give_entries(dir_fd: int, owner: tuple[int, int], room: int) -> list[int]:
    """Give what lies in a directory; return the directories in it, open."""
    inner: list[int] = []
    for name in os.listdir(dir_fd):
        with contextlib.suppress(OSError):
            found = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
            is_directory = stat.S_ISDIR(found.st_mode)
            if found.st_uid == 0 and (is_directory or found.st_nlink == 1):
                os.chown(name, *owner, dir_fd=dir_fd, follow_symlinks=False)
            if is_directory and len(inner) < room:
                inner.append(os.open(name, _NOTHING_FOLLOWED | os.O_DIRECTORY, dir_fd=dir_fd))
    return inner


def serves_another() -> bool:
    """Tell whether we are root in the home of somebody else."""
    return _home_owner() is not None


def git_as_home_owner() -> dict[str, str]:
    """Return the variables by which root's git works in somebody else's home; usually none.

    git takes a directory of ``SUDO_UID`` for root's own (git-config(1), safe.directory).
    """
    owner = _home_owner()
    return {} if owner is None else {"SUDO_UID": str(owner[0])}


def git_trusts(uid: int) -> bool:
    """Tell whether git takes what belongs to a user for ours, without ``safe.directory``.

    git's own rule: the effective user, and for root also ``SUDO_UID``.
    """
    if uid == os.geteuid():
        return True
    if os.geteuid() != 0:
        return False
    said = git_as_home_owner().get("SUDO_UID") or os.environ.get("SUDO_UID", "")
    return said == str(uid)


def is_ours(uid: int) -> bool:
    """Tell whether what belongs to a user is ours: we are them, or root in their home."""
    owner = _home_owner()
    return uid == os.geteuid() or (owner is not None and uid == owner[0])


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
