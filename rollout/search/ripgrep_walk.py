"""Let ripgrep walk a store and find candidate lines, while the store is being scanned.

**Invariant.** In a directory that it `has_seen`, ripgrep has read every rollout that a scan
found plain. That holds for a scan between start and end of the walk. For that the walk must
have ended well. No name in the directory, nor on the way to it, may have changed since before
the walk began. Then its ``readdir`` gave the names that ours gave.

Nothing heavy is imported here: a search starts this first of all.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator

from ..store.roots import ARCHIVED_SESSIONS, SESSIONS
from .ripgrep_process import PATIENCE, Positions, RipgrepRun

# How far a file system's clock may be behind ours, with its ticks.
_REST_NS = 10_000_000_000
_STEADY_NS = 1_000_000_000
_OPTIONS = (
    # Two threads that map many files wait for each other.
    "--no-mmap",
    "--no-ignore",
    "--max-depth=4",
    "--glob=rollout-*.jsonl",
    # ripgrep's output has lines.
    "--glob=!*\n*",
)


class RipgrepWalk:
    """``rg`` at work below the roots of a home, until it is closed.

    :param asked: what it was started with; equal for walks that find the same.
    """

    def __init__(
        self,
        program: str | None,
        home: str,
        needle: bytes,
        fold: bool,
        archived: bool | None,
    ) -> None:
        """Start it; a walk that cannot be started has seen nothing.

        :param program: the ``rg`` to run; None for none.
        :param fold: the case of letters is ignored.
        :param archived: only archived rollouts, or only active ones.
        """
        self.asked = (program, home, needle, fold, archived)
        self._is_complete = False
        self._at_rest: dict[str, bool] = {}
        self._clock = _clock()
        self._roots: dict[str, tuple[int, int]] = {}
        self._run: RipgrepRun | None = None
        if program is not None and needle and "\n" not in home:
            self._roots = dict(_roots(home, archived))
            self._run = _start(program, needle, fold, list(self._roots))

    def finish(self, is_held_up: Callable[[], bool] = lambda: False) -> dict[str, Positions]:
        """Wait for its end and return the candidate lines of the rollouts it read, by path.

        :param is_held_up: asked once where that takes long; True ends the walk unfinished, and
            it has seen nothing.
        """
        if self._run is None:
            return {}
        if not self._run.wait_for(PATIENCE) and is_held_up():
            self.close()
            return {}
        found, complete = self._run.result()
        self._is_complete = complete and _is_steady(self._clock, _clock())
        return found

    def has_seen(self, directory: str) -> bool:
        """Tell whether it has read all rollouts of a directory; to be asked after `finish`."""
        if not self._is_complete:
            return False
        known = self._at_rest.get(directory)
        if known is None:
            known = self._at_rest[directory] = self._is_at_rest(directory)
        return known

    def _is_at_rest(self, directory: str) -> bool:
        try:
            now = os.stat(directory)
        except OSError:
            return False
        if max(now.st_mtime_ns, now.st_ctime_ns) > self._clock[0] - _REST_NS:
            return False
        root = self._roots.get(directory)
        if root is not None:
            return root == (now.st_dev, now.st_ino)
        above = os.path.dirname(directory)
        return above != directory and self.has_seen(above)

    def close(self) -> None:
        """End it, whatever it has found."""
        run, self._run = self._run, None
        if run is not None:
            run.close()


def _roots(home: str, archived: bool | None) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the roots that are there, and which directory each is."""
    for name, is_archived in ((SESSIONS, False), (ARCHIVED_SESSIONS, True)):
        if archived in (None, is_archived):
            root = os.path.join(home, name)
            try:
                found = os.stat(root)
            except OSError:
                continue  # the scan says why
            if stat.S_ISDIR(found.st_mode):
                yield root, (found.st_dev, found.st_ino)


def _start(program: str, needle: bytes, fold: bool, roots: list[str]) -> RipgrepRun | None:
    try:
        return RipgrepRun(program, _OPTIONS, needle, fold, roots) if roots else None
    except OSError:
        return None  # no reason not to search


def _clock() -> tuple[int, int]:
    return time.time_ns(), time.monotonic_ns()


def _is_steady(before: tuple[int, int], after: tuple[int, int]) -> bool:
    """Tell whether the clock that stamps directories was not set meanwhile."""
    return abs((after[0] - before[0]) - (after[1] - before[1])) < _STEADY_NS
