"""A guardian that somebody stopped, while its supervisor waits for it.

It alone collects the agent and says that it has no child left. Whoever stopped the job, the
end of the run goes before that: nothing of it would be left to watch. No limit holds while a
program is started, so a program that stops the guardian in its first instant must not keep
the supervisor waiting.
"""

from __future__ import annotations

import os

import anyio

from ...kernel.process.identity import ProcessIdentity
from ...kernel.process.procfs import children_of, continue_stopped

_LOOK_AGAIN = 0.5


async def keep_going(guardian: ProcessIdentity | None) -> None:
    """Continue the guardian whenever it is found stopped, until cancelled."""
    while guardian is not None:
        continue_stopped(guardian)
        await anyio.sleep(_LOOK_AGAIN)


async def keep_answering(guardian: ProcessIdentity | None, companion: int | None) -> None:
    """Continue the guardian when it is found stopped with a program started, until cancelled.

    A person who stops a job stops its guardian too. So our parent stays stopped where it has
    started nothing. The guardian of an embedding host is no part of a job.

    :param companion: pid of what runs beside the agent: no program of the run, or None.
    """
    while guardian is not None:
        await anyio.sleep(_LOOK_AGAIN)
        # A program that has ended stays among its children until it goes on.
        started = children_of(guardian.pid) - {os.getpid(), companion}
        if started or guardian.pid != os.getppid():
            continue_stopped(guardian)
