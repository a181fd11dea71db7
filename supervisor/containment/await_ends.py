"""Wait for the end of runs from outside, by pidfds of the processes that their entries name."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterable

from ...kernel.process.identity import is_running
from ...kernel.process.procfs import open_pidfd
from ..history.run_entry import RunEntry
from ..records.registry import read_entry

# A host lives on after its run. Only where somebody killed the run's guardian, nothing but the
# entry tells that the host has finished the run.
_LOOK = 0.1


class EndWatch:
    """The runs that have not ended yet. Idle until the kernel tells of an end.

    A guardian ends after it has read that the run is empty and the record is written.
    Where it was killed, the supervisor ends the run, and is waited for in its place.
    """

    def __init__(self, entries: Iterable[RunEntry]) -> None:
        self._poll = select.poll()
        self._watched: dict[int, RunEntry] = {}
        self._unguarded: set[int] = set()
        self._ended: list[RunEntry] = []
        for entry in entries:
            self._watch(entry)

    @property
    def waiting(self) -> list[RunEntry]:
        """Return the runs that have not ended, as far as was seen."""
        return list(self._watched.values())

    @property
    def is_over(self) -> bool:
        """Tell whether every run has ended, and was told of."""
        return not self._watched and not self._ended

    def wait(self, seconds: float | None) -> list[RunEntry]:
        """Return the runs that have ended, as soon as there is one.

        :param seconds: to wait at most; None: for ever.
        :returns: none where that time passed, or no run is left to wait for.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while self._watched and not self._ended:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            self._look(left)
            if deadline is not None and time.monotonic() >= deadline:
                break
        ended, self._ended = self._ended, []
        return ended

    def close(self) -> None:
        """Close what is open; the runs go on."""
        for fd in self._watched:
            os.close(fd)
        self._watched.clear()

    def _look(self, seconds: float | None) -> None:
        pause = (
            seconds if not self._unguarded else min(_LOOK, _LOOK if seconds is None else seconds)
        )
        ready = {fd for fd, _ in self._poll.poll(None if pause is None else pause * 1000)}
        over = {fd for fd in self._unguarded if _is_finished(self._watched[fd])}
        for fd in ready | over:
            self._poll.unregister(fd)
            os.close(fd)
            self._unguarded.discard(fd)
            self._watch(self._watched.pop(fd))

    def _watch(self, entry: RunEntry) -> None:
        """Wait for the process that will finish a run; there may be none any more."""
        guarded = is_running(entry.guardian)
        if guarded:
            fd = open_pidfd(entry.guardian)
        else:
            lost = not _is_finished(entry) and is_running(entry.supervisor)
            fd = open_pidfd(entry.supervisor) if lost else None
        if fd is None:
            self._ended.append(entry)
            return
        self._poll.register(fd, select.POLLIN)
        self._watched[fd] = entry
        if not guarded:
            self._unguarded.add(fd)


def _is_finished(entry: RunEntry) -> bool:
    found = read_entry(entry.run_id)
    return found is None or found.finished is not None
