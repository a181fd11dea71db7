"""Directories and small files through descriptors, never through a planted link.

The workspaces root is the user's own setting and may lie behind links. Below it
every component is opened with ``O_NOFOLLOW``, so a link or file put in our way is
refused instead of followed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Generator
from pathlib import Path

from ..kernel.files.below import DIRECTORY, open_directory
from ..kernel.files.home_owner import give_named
from ..kernel.files.regular_file import NOT_REGULAR, read_regular_if_any
from .errors import PathRefused, operator_errors

_TEMPORARY = (
    r"\.(workspace\.json|owner\.json|threads\.json|home\.json|config\.seed\.toml|config\.toml)"
    r"\.[0-9a-f]{12}\.tmp|\.[\w.-]+\.[0-9a-f]{12}\.link|\.state-[0-9a-f]{12}\.tmp(-[a-z]+)?"
)


def open_below(base: Path, *names: str, create: bool = False) -> int:
    """Open ``base/name/name...`` component by component.

    :param create: make what is missing, 0700, ``base`` included.
    :returns: a descriptor of the last directory; the caller closes it.
    :raises FileNotFoundError: a component is missing and ``create`` is false.
    :raises PathRefused: a component is a link or no directory.
    :raises OperatorError: the system refuses.
    """
    fd = _open_base(base, create=create)
    for number, name in enumerate(names, 1):
        try:
            inner = open_directory(name, fd)
        except OSError:
            # Looked at again, to tell why: only then does it take a path to name it.
            inner = open_child(name, fd, base.joinpath(*names[:number]), create=create)
        finally:
            os.close(fd)
        fd = inner
    return fd


@contextlib.contextmanager
def directory(base: Path, *names: str, create: bool = False) -> Generator[int, None, None]:
    """Hold `open_below` open for a block."""
    fd = open_below(base, *names, create=create)
    try:
        yield fd
    finally:
        os.close(fd)


def open_child(name: str, dir_fd: int, where: Path, *, create: bool = False) -> int:
    """Open the directory ``name`` below an open one; errors as for `open_below`."""
    try:
        return open_directory(name, dir_fd)
    except FileNotFoundError:
        if not create:
            raise
    except OSError as error:
        _refuse(error, name, dir_fd, where)
    with operator_errors(where), contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=dir_fd)
        give_named(name, dir_fd)
    return open_child(name, dir_fd, where)


def read_small(name: str, dir_fd: int, where: Path) -> bytes | None:
    """Read a regular file of at most 16 MiB, or return None when it is missing.

    :raises PathRefused: it is a link, a directory, a pipe, or too large.
    """
    try:
        return read_regular_if_any(name, dir_fd=dir_fd)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise PathRefused(where, "at most 16 MiB", "a larger file") from None
        if error.errno in NOT_REGULAR:
            raise PathRefused(where, "a regular file", kind_of(name, dir_fd)) from None
        with operator_errors(where):
            raise


def set_aside(name: str, dir_fd: int) -> str:
    """Rename ``name`` to the first free ``name.aside-N`` beside it; nothing is lost.

    :returns: the new name.
    """
    from ..kernel.libc import rename_noreplace

    number = 1
    while True:
        target = f"{name}.aside-{number}"
        try:
            rename_noreplace(name, target, source_fd=dir_fd, target_fd=dir_fd)
        except FileExistsError:
            number += 1
        else:
            return target


def is_temporary(name: str) -> bool:
    """Tell whether a name in a directory of ours is exactly what a killed launch leaves."""
    return name.startswith(".") and re.fullmatch(_TEMPORARY, name) is not None


def sweep_temporaries(dir_fd: int) -> None:
    """Remove what killed launches left in a directory of ours; the claim must be held."""
    for name in filter(is_temporary, os.listdir(dir_fd)):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=dir_fd)


def lstat_at(name: str, dir_fd: int) -> os.stat_result | None:
    """Return the status of the name itself, or None when there is none."""
    try:
        return os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return None


def kind_of(name: str, dir_fd: int | None = None) -> str:
    """Say in words what lies at a name, links not followed."""
    try:
        mode = os.stat(name, dir_fd=dir_fd, follow_symlinks=False).st_mode
    except OSError:
        return "nothing readable"
    names = {stat.S_IFLNK: "a symbolic link", stat.S_IFDIR: "a directory", stat.S_IFREG: "a file"}
    return names.get(stat.S_IFMT(mode), "a special file")


def _open_base(base: Path, *, create: bool) -> int:
    flags = DIRECTORY & ~os.O_NOFOLLOW
    try:
        return os.open(base, flags)
    except FileNotFoundError:
        if not create:
            raise
    except OSError as error:
        _refuse(error, str(base), None, base)
    if base.is_symlink():
        raise PathRefused(base, "a directory", "a link that leads nowhere")
    os.close(_open_base(base.parent, create=True))
    with operator_errors(base), contextlib.suppress(FileExistsError):
        os.mkdir(base, 0o700)
        give_named(base)
    return _open_base(base, create=False)


def _refuse(error: OSError, name: str, dir_fd: int | None, where: Path) -> None:
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        raise PathRefused(where, "a directory", kind_of(name, dir_fd)) from None
    with operator_errors(where):
        raise error
