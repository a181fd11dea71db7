"""Delete or look through a tree by directory descriptors; links are never followed."""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from ..libc import open_in_mount
from .below import DIRECTORY, open_directory


class _Level:
    """A directory on the way down.

    :param name: its name in the one above.
    :param place: device and inode.
    :param inner: the directories in it that are still to be deleted.
    """

    def __init__(self, name: str, place: tuple[int, int], inner: list[str]) -> None:
        self.name, self.place, self.inner = name, place, inner


def remove_tree(name: str, dir_fd: int) -> None:
    """Delete ``name`` below an open directory, whatever it is and however deep.

    What is missing, also because somebody else deletes the same tree, is fine.

    A directory without permissions (a Go module cache is read-only) is opened up first.
    Never leaves the filesystem ``dir_fd`` is on, and enters no mount, be it one made
    meanwhile. *Not promised* before Linux 5.6: that a mount of that same filesystem is noticed.

    :raises OSError: something cannot be deleted; the rest may already be gone.
    """
    device = os.fstat(dir_fd).st_dev
    while (status := _status(name, dir_fd)) is not None:
        if not stat.S_ISDIR(status.st_mode):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=dir_fd)
        elif status.st_dev != device:
            raise _mount_point(name)
        else:
            # Again, where somebody else deleted the directory under us.
            with contextlib.suppress(FileNotFoundError):
                _empty(name, dir_fd, device)
                os.rmdir(name, dir_fd=dir_fd)


def _empty(name: str, dir_fd: int, device: int) -> None:
    """Delete what is in a directory.

    One descriptor is open at a time, and the way back up is ``..``. So a tree may be of any
    depth: it costs neither descriptors nor stack.
    """
    fd = _open(name, dir_fd)
    try:
        levels = [_Level(name, _place(fd), _remove_files(fd, device))]
        while True:
            level = levels[-1]
            if level.inner:
                inner = level.inner[-1]
                below = _open(inner, fd)
                os.close(fd)
                fd = below
                levels.append(_Level(inner, _place(fd), _remove_files(fd, device)))
            elif len(levels) == 1:
                return
            else:
                levels.pop()
                above = open_directory("..", fd)
                os.close(fd)
                fd = above
                if _place(fd) != levels[-1].place:
                    raise OSError(errno.ESTALE, "was moved while it was deleted", level.name)
                os.rmdir(levels[-1].inner.pop(), dir_fd=fd)
    finally:
        os.close(fd)


def holds_files(name: str, dir_fd: int) -> bool:
    """Tell whether anything but directories lies in the directory ``name``, however deep.

    As for `remove_tree`, depth costs neither descriptors nor stack, and links are not followed.

    :raises OSError: a directory cannot be read, or was moved meanwhile.
    """
    fd = open_directory(name, dir_fd)
    try:
        levels = [_Level(name, _place(fd), [])]
        if _list_directories(fd, levels[0].inner):
            return True
        while levels[-1].inner or len(levels) > 1:
            inner = levels[-1].inner
            into = inner.pop() if inner else ".."
            entered = open_directory(into, fd)
            os.close(fd)
            fd = entered
            if into != "..":
                levels.append(_Level(into, _place(fd), []))
                if _list_directories(fd, levels[-1].inner):
                    return True
            elif _place(fd) != levels[-2].place:
                raise OSError(errno.ESTALE, "was moved while it was read", levels[-1].name)
            else:
                levels.pop()
        return False
    finally:
        os.close(fd)


def _list_directories(fd: int, found: list[str]) -> bool:
    """Add the directories in a directory; stop, and say so, where something else is in it."""
    with os.scandir(fd) as entries:
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                return True
            found.append(entry.name)
    return False


def _remove_files(fd: int, device: int) -> list[str]:
    """Delete everything in a directory but the directories; return those."""
    directories: list[str] = []
    for name in os.listdir(fd):
        status = _status(name, fd)
        if status is None:
            continue
        if not stat.S_ISDIR(status.st_mode):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=fd)
        elif status.st_dev != device:
            raise _mount_point(name)
        else:
            directories.append(name)
    return directories


def _open(name: str, dir_fd: int) -> int:
    status = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    if stat.S_IMODE(status.st_mode) & 0o700 != 0o700 and os.geteuid() != 0:
        # By descriptor: a link put there now must not have its target opened up.
        fd = _enter(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd)
        try:
            os.chmod(f"/proc/self/fd/{fd}", 0o700)
        finally:
            os.close(fd)
    return _enter(name, DIRECTORY, dir_fd)


def _enter(name: str, flags: int, dir_fd: int) -> int:
    """Open a directory that is in the same mount: one may have come since it was listed."""
    try:
        return open_in_mount(name, flags, dir_fd)
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise _mount_point(name) from None
        if error.errno not in (errno.ENOSYS, errno.EPERM):
            raise
    fd = os.open(name, flags, dir_fd=dir_fd)
    if os.fstat(fd).st_dev != os.fstat(dir_fd).st_dev:
        os.close(fd)
        raise _mount_point(name)
    return fd


def _mount_point(name: str) -> OSError:
    return OSError(errno.EXDEV, "is a mount point", name)


def _status(name: str, dir_fd: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _place(fd: int) -> tuple[int, int]:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino
