"""One agent at a time works on a session, where the agent itself has no lock for that.

A launch that resumes a session holds a lock of ours on it. It also asks the adapter for any process
that works on it. codex has locks of its own. claude 2.1.332 lets two of its processes append to one
transcript, and the model then sees neither's conversation.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence

from ...agents.registry import adapter_of
from ...kernel.errands.end_wanted import pause
from ...kernel.errands.errand import LongWait
from ...kernel.errors import BusyError
from ...kernel.files.flock import open_lock_file, try_lock
from ...kernel.xdg import state_directory
from ...workspace.fs import open_below
from ..plan import Plan

# An agent that was told to end is gone in a moment.
_PATIENCE, _PAUSE = 3.0, 0.05


class SessionBusy(BusyError):
    """An agent works on a session.

    :param pid: the agent; None where it is another launch's that is just starting it.
    """

    def __init__(self, agent: str, session: str, pid: int | None) -> None:
        self.session, self.pid = session, pid
        who = "another launch" if pid is None else f"{agent} (pid {pid})"
        *ways, last = filter(None, ("wait with --wait", "end that", adapter_of(agent).way_beside))
        advice = f"{', '.join(ways)}, or {last}"
        super().__init__(f"session {session} is being worked on by {who}; {advice}")


def hold_sessions(
    plan: Plan, sessions: Sequence[str], environ: Mapping[str, str]
) -> tuple[int, ...]:
    """Hold each session that a command resumes, for as long as the run lasts.

    :param sessions: those that the command goes on with.
    :param environ: the agent's own.
    :returns: descriptors of locks, to be kept open until nothing of the run is left.
    :raises SessionBusy: another process works on one, and went on for some seconds, or for as
        long as the request waits.
    """
    held: list[int] = []
    try:
        held.extend(_hold(plan, each, environ) for each in sessions)
    except BaseException:
        for fd in held:
            os.close(fd)
        raise
    return tuple(held)


def _hold(plan: Plan, session: str, environ: Mapping[str, str]) -> int:
    deadline, long = time.monotonic() + plan.patience(_PATIENCE), LongWait()
    while True:
        try:
            return _take(plan.agent, session, environ)
        except SessionBusy as error:
            if time.monotonic() > deadline:
                raise
            long.tell_if_due(str(error))
        pause(_PAUSE)


def _take(agent: str, session: str, environ: Mapping[str, str]) -> int:
    working_on = adapter_of(agent).working_on
    directory = open_below(state_directory() / "sessions", create=True)
    try:
        fd = open_lock_file(f"{agent}-{session}.lock", dir_fd=directory)
    finally:
        os.close(directory)
    try:
        if not try_lock(fd):
            raise SessionBusy(agent, session, next(working_on(session, environ), None))
        if (pid := next(working_on(session, environ), None)) is not None:
            raise SessionBusy(agent, session, pid)
    except BaseException:
        os.close(fd)
        raise
    return fd
