"""How much a tree occupies, found out within a bounded time."""

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class SizeState(StrEnum):
    """How much of a tree could be measured."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    MISSING = "missing"
    REFUSED = "refused"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Measure:
    """The size of a tree.

    :param state: ``complete``; ``partial``: time ran out, ``allocated`` is a lower bound;
        ``missing``: no directory, not even an empty one. ``refused``: a link in its place;
        ``unreadable``: some of it could not be looked at.
    :param allocated: bytes on disk, hard links counted once; None when missing or refused.
    :param newest: the latest modification time seen, in seconds since the epoch.
    :param repository: a git repository or checkout that was seen in it; no build makes it again.
    """

    state: SizeState
    allocated: int | None = None
    newest: float | None = None
    repository: str | None = None


# The names that mark a checkout, and those that mark a repository without a checkout, as files or
# directories.
_STORE = frozenset({"HEAD", "objects", "refs"})
_GIT = _STORE | {".git"}


class Deadline:
    """A point in time that a whole report shares, on the monotonic clock."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def passed(self) -> bool:
        """Tell whether the time is over."""
        return time.monotonic() >= self._end


def measure_tree(path: Path, deadline: Deadline) -> Measure:
    """Add up a tree: one filesystem, links not followed, stopped at the deadline."""
    try:
        top = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return Measure(SizeState.MISSING)
    except OSError:
        return Measure(SizeState.UNREADABLE)
    if stat.S_ISLNK(top.st_mode):
        return Measure(SizeState.REFUSED)
    return _Walk(top.st_dev, deadline).measure(path, top)


class _Walk:
    def __init__(self, device: int, deadline: Deadline) -> None:
        self._device = device
        self._deadline = deadline
        self._seen: set[int] = set()
        self._allocated = 0
        self._newest = 0.0
        self._unreadable = False
        self._repository: str | None = None

    def measure(self, path: Path, top: os.stat_result) -> Measure:
        self._add(top)
        pending = [str(path)] if stat.S_ISDIR(top.st_mode) else []
        while pending and not self._deadline.passed():
            pending += self._visit(pending.pop())
        state: SizeState = SizeState.UNREADABLE if self._unreadable else SizeState.COMPLETE
        state = SizeState.PARTIAL if pending else state
        return Measure(state, self._allocated, self._newest, self._repository)

    def _visit(self, directory: str) -> list[str]:
        """Add the entries of one directory; return the directories among them."""
        inner: list[str] = []
        names: set[str] = set()
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    if entry.name in _GIT:
                        names.add(entry.name)
                    found = entry.stat(follow_symlinks=False)
                    if found.st_dev == self._device:
                        self._add(found)
                        if stat.S_ISDIR(found.st_mode):
                            inner.append(entry.path)
        except FileNotFoundError:
            pass  # gone since it was listed
        except OSError:
            self._unreadable = True
        if ".git" in names or names >= _STORE:
            self._repository = self._repository or directory
        return inner

    def _add(self, found: os.stat_result) -> None:
        if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode):
            if found.st_ino in self._seen:
                return
            self._seen.add(found.st_ino)
        self._allocated += found.st_blocks * 512
        self._newest = max(self._newest, found.st_mtime)
