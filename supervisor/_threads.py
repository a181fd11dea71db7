"""Calls that block, in threads that no host and no other run can keep from us.

A thread of anyio's default limiter (40) has to be waited for where the embedding host,
or a few dozen runs that end at once, have all of them at work; and a run that waits
there climbs no ladder. So every call between the wish for an end and the release of
the claim, and each that notices a limit, goes through here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

_T = TypeVar("_T")


async def in_own_thread(
    function: Callable[..., _T], *arguments: object, abandon_on_cancel: bool = False
) -> _T:
    """Run ``function`` in a thread at once, whoever else has threads at work.

    No number bounds the threads of all runs together: any would let one run wait for
    another. A run has a few of them: one signal and one reading at a time, one look for
    each limit, and one for an output that only a thread can wait for.
    """
    return await anyio.to_thread.run_sync(
        function,
        *arguments,
        abandon_on_cancel=abandon_on_cancel,
        limiter=anyio.CapacityLimiter(1),
    )
