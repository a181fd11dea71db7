"""Files handed to the agent with ``--context``: those of this task and no others."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from ...kernel.errors import CallerError
from ...kernel.files.below import open_directory
from ...kernel.files.regular_file import create_file, open_regular
from ...kernel.files.tree import remove_tree
from ..errors import operator_errors
from ..fs import directory, lstat_at, open_child, set_aside
from ..paths import WorkspacePaths

_LEFTOVER = ".context-"
_LEFTOVERS = r"\.context-[0-9a-f]{12}"
# What a copy leaves free at least, as much as it takes itself where that is less.
_SPARE = 16 << 20


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
    :raises ContextRefused: a file is missing, no regular file, or two share a name, or there is
        too little free space.
    :raises EndWanted: the end is wanted meanwhile; nothing half-made is left.
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
            _check_space(files, contents, root_fd, paths)
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
    fd = open_directory(name, root_fd)
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
                raise ContextRefused(path, f"another --context file is named {path.name} too")
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
    # Here, as in ``_copy``: few launches are given files.
    from .file_pieces import same_pieces

    fd = open_regular(name, dir_fd=context_fd)
    try:
        return same_pieces(wanted.fileno(), fd, f"--context {name} to be compared")
    finally:
        os.close(fd)


def _set_work_aside(root_fd: int) -> str | None:
    """Keep a ``context`` in which an agent made a directory, such as a worktree or a clone."""
    found = lstat_at("context", root_fd)
    if found is None or not stat.S_ISDIR(found.st_mode):
        return None
    made = _has_directories("context", root_fd)
    return set_aside("context", root_fd) if made else None


def _replace(contents: Mapping[str, BinaryIO], root_fd: int) -> None:
    fresh, old = (f"{_LEFTOVER}{os.urandom(6).hex()}" for _ in range(2))
    if contents:
        os.mkdir(fresh, 0o700, dir_fd=root_fd)
        try:
            for name, wanted in contents.items():
                _copy(wanted, name, f"{fresh}/{name}", root_fd)
        except BaseException:
            remove_tree(fresh, root_fd)
            raise
    if lstat_at("context", root_fd) is not None:
        os.rename("context", old, src_dir_fd=root_fd, dst_dir_fd=root_fd)
    if contents:
        os.rename(fresh, "context", src_dir_fd=root_fd, dst_dir_fd=root_fd)
    remove_tree(old, root_fd)


def _check_space(
    files: Sequence[Path], contents: Mapping[str, BinaryIO], root_fd: int, paths: WorkspacePaths
) -> None:
    """Refuse files of more data than there is room for; holes take none."""
    needed = [_data_bytes(os.fstat(file.fileno())) for file in contents.values()]
    total = sum(needed)
    room = os.fstatvfs(root_fd)
    free = room.f_bavail * room.f_frsize
    if total + min(total, _SPARE) > free:
        largest = max(zip(needed, files, strict=True))[1]
        found = f"{total >> 20} MiB are to be copied, and {free >> 20} MiB are free"
        raise ContextRefused(largest, f"{found} at {paths.root}; make room, or give less")


def _data_bytes(status: os.stat_result) -> int:
    return min(status.st_size, status.st_blocks * 512)


def _copy(wanted: BinaryIO, called: str, name: str, root_fd: int) -> None:
    from .file_pieces import copy_pieces

    fd = create_file(name, root_fd)
    try:
        copy_pieces(wanted.fileno(), fd, f"--context {called} to be copied")
    finally:
        os.close(fd)
