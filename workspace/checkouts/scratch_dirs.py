"""Directories of ours for one look each, in the state directory.

Whoever looks holds a lock on the directory it made. One that nobody holds is of a process
that was killed, and the next look removes it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Generator
from pathlib import Path

from ...kernel.files.below import open_directory
from ...kernel.files.flock import has_name, try_lock
from ...kernel.files.tree import remove_tree
from ...kernel.xdg import state_directory
from ..fs import open_below

_PREFIX = "tmp"


@contextlib.contextmanager
def scratch_directory() -> Generator[Path]:
    """Make a directory for a block, empty and our own, and remove it afterwards.

    Not a temporary directory: an agent's sandbox writes there.
    """
    base = state_directory() / "looks"
    base_fd, name, fd = _make(base)
    try:
        yield base / name
    finally:
        with contextlib.suppress(FileNotFoundError):
            remove_tree(name, base_fd)
        os.close(fd)
        os.close(base_fd)
        # A look leaves nothing behind; where another is looking, its own stays.
        with contextlib.suppress(OSError):
            os.rmdir(base)


def _make(base: Path) -> tuple[int, str, int]:
    """Return descriptors of all looks and of the new one, which is locked, with its name."""
    while True:
        base_fd = open_below(base, create=True)
        try:
            _sweep(base_fd)
            name = f"{_PREFIX}{secrets.token_hex(6)}"
            os.mkdir(name, 0o700, dir_fd=base_fd)
            # Until it is locked, another look may take it for a dead one's.
            fd = _locked(name, base_fd)
        except BaseException as error:
            os.close(base_fd)
            if isinstance(error, FileNotFoundError):
                continue  # removed by a look that has just ended
            raise
        if fd is not None:
            return base_fd, name, fd
        os.close(base_fd)


def _sweep(base_fd: int) -> None:
    for name in os.listdir(base_fd):
        fd = _locked(name, base_fd) if name.startswith(_PREFIX) else None
        if fd is not None:
            with contextlib.suppress(OSError):
                remove_tree(name, base_fd)
            os.close(fd)


def _locked(name: str, base_fd: int) -> int | None:
    """Return a descriptor that holds a directory's lock; None: it is gone, or another's."""
    try:
        fd = open_directory(name, base_fd)
    except OSError:
        return None
    try:
        if try_lock(fd) and has_name(fd, name, base_fd):
            return fd
    except OSError:
        pass
    os.close(fd)
    return None
