"""The request to end, seen by every wait: one descriptor, known by context.

Kept apart from the errands, so that who ends processes hears it without loading what starts them.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar

_switch: ContextVar[int | None] = ContextVar("end_wanted", default=None)


class EndWanted(Exception):
    """The end was asked for while something was waited for. Caught by who asked, nobody else."""


class EndSwitch:
    """Where the end is asked for; works from any task or thread."""

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def fileno(self) -> int:
        """Return the descriptor that is readable once the end is wanted."""
        return self._fd

    def turn(self) -> None:
        """Ask for the end. Idempotent."""
        os.eventfd_write(self._fd, 1)

    def close(self) -> None:
        """Close it, once nobody waits any more."""
        os.close(self._fd)


@contextmanager
def end_switch() -> Generator[EndSwitch]:
    """Let all that is waited for in this block, also in its threads, end by one switch."""
    switch = EndSwitch()
    token = _switch.set(switch.fileno())
    try:
        yield switch
    finally:
        _switch.reset(token)
        switch.close()


def wanted_fd() -> int | None:
    """Return the descriptor that is readable once the end is wanted; None: nobody can want it."""
    return _switch.get()


def check_end() -> None:
    """Go on, unless the end is wanted.

    :raises EndWanted: it is.
    """
    pause(0.0)


def pause(seconds: float) -> None:
    """Wait.

    :raises EndWanted: the end is wanted.
    """
    fd = _switch.get()
    if fd is None:
        time.sleep(seconds)
    elif poll([fd], seconds):
        raise EndWanted


def poll(fds: Iterable[int], seconds: float) -> set[int]:
    """Wait for one of the descriptors; return those that are readable."""
    waiting = select.poll()
    for fd in fds:
        waiting.register(fd, select.POLLIN)
    # Rounded up: a wait must not end before its time, and then be none.
    return {fd for fd, _ in waiting.poll(-int(-max(0.0, min(seconds, 1e6)) * 1000 // 1))}
