"""Files handed to the agent with ``--context``: those of this task and no others."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from ..kernel import CallerError, open_regular, remove_tree
from ._dirs import directory, lstat_at, open_child, set_aside
from ._errors import operator_errors
from ._paths import WorkspacePaths

_LEFTOVER = ".context-"
_LEFTOVERS = r"\.context-[0-9a-f]{12}"
_PIECE = 1 << 20


class ContextRefused(CallerError):
    """A file cannot be handed over."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"--context {path}: {reason}")


def place_context(
    paths: WorkspacePaths, files: Sequence[Path], tell: Callable[[str], None]
) -> Path | None:
    """Make ``context/`` hold copies of exactly these files; the claim must be held.

    The directory appears whole or not at all. With the same content as before
    nothing is written; without files the directory goes. One with directories in it, which no
    task was given, is kept aside.

    :param tell: takes one line where that was done.
    :returns: the directory, or None without files.
    :raises ContextRefused: a file is missing, no regular file, or two share a name.
    """
    with (
        _opened(files) as contents,
        directory(paths.base, *paths.names) as root_fd,
        operator_errors(paths.context),
    ):
        for name in os.listdir(root_fd):
            if is_leftover(name, root_fd):
                remove_tree(name, root_fd)
        if not _holds(contents, root_fd, paths):
            aside = _set_work_aside(root_fd)
            if aside is not None:
                tell(f"context/ had directories that no task was given; it is kept as {aside}")
            _replace(contents, root_fd)
    return paths.context if files else None


def is_leftover(name: str, root_fd: int) -> bool:
    """Tell whether a name beside the workdir is what a killed launch left of a context.

    Only files are ever given, so a directory in it is somebody's work.
    """
    if re.fullmatch(_LEFTOVERS, name) is None:
        return False
    status = lstat_at(name, root_fd)
    if status is None or not stat.S_ISDIR(status.st_mode):
        return False
    return not _has_directories(name, root_fd)


def _has_directories(name: str, root_fd: int) -> bool:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, dir_fd=root_fd)
    try:
        with os.scandir(fd) as items:
            return any(item.is_dir(follow_symlinks=False) for item in items)
    finally:
        os.close(fd)


@contextlib.contextmanager
def _opened(files: Sequence[Path]) -> Generator[Mapping[str, BinaryIO]]:
    with contextlib.ExitStack() as stack:
        contents: dict[str, BinaryIO] = {}
        for path in files:
            if path.name in contents:
                raise ContextRefused(path, f"another file given is named {path.name} too")
            contents[path.name] = stack.enter_context(_open(path))
        yield contents


def _open(path: Path) -> BinaryIO:
    try:
        return os.fdopen(open_regular(path, follow=True), "rb")
    except OSError as error:
        raise ContextRefused(path, error.strerror or str(error)) from None


def _holds(contents: Mapping[str, BinaryIO], root_fd: int, paths: WorkspacePaths) -> bool:
    found = lstat_at("context", root_fd)
    if found is None or not stat.S_ISDIR(found.st_mode):
        return found is None and not contents
    context_fd = open_child("context", root_fd, paths.context)
    try:
        if set(os.listdir(context_fd)) != set(contents) or not contents:
            return False
        return all(_says(name, wanted, context_fd) for name, wanted in contents.items())
    finally:
        os.close(context_fd)


def _says(name: str, wanted: BinaryIO, context_fd: int) -> bool:
    found = lstat_at(name, context_fd)
    if found is None or not stat.S_ISREG(found.st_mode):
        return False
    if found.st_size != os.fstat(wanted.fileno()).st_size:
        return False
    with os.fdopen(open_regular(name, dir_fd=context_fd), "rb") as file:
        while piece := wanted.read(_PIECE):
            if file.read(_PIECE) != piece:
                return False
        return not file.read(1)


def _set_work_aside(root_fd: int) -> str | None:
    """Keep a ``context`` in which an agent made a directory, such as a worktree or a clone."""
    found = lstat_at("context", root_fd)
    if found is None or not stat.S_ISDIR(found.st_mode):
        return None
    made = _has_directories("context", root_fd)
    return set_aside("context", root_fd) if made else None


def _replace(contents: Mapping[str, BinaryIO], root_fd: int) -> None:
    fresh, old = (f"{_LEFTOVER}{secrets.token_hex(6)}" for _ in range(2))
    if contents:
        os.mkdir(fresh, 0o700, dir_fd=root_fd)
        for name, wanted in contents.items():
            _copy(wanted, f"{fresh}/{name}", root_fd)
    if lstat_at("context", root_fd) is not None:
        os.rename("context", old, src_dir_fd=root_fd, dst_dir_fd=root_fd)
    if contents:
        os.rename(fresh, "context", src_dir_fd=root_fd, dst_dir_fd=root_fd)
    remove_tree(old, root_fd)


def _copy(wanted: BinaryIO, name: str, root_fd: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    wanted.seek(0)
    with os.fdopen(os.open(name, flags, 0o600, dir_fd=root_fd), "wb") as file:
        while piece := wanted.read(_PIECE):
            file.write(piece)
