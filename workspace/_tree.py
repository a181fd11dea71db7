"""Delete a tree through directory descriptors; links are removed, never followed."""

from __future__ import annotations

import contextlib
import os
import stat

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_tree(name: str, dir_fd: int) -> None:
    """Delete ``name`` below an open directory, whatever it is.

    What is missing, also because somebody else deletes the same tree, is fine.

    A directory without permissions (a Go module cache is read-only) is opened up first.
    Never leaves the filesystem ``dir_fd`` is on.

    :raises OSError: something cannot be deleted; the rest may already be gone.
    """
    _remove(name, dir_fd, os.fstat(dir_fd).st_dev)


def _remove(name: str, dir_fd: int, device: int) -> None:
    try:
        status = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(status.st_mode):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=dir_fd)
        return
    if status.st_dev != device:
        raise OSError(18, "is a mount point", name)
    try:
        fd = _open(name, dir_fd, status.st_mode)
    except FileNotFoundError:
        return
    try:
        for child in os.listdir(fd):
            _remove(child, fd, device)
    finally:
        os.close(fd)
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(name, dir_fd=dir_fd)


def _open(name: str, dir_fd: int, mode: int) -> int:
    if stat.S_IMODE(mode) & 0o700 != 0o700 and os.geteuid() != 0:
        os.chmod(name, 0o700, dir_fd=dir_fd)
    return os.open(name, _DIRECTORY, dir_fd=dir_fd)
