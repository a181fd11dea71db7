"""A guardian that somebody stopped, while its supervisor waits for it.

It alone collects the agent and says that it has no child left. Whoever stopped the job, the
end of the run goes before that: nothing of it would be left to watch. No limit holds while a
program is started, so a program that stops the guardian in its first instant must not keep
the supervisor waiting.
"""

from __future__ import annotations

import os
import signal

import anyio

from ...kernel.process.identity import ProcessIdentity
from ...kernel.process.procfs import children_of, continue_stopped, is_stopped, send_signal

RECHECK_SECONDS = 0.5
"""Seconds between two looks at a guardian that is waited for."""
# All processes of a quiet run together may wake up once a second.
_LOOK_WHILE_QUIET = 2.0
# A guardian that was continued so often and has not answered is stopped again and again.
_OFTEN = 20


async def keep_going(guardian: ProcessIdentity | None) -> None:
    """Continue the guardian whenever it is found stopped, until cancelled."""
    while guardian is not None:
        continue_stopped(guardian)
        await anyio.sleep(RECHECK_SECONDS)


async def keep_unattended_going(guardian: ProcessIdentity) -> None:
    """Continue a guardian that nobody else could continue, until cancelled.

    While it is stopped, nobody sees that the agent ends. A person at a shell sees the job
    stopped, and continues it. The guardian of an embedding host is no part of a job.
    """
    while True:
        await anyio.sleep(_LOOK_WHILE_QUIET)
        if is_stopped(guardian) and not _is_attended(guardian):
            continue_stopped(guardian)


def _is_attended(guardian: ProcessIdentity) -> bool:
    if guardian.pid != os.getppid():
        return False
    from ...kernel.process.terminal import can_be_resumed, has_terminal

    # A daemon may start each run in a group of its own, and never continues one.
    return has_terminal() and can_be_resumed(guardian.pid)


class Answering:
    """Continues a guardian that is found stopped while its reply is waited for.

    A person who stops a job stops its guardian too. So our parent stays stopped where it has
    started nothing. The guardian of an embedding host is no part of a job.

    :param sidecar: pid of what runs beside the agent: no program of the run, or None.
    :param is_over: the run has ended, so that its guardian goes on whoever stopped it.
    """

    def __init__(
        self, guardian: ProcessIdentity | None, sidecar: int | None, *, is_over: bool
    ) -> None:
        self._guardian = guardian
        self._sidecar = sidecar
        self._is_over = is_over
        self._continued = 0

    def look(self) -> None:
        """Look once; who waits does so every `RECHECK_SECONDS` seconds.

        A guardian that is stopped again and again is killed: who waits then hears of its end.
        """
        if self._guardian is None:
            return
        if self._is_over or self._has_started(self._guardian):
            self._continued += continue_stopped(self._guardian)
        if self._continued > _OFTEN:
            send_signal(self._guardian, signal.SIGKILL)

    def _has_started(self, guardian: ProcessIdentity) -> bool:
        if guardian.pid != os.getppid():
            return True
        # A program that has ended stays among its children until it goes on.
        return bool(children_of(guardian.pid) - {os.getpid(), self._sidecar})
