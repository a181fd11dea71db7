"""Which endings are tried again, after how long, and what ends the pause before that."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

import anyio

from ...agents.adapter import RESUME
from ..errors import Cancelled, TimeOver
from ..guardian_client.link import GuardianLink
from ..lifecycle.attempt_end import AttemptEnd
from ..lifecycle.exit import Reason
from ..output.events import Emitter
from ..request import LaunchRequest
from ..watching.meters import beat
from .cancellation import unless_cancelled

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0


def is_retried(end: AttemptEnd, request: LaunchRequest, *, has_thread: bool) -> bool:
    """Decide whether an attempt may be repeated.

    Never after success or a cancel, even a late cancel, and never while processes of it are left.
    Never after our time limit, which is for all attempts together. Without ``{resume}`` only while
    no thread has started: work that an agent did before it failed must not be done twice. A
    repeated side effect is worse than a failure.
    """
    if (
        end.asked_to_end
        or end.left
        or end.exit.reason not in (Reason.EXITED, Reason.SIGNALED, Reason.IDLE, Reason.MEMORY)
    ):
        return False
    if end.exit.status == 0 or (has_thread and RESUME not in request.command):
        return False
    return not request.retry_on or end.exit.status in request.retry_on


async def with_retries(
    request: LaunchRequest,
    attempt: Callable[[], Awaitable[AttemptEnd]],
    has_thread: Callable[[], bool],
    pause: Callable[[float], Awaitable[None]],
) -> AttemptEnd:
    """Run attempts until one is not retried; return how the last one ended.

    :param pause: waits between two attempts, exponentially longer with jitter;
        what it raises ends the run.
    """
    if request.retries == 0:
        return await attempt()
    from tenacity import AsyncRetrying, RetryCallState, stop_after_attempt
    from tenacity.retry import retry_if_result
    from tenacity.wait import wait_exponential_jitter

    def last(state: RetryCallState) -> AttemptEnd:
        assert state.outcome is not None
        end: AttemptEnd = state.outcome.result()
        return end

    retrying = AsyncRetrying(
        stop=stop_after_attempt(request.retries + 1),
        wait=wait_exponential_jitter(initial=FIRST_PAUSE, max=LONGEST_PAUSE),
        retry=retry_if_result(lambda end: is_retried(end, request, has_thread=has_thread())),
        retry_error_callback=last,
        sleep=pause,
    )
    return await retrying(attempt)


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
