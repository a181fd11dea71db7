"""Directories below the root through descriptors, one name at a time, never through a link.

The root itself may be reached by a link: that is the operator's setting. Below it
every name must be a real directory of the same filesystem, so that nothing planted or
mounted there leads out of the root.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Generator, Sequence
from pathlib import Path

from ._errors import PathRefused, RootUnusable

_ATTEMPTS = 8
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def make_below_root(root: Path, names: Sequence[str]) -> Path:
    """Make directories below the root, 0700 where they are new. Never makes the root.

    :returns: the path of the last.
    :raises RootUnusable: the root is not there.
    :raises PathRefused: a name is a link, a file, or another filesystem.
    """
    with opened_below(root, names, create=True):
        return root.joinpath(*names)


@contextlib.contextmanager
def opened_below(root: Path, names: Sequence[str], *, create: bool = False) -> Generator[int]:
    """Hold a descriptor of ``root/name/name...`` for a block.

    :raises FileNotFoundError: a name is missing and ``create`` is false.
    :raises RootUnusable: the root is not there.
    :raises PathRefused: a name is a link, a file, or another filesystem.
    """
    fd = _walk_again(root, names) if create else _walk(root, names, create=False)
    try:
        yield fd
    finally:
        os.close(fd)


def _walk_again(root: Path, names: Sequence[str]) -> int:
    """Make the directories; begin anew when a cleanup removes an empty one on the way."""
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(FileNotFoundError):
            return _walk(root, names, create=True)
    raise PathRefused(str(root.joinpath(*names)), "it is removed as fast as it is made")


def _walk(root: Path, names: Sequence[str], *, create: bool) -> int:
    fd, where = _open_root(root), root
    device = os.fstat(fd).st_dev
    for name in names:
        where = where / name
        try:
            inner = _enter(fd, name, where, create=create)
        finally:
            os.close(fd)
        fd = inner
        if os.fstat(fd).st_dev != device:
            os.close(fd)
            raise PathRefused(str(where), "another filesystem is mounted there")
    return fd


def _open_root(root: Path) -> int:
    try:
        return os.open(root, DIRECTORY & ~os.O_NOFOLLOW)
    except OSError as error:
        raise RootUnusable(f"{root}: {error.strerror}") from None


def _enter(dir_fd: int, name: str, where: Path, *, create: bool) -> int:
    try:
        return os.open(name, DIRECTORY, dir_fd=dir_fd)
    except FileNotFoundError:
        if not create:
            raise
    except OSError as error:
        raise PathRefused(str(where), _problem(error)) from None
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=dir_fd)
    except FileNotFoundError:
        raise  # the parent itself was removed
    except OSError as error:
        raise PathRefused(str(where), _problem(error)) from None
    return _enter(dir_fd, name, where, create=False)


def _problem(error: OSError) -> str:
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return "a link or a file is in its place"
    return (error.strerror or str(error)).lower()
