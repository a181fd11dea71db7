"""A directory for each test, and the end of those whose tests were killed before they could."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import subprocess
import time
from collections.abc import Generator
from pathlib import Path

from .trees import remove_tree

# Who makes one has locked it long before.
_YOUNG_SECONDS = 3600.0


@contextlib.contextmanager
def own_scratch(base: Path) -> Generator[Path]:
    """Lend a new directory below ``base``; it is locked for the block, and removed with it."""
    path = base / secrets.token_hex(4)
    path.mkdir(parents=True)
    held = _lock(path)
    try:
        yield path
    finally:
        remove_tree(path)
        os.close(held)


def remove_abandoned(base: Path) -> None:
    """Remove what :func:`own_scratch` of killed processes left there an hour ago or longer."""
    for path in base.iterdir() if base.exists() else ():
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            if time.time() - path.stat().st_mtime > _YOUNG_SECONDS:
                held = _lock(path)
                try:
                    remove_tree(path)
                finally:
                    os.close(held)


def _lock(path: Path) -> int:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise
    return fd
