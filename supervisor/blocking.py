"""Calls that block, in threads that no host and no other run can keep from us.

The embedding host, or a few dozen runs that end at once, may use all threads of anyio's default
limiter (40). A run that waits for such a thread climbs no ladder. So every call between the request
for an end and the release of the claim, and each that notices a limit, goes through here.

An agent that has used up its user's processes leaves none for a thread either (pthread_create(3)
fails with EAGAIN). The call that ends the run is then made without a thread. It keeps the event
loop waiting for a moment, but a supervisor that died of it would end nothing.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

from ..kernel.exhausted import NoMore
from ..kernel.process.own_limits import take_back_own_limits

_T = TypeVar("_T")


class NoThread(NoMore):
    """No thread can be started."""

    def __init__(self) -> None:
        super().__init__("no thread can be started", errno.EAGAIN)


async def run_blocking(
    function: Callable[..., _T], *arguments: object, abandon_on_cancel: bool = False
) -> _T:
    """Run ``function`` in a thread at once, whoever else has threads at work.

    No number bounds the threads of all runs together: any would let one run wait for another. A run
    has a few of them: one signal and one reading at a time, and one look for each limit. One more
    waits for an output that only a thread can wait for.

    Where none can be started the function is called right here. So it must come to an end
    by itself; what waits for others is for :func:`in_thread`.
    """
    # An agent that is ended is what may have lowered them.
    take_back_own_limits()
    limiter = anyio.CapacityLimiter(1)
    try:
        return await in_thread(
            function, *arguments, abandon_on_cancel=abandon_on_cancel, limiter=limiter
        )
    except NoThread:
        return function(*arguments)


async def in_thread(
    function: Callable[..., _T],
    *arguments: object,
    abandon_on_cancel: bool = False,
    limiter: anyio.CapacityLimiter | None = None,
) -> _T:
    """Run ``function`` in a thread, of anyio's default limiter where none is given.

    :raises NoThread: none can be started; the function was not called.
    """
    called = False

    def call() -> _T:
        nonlocal called
        called = True
        return function(*arguments)

    try:
        return await anyio.to_thread.run_sync(
            call, abandon_on_cancel=abandon_on_cancel, limiter=limiter
        )
    except RuntimeError as error:
        if called:
            raise
        raise NoThread from error
