"""Whom the kernel takes first when memory runs out."""

from __future__ import annotations

import os
from contextlib import suppress

from ..libc import set_dumpable
from .identity import shows_our_pids

# A share of all memory, in thousandths: an agent's process is taken before any that does not
# hold 30 % more than it does. Enough to go before whoever started the agent. Not so much that a
# small process goes before the one that eats the machine's memory.
OOM_PREFERENCE = 300
_HIGHEST = 1000
_OWN = "/proc/self/oom_score_adj"


def go_first_when_memory_ends() -> None:
    """Raise this process's ``oom_score_adj``, which its children inherit.

    Raising needs no privilege (proc_pid_oom_score_adj(5)). Where ``/proc`` is hidden or
    cannot be written nothing changes; :func:`read_oom_score_adj` tells.
    """
    with suppress(OSError):
        fd = _open_own()
        try:
            wanted = min(_HIGHEST, int(os.read(fd, 16)) + OOM_PREFERENCE)
            os.write(fd, str(wanted).encode())
        finally:
            os.close(fd)


def _open_own() -> int:
    """Open our own file, which is closed with our memory: that is opened for this one call."""
    try:
        return os.open(_OWN, os.O_RDWR | os.O_CLOEXEC)
    except PermissionError:
        set_dumpable(True)
        try:
            return os.open(_OWN, os.O_RDWR | os.O_CLOEXEC)
        finally:
            set_dumpable(False)


def read_oom_score_adj(pid: int) -> int | None:
    """Return a process's ``oom_score_adj``, from -1000 to 1000; None where it cannot be read."""
    if not shows_our_pids():
        return None
    try:
        with open(f"/proc/{pid}/oom_score_adj") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None
