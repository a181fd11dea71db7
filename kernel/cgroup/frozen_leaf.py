"""Hold a leaf still while its members are counted and signalled (cgroups(7), ``cgroup.freeze``).

A bomb forks faster than anybody lists it, and takes the processors from whoever tries. Frozen,
it does neither. Signals wait until it is thawed, but for KILL; then they come before its next step.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress

from .leaf import is_populated

# A process in the middle of a system call that nothing interrupts freezes later.
_FREEZING_SECONDS = 0.5


@contextmanager
def held_still(leaf: str | None) -> Generator[None]:
    """Freeze the leaf for a block, where there is one with a member; it is thawed afterwards.

    *Not promised:* that each member stands still (before Linux 5.2 none does), nor that a leaf
    frozen by somebody else stays so. Who dies in the block leaves it frozen: whoever ends
    the run next thaws it, and KILL needs no thawing.
    """
    if leaf is None or not is_populated(leaf):
        yield
        return
    try:
        if _set(leaf, b"1"):
            _wait_frozen(leaf)
        yield
    finally:
        _set(leaf, b"0")


def _set(leaf: str, value: bytes) -> bool:
    with suppress(OSError):
        fd = os.open(os.path.join(leaf, "cgroup.freeze"), os.O_WRONLY | os.O_CLOEXEC)
        try:
            return os.write(fd, value) > 0
        finally:
            os.close(fd)
    return False


def _wait_frozen(leaf: str) -> None:
    """Wait a moment; the kernel announces a change of ``cgroup.events`` as POLLPRI."""
    until = time.monotonic() + _FREEZING_SECONDS
    with suppress(OSError), open(os.path.join(leaf, "cgroup.events"), "rb", buffering=0) as events:
        poll = select.poll()
        poll.register(events, select.POLLPRI)
        while b"frozen 1" not in os.pread(events.fileno(), 4096, 0):
            remaining = until - time.monotonic()
            if remaining <= 0:
                return
            poll.poll(remaining * 1000)
