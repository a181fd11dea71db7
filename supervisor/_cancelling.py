"""Work done before the agent exists ends at once when the end is asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
import anyio.to_thread

from ._errors import Cancelled, GuardianLost
from ._lifecycle import ENDING_SIGNALS
from ._link import GuardianLink
from ._threads import in_own_thread

_T = TypeVar("_T")


async def unless_cancelled(link: GuardianLink, work: Callable[[], Awaitable[_T]]) -> _T:
    """Do some work before the agent exists; a signal that asks for the end stops it.

    Work that finished all the same keeps its result: it may hold a lock. The
    signal is then reported again, to whatever comes next.

    :raises Cancelled: by a signal; work in a thread is waited for, not abandoned.
    :raises GuardianLost: the guardian died.
    """
    received: list[int] = []

    async def hear(scope: anyio.CancelScope) -> None:
        async for news in link.news:
            if news["event"] == "signal" and news["signum"] not in ENDING_SIGNALS:
                continue
            received.append(news.get("signum", 0))
            scope.cancel()

    result: list[_T] = []
    failed: list[Exception] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hear, tasks.cancel_scope)
        # Kept aside, so that it leaves here as itself and not as a group.
        try:
            result.append(await work())
        except Exception as error:
            failed.append(error)
        tasks.cancel_scope.cancel()
    if failed:
        raise failed[0]
    if not result:
        raise Cancelled(received[0]) if received and received[0] else GuardianLost
    for signum in filter(None, received):
        link.inject(signum)
    return result[0]


async def finish_in_thread(function: Callable[..., _T], *arguments: object) -> _T:
    """Run ``function`` in a thread and keep what it returned, also when cancelled meanwhile.

    The cancellation takes effect at the caller's next wait. Where all threads of anyio's
    default limiter are at work it waits for its turn first, and until then ends at once.
    """
    result: list[_T] = []
    async with anyio.to_thread.current_default_thread_limiter():
        with anyio.CancelScope(shield=True):
            result.append(await in_own_thread(function, *arguments))
    return result[0]
