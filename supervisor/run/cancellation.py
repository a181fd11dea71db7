"""Work done before the agent exists ends at once when the end is asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar, assert_never

import anyio
import anyio.to_thread

from ...guardian.protocol import AgentExited, AgentStopped, Signalled
from ...kernel.errands.end_wanted import EndWanted, end_switch
from ..blocking import in_thread, run_blocking
from ..errors import Cancelled, GuardianLost, TimeOver
from ..guardian_client.link import GuardianLink
from ..guardian_client.notifications import GuardianGone, Notification
from ..lifecycle.machine import ENDING_SIGNALS

_T = TypeVar("_T")


async def unless_cancelled(
    link: GuardianLink, work: Callable[[], Awaitable[_T]], limit: float | None = None
) -> _T:
    """Do some work before the agent exists; a signal that asks for the end stops it.

    A thread that waits for git or a lock is woken; see ``kernel/errands/errand.py``. Work
    that finished all the same keeps its result: it may hold a lock. The signal is then
    reported again, to whatever comes next. Work that fails after
    the request counts as cancelled, whatever its error: the signal may have reached git, too.

    :param limit: seconds after which the work is ended, or None.
    :raises Cancelled: a signal came; work in a thread was waited for, not abandoned.
    :raises TimeOver: the limit was reached.
    :raises GuardianLost: the guardian died.
    """
    asked: list[Cancelled | TimeOver | GuardianLost] = []
    signals: list[int] = []

    async def hear(stop: Callable[[], None]) -> None:
        with link.notifications.reader() as reader:
            async for notification in reader:
                match notification:
                    case Signalled(signum):
                        if signum not in ENDING_SIGNALS:
                            continue
                        signals.append(signum)
                        asked.append(Cancelled(signum))
                    case GuardianGone():
                        asked.append(GuardianLost())
                    case AgentStopped() | AgentExited():
                        # Of an attempt that is over.
                        continue
                    case _:
                        assert_never(notification)
                stop()

    async def watch_clock(seconds: float, stop: Callable[[], None]) -> None:
        await anyio.sleep(seconds)
        asked.append(TimeOver(seconds, "before the agent was started; nothing was run"))
        stop()

    result: list[_T] = []
    failed: list[Exception] = []
    with end_switch() as switch:
        async with anyio.create_task_group() as tasks:

            def stop() -> None:
                switch.turn()
                tasks.cancel_scope.cancel()

            tasks.start_soon(hear, stop)
            if limit is not None:
                tasks.start_soon(watch_clock, limit, stop)
            # Kept aside, so that it leaves here as itself and not as a group.
            try:
                result.append(await work())
            except Exception as error:
                failed.append(error)
            tasks.cancel_scope.cancel()
    if failed and not asked:
        raise failed[0]
    if not result:
        raise asked[0]
    for signum in signals:
        link.inject(signum)
    return result[0]


class LookEnded(Exception):
    """A look was ended before its result; the message says why."""


async def look_for(
    link: GuardianLink, seconds: float, function: Callable[..., _T], *arguments: object
) -> _T:
    """Look at something in a thread, after the agent; a request to end the run ends that at once.

    The request is then reported again, to whatever comes next. The programs that the look waits
    for are ended with it; see ``kernel/errands/errand.py``.

    :param seconds: how long it may take altogether.
    :raises LookEnded: a signal came, the time was over, or the guardian died.
    """
    whys: list[str] = []
    heard: list[Notification] = []

    async def hear(stop: Callable[[], None]) -> None:
        with anyio.move_on_after(seconds) as waiting, link.notifications.reader() as reader:
            async for notification in reader:
                heard.append(notification)
                if not isinstance(notification, Signalled) or (
                    notification.signum in ENDING_SIGNALS
                ):
                    whys.append("the end was asked for")
                    stop()
        if waiting.cancelled_caught:
            whys.append(f"no answer within {seconds:.0f} s")
            stop()

    result: list[_T] = []
    failed: list[Exception] = []
    with end_switch() as switch:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(hear, switch.turn)
            try:
                result.append(await run_blocking(function, *arguments))
            except Exception as error:
                failed.append(error)
            tasks.cancel_scope.cancel()
    for notification in heard:
        link.notifications.put(notification)
    if failed and isinstance(failed[0], EndWanted):
        raise LookEnded(whys[0])
    if failed:
        raise failed[0]
    return result[0]


async def finish_in_thread(function: Callable[..., _T], *arguments: object) -> _T:
    """Run ``function`` in a thread, and return its result even if cancelled meanwhile.

    The cancellation takes effect at the caller's next wait. Where all threads of anyio's
    default limiter are busy, it waits for its turn. Until then, a cancellation ends it at once.
    """
    result: list[_T] = []
    async with anyio.to_thread.current_default_thread_limiter():
        with anyio.CancelScope(shield=True):
            limiter = anyio.CapacityLimiter(1)
            result.append(await in_thread(function, *arguments, limiter=limiter))
    return result[0]
