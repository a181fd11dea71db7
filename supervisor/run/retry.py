"""Which endings are tried again, and after how long."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ...agents.adapter import RESUME
from ..lifecycle.attempt_end import AttemptEnd
from ..lifecycle.exit import Reason
from ..request import LaunchRequest

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
