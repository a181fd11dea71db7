"""Where a workspace lies while it is being deleted: below ``.trash`` beside the projects.

Anybody may have put anything there. So an entry is deleted only where a removal is on record
for it (`gc.trash_records`). Nothing that it leads to is deleted: each step is from an open
directory, and no link is followed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from pathlib import Path

from ...kernel.errors import CodexlabError
from ...kernel.files.below import open_directory
from ...kernel.files.flock import try_lock
from ...kernel.files.tree import remove_tree
from ..errors import operator_errors
from ..fs import open_child, read_small
from ..owner import DamagedRecord
from ..paths import CONTROL
from ..records.provenance import Provenance, parse_provenance

TRASH = ".trash"


def delete_from_trash(name: str, trash_fd: int, where: Path) -> None:
    """Delete one entry, its metadata last; a link is deleted, not followed."""
    with operator_errors(where):
        with _opened(name, trash_fd) as root_fd:
            if root_fd is not None:
                for child in filter(CONTROL.__ne__, os.listdir(root_fd)):
                    remove_tree(child, root_fd)
        remove_tree(name, trash_fd)


def read_trashed(name: str, trash_fd: int, where: Path) -> Provenance | None:
    """Return the record in an entry of the trash, which anybody may have written."""
    with _opened(name, trash_fd) as root_fd:
        if root_fd is None:
            return None
        try:
            control_fd = open_child(CONTROL, root_fd, where / CONTROL)
        except (CodexlabError, FileNotFoundError):
            return None
        try:
            return parse_provenance(read_small("workspace.json", control_fd, where) or b"")
        except (DamagedRecord, CodexlabError):
            return None
        finally:
            os.close(control_fd)


@contextlib.contextmanager
def trash_lock(name: str, trash_fd: int) -> Generator[bool, None, None]:
    """Hold the lock that the removal holds too; what lost its lock file is nobody's.

    A lock file that has other names may be another workspace's, and is not taken.
    """
    fd = _open_lock(name, trash_fd)
    if fd is None:
        yield True
        return
    try:
        yield try_lock(fd)
    finally:
        os.close(fd)


def _open_lock(name: str, trash_fd: int) -> int | None:
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    with _opened(name, trash_fd) as root_fd, contextlib.suppress(OSError):
        if root_fd is None:
            return None
        control_fd = open_directory(CONTROL, root_fd)
        try:
            fd = os.open("lock", flags, dir_fd=control_fd)
        finally:
            os.close(control_fd)
        if os.fstat(fd).st_nlink == 1:
            return fd
        os.close(fd)
    return None


@contextlib.contextmanager
def _opened(name: str, trash_fd: int) -> Generator[int | None, None, None]:
    """Hold an entry open; None where it is no directory."""
    try:
        fd = open_directory(name, trash_fd)
    except OSError:
        yield None
        return
    try:
        yield fd
    finally:
        os.close(fd)
