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

from ..artifact_root import ArtifactRoot
from .errors import RootUnusable, TargetPathRefused

_ATTEMPTS = 8
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


Root = Path | ArtifactRoot
"""A root by its path, or as it was found usable, so that it is checked to be the same directory."""


def path_of(root: Root) -> Path:
    """Return the path of a root.

    :raises RootUnusable: there is none.
    """
    if isinstance(root, Path):
        return root
    if root.path is None:
        raise RootUnusable(root.fallback_reason or "none is configured")
    return root.path


def make_below_root(root: Root, names: Sequence[str]) -> Path:
    """Make directories below the root, 0700 where they are new. Never makes the root.

    :returns: the path of the last.
    :raises RootUnusable: the root is not there, or another directory is in its place.
    :raises TargetPathRefused: a name is a link, a file, or another filesystem.
    """
    with opened_below(root, names, create=True):
        return path_of(root).joinpath(*names)


def look_below_root(root: Root, names: Sequence[str]) -> None:
    """Look whether `make_below_root` could make the directories; make nothing.

    Not promised: that they can still be made later.

    :raises RootUnusable: as `make_below_root`.
    :raises TargetPathRefused: as `make_below_root`.
    """
    for depth, name in enumerate(names):
        with opened_below(root, names[:depth]) as fd:
            try:
                os.stat(name, dir_fd=fd, follow_symlinks=False)
            except FileNotFoundError:
                _check_writable(fd, path_of(root).joinpath(*names[: depth + 1]))
                return
    with opened_below(root, names):
        pass


@contextlib.contextmanager
def opened_below(root: Root, names: Sequence[str], *, create: bool = False) -> Generator[int]:
    """Hold a descriptor of ``root/name/name...`` for a block.

    :raises FileNotFoundError: a name is missing and ``create`` is false.
    :raises RootUnusable: the root is not there, or another directory is in its place.
    :raises TargetPathRefused: a name is a link, a file, or another filesystem.
    """
    fd = _walk_again(root, names) if create else _walk(root, names, create=False)
    try:
        yield fd
    finally:
        os.close(fd)


def _walk_again(root: Root, names: Sequence[str]) -> int:
    """Make the directories; begin anew when a cleanup removes an empty directory on the way."""
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(FileNotFoundError):
            return _walk(root, names, create=True)
    raise TargetPathRefused(
        str(path_of(root).joinpath(*names)), "it is removed as fast as it is made"
    )


def _walk(root: Root, names: Sequence[str], *, create: bool) -> int:
    fd, where = _open_root(root), path_of(root)
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
            raise TargetPathRefused(str(where), "another filesystem is mounted there")
    return fd


def _open_root(root: Root) -> int:
    path = path_of(root)
    try:
        fd = os.open(path, DIRECTORY & ~os.O_NOFOLLOW)
    except OSError as error:
        raise RootUnusable(f"{path}: {error.strerror}") from None
    found = os.fstat(fd)
    if isinstance(root, ArtifactRoot) and root.identity not in (None, (found.st_dev, found.st_ino)):
        os.close(fd)
        raise RootUnusable(f"{path}: no longer the directory that was there (volume gone?)")
    return fd


def _enter(dir_fd: int, name: str, where: Path, *, create: bool) -> int:
    try:
        return os.open(name, DIRECTORY, dir_fd=dir_fd)
    except FileNotFoundError:
        if not create:
            raise
    except OSError as error:
        raise TargetPathRefused(str(where), _problem(error)) from None
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=dir_fd)
    except FileNotFoundError:
        raise  # the parent itself was removed
    except OSError as error:
        raise TargetPathRefused(str(where), _problem(error)) from None
    return _enter(dir_fd, name, where, create=False)


def _check_writable(fd: int, where: Path) -> None:
    if not os.access(".", os.W_OK | os.X_OK, dir_fd=fd, effective_ids=True):
        raise TargetPathRefused(str(where), os.strerror(errno.EACCES).lower())


def _problem(error: OSError) -> str:
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return "a link or a file is in its place"
    return (error.strerror or str(error)).lower()
