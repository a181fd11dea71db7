"""A child of ours that somebody stopped: a supervisor, or the monitor of an agent's terminal.

A job that a person stops is stopped as a whole, and its guardian with it. So a supervisor
that is stopped while its guardian runs was stopped by somebody else, such as the agent. Nobody
watches limits then, nor hears who asks for the end. A monitor is no part of that job, and
stops with nobody: while it is stopped, nobody sees that its agent ends.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time

# Who stops both halves by their pids does not do so in one instant.
SUPERVISOR_PAUSE = 0.5
# So often within so many seconds it is continued; then it is given up.
_OFTEN, _SECONDS = 4, 30.0
_OFTEN_ASKED = 1
# So often it may be stopped and continued by others.
_OFTEN_STOPPED = 20


class ChildStops:
    """Continues a child of ours, and kills one that is stopped again and again.

    Whoever reads the ends of children asks here after each SIGCHLD, and after
    :meth:`seconds_left`.

    :param child: pid of a child of this process that nobody else collects.
    :param pause: seconds for which it may be stopped.
    """

    def __init__(self, child: int, pause: float = 0.0) -> None:
        self._child = child
        self._longest = pause
        self._since: float | None = None
        self._continued: list[float] = []
        self._stopped: list[float] = []
        self._is_asked = False

    def note_asked(self) -> None:
        """Take in that the end of the run was asked for: the child is to hear of it now."""
        self._is_asked = True

    def seconds_left(self) -> float | None:
        """Return when :meth:`look` is to be called at the latest; None: not for a stop."""
        if self._since is None:
            return None
        return max(0.0, self._since + self._pause() - time.monotonic())

    def look(self) -> None:
        """Read whether it is stopped; continue it, or kill it, where it has been for a while."""
        with contextlib.suppress(ChildProcessError, ProcessLookupError):
            self._read()
            if len(self._stopped) > _OFTEN_STOPPED:
                os.kill(self._child, signal.SIGKILL)
            elif self._since is not None and not self.seconds_left():
                self._answer()

    def _read(self) -> None:
        states = os.WSTOPPED | os.WCONTINUED | os.WNOHANG
        while (change := os.waitid(os.P_PID, self._child, states)) is not None:
            self._note(is_stopped=change.si_code == os.CLD_STOPPED)

    def _note(self, *, is_stopped: bool) -> None:
        now = time.monotonic()
        if is_stopped and self._since is None:
            self._stopped = [*_recent(self._stopped, now), now]
        self._since = (self._since or now) if is_stopped else None

    def _pause(self) -> float:
        return 0.0 if self._is_asked else self._longest

    def _answer(self) -> None:
        now = time.monotonic()
        self._since = None
        self._continued = [*_recent(self._continued, now), now]
        often = _OFTEN_ASKED if self._is_asked else _OFTEN
        given_up = len(self._continued) > often
        os.kill(self._child, signal.SIGKILL if given_up else signal.SIGCONT)


def _recent(times: list[float], now: float) -> list[float]:
    return [at for at in times if now - at < _SECONDS]
