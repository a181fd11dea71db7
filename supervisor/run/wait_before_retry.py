"""The pause between two attempts: signals and the time limit end the run there too."""

from __future__ import annotations

import math
from collections.abc import Callable

import anyio

from ..errors import Cancelled, TimeOver
from ..guardian_client.link import GuardianLink
from ..output.events import Emitter
from ..watching.meters import beat
from .cancellation import unless_cancelled


async def wait_before_retry(
    seconds: float,
    limit: float | None,
    left: float | None,
    link: GuardianLink,
    log: Emitter,
    last_output: Callable[[], float],
) -> None:
    """Wait before the next attempt, which is announced only where it can follow.

    :param limit: the time of all attempts together, in seconds, or None.
    :param left: what is left of it, or None.
    :param last_output: when the last attempt wrote anything, on the event loop's clock.
    :raises Cancelled: a signal asked for the end of the run.
    :raises TimeOver: the limit is reached first; nothing is left of it now.
    :raises GuardianLost: the guardian died.
    """
    until_limit = math.inf if left is None else left
    if seconds < until_limit:
        log.emit("attempt.retrying", after=round(seconds, 3))
    try:
        await unless_cancelled(link, lambda: _pause(min(seconds, until_limit), log, last_output))
    except Cancelled as error:
        raise Cancelled(error.signum, when="between two attempts") from None
    if limit is not None and until_limit <= seconds:
        raise TimeOver(limit)


async def _pause(seconds: float, log: Emitter, last_output: Callable[[], float]) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(beat, log, last_output)
        await anyio.sleep(seconds)
        tasks.cancel_scope.cancel()
