"""Wait for the next output of a run, and know when no more will come."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from ...kernel.inotify import DirectoryWatch
from ...kernel.process.identity import ProcessIdentity, is_running

# Where nothing tells of changes, they are looked for so often.
_LOOK_AGAIN = 0.1
# After a guardian was killed, its supervisor ends the agent and finishes the record.
_PATIENCE = 15.0


class RunFollower:
    """Sleeps until a run writes something, or is over.

    :param directory: a descriptor of the run's directory.
    :param guardian, supervisor: the run's halves; None where they cannot be seen from here.
    :param is_finished: tells whether the run's record says how it ended.
    """

    def __init__(
        self,
        directory: int,
        guardian: ProcessIdentity | None,
        supervisor: ProcessIdentity | None,
        is_finished: Callable[[], bool],
    ) -> None:
        self._is_finished = is_finished
        self._visible = guardian is not None
        self._guardian = _pidfd(guardian)
        self._supervisor = _pidfd(supervisor)
        self._lost: float | None = None
        self._changes: DirectoryWatch | None = None
        # Where there is none, the directory is looked at again and again.
        with suppress(OSError):
            self._changes = DirectoryWatch(directory)

    def is_over(self) -> bool:
        """Tell whether nothing more will come. Ask before you read: the end may just come."""
        if not self._visible:
            return self._is_finished()
        if not _has_ended(self._guardian):
            return False
        if self._lost is None:
            self._lost = time.monotonic()
        late = time.monotonic() - self._lost > _PATIENCE
        return late or _has_ended(self._supervisor) or self._is_finished()

    def wait(self, *outputs: int) -> None:
        """Sleep until there may be something new.

        :param outputs: our own, whose reader may go away meanwhile.
        :raises BrokenPipeError: it has.
        """
        poll = select.poll()
        for fd in outputs:
            poll.register(fd, 0)
        for fd in self._watched():
            poll.register(fd, select.POLLIN)
        quiet = self._changes is not None and self._visible and self._lost is None
        for fd, event in poll.poll(None if quiet else _LOOK_AGAIN * 1000):
            if fd in outputs and event & (select.POLLERR | select.POLLHUP):
                raise BrokenPipeError
        if self._changes is not None:
            self._changes.drain()

    def _watched(self) -> Iterable[int]:
        if self._changes is not None:
            yield self._changes.fd
        for fd in (self._guardian, self._supervisor):
            # One that has ended would wake us for ever.
            if fd is not None and not _has_ended(fd):
                yield fd

    def close(self) -> None:
        """Give up every descriptor."""
        if self._changes is not None:
            self._changes.close()
        for fd in (self._guardian, self._supervisor):
            if fd is not None:
                os.close(fd)


def _pidfd(process: ProcessIdentity | None) -> int | None:
    """Return a descriptor of a process; None where it has ended."""
    if process is None:
        return None
    try:
        fd = os.pidfd_open(process.pid)
    except OSError:
        return None
    if is_running(process):
        return fd
    os.close(fd)
    return None


def _has_ended(pidfd: int | None) -> bool:
    return pidfd is None or bool(select.select([pidfd], [], [], 0)[0])
