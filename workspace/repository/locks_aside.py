"""Find lock files of git, and set them aside in the same directory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import PathRefused
from ..fs import directory, open_child

_ASIDE = "codexlab-stale"
LOCK = ".lock"
# Ours has a handful of references; what an agent made of them must not cost a launch.
_MOST = 1000


def locks_in(git_dir: Path, references: str) -> Iterator[Path]:
    """Yield the lock files at the top of a git directory and below its ``references``."""
    yield from _look_in(git_dir)[0]
    # By a list and not by recursion: how deep it goes is its agent's choice.
    waiting, seen = [git_dir / references], 0
    while waiting and seen <= _MOST:
        locks, inner = _look_in(waiting.pop())
        waiting += inner
        seen += 1
        yield from locks


def _look_in(place: Path) -> tuple[list[Path], list[Path]]:
    """Return the locks and the directories in a directory; none of what cannot be read."""
    locks: list[Path] = []
    inner: list[Path] = []
    with contextlib.suppress(OSError), os.scandir(place) as found:
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                inner.append(Path(entry.path))
            elif entry.name.endswith(LOCK) and entry.is_file(follow_symlinks=False):
                locks.append(Path(entry.path))
    return locks, inner


def set_lock_aside(git_dir: Path, lock: Path) -> str:
    """Move a lock into a directory of ours in the git directory; return a line that says so."""
    name = f"{os.urandom(4).hex()}-{lock.name}"
    try:
        with directory(git_dir) as git_fd:
            aside_fd = open_child(_ASIDE, git_fd, git_dir / _ASIDE, create=True)
            try:
                os.rename(lock, name, dst_dir_fd=aside_fd)
            finally:
                os.close(aside_fd)
    except (PathRefused, OSError) as error:
        return f"{lock}: left by a git that was killed, and cannot be set aside: {error}"
    return f"{lock}: left by a git that was killed; set aside as {git_dir / _ASIDE / name}"
