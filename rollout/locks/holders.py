"""List the processes that have a file open, from ``/proc`` (proc(5)).

Used to name the holder of a lock, and in place of a kernel lease where the
filesystem offers none. It sees only processes whose descriptors we may read (our
own user's, or all as root), and only those of this machine.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_Condition = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Holder:
    """One process that has a file open.

    :param pid: its number now.
    :param command: its command name, at most 15 characters; empty once it is gone.
    """

    pid: int
    command: str

    def __str__(self) -> str:
        return f"{self.command or 'process'} (pid {self.pid})"


def describe_holders(holders: list[Holder]) -> str:
    """Name the holders of a lock in a message."""
    return ", ".join(map(str, holders)) or "a process that we may not inspect"


def lock_holders(path: str) -> list[Holder]:
    """Return the processes through whose open file the flock on ``path`` is held.

    Empty when nobody holds it, or none that we may see.
    """
    return [Holder(pid, _command(pid)) for pid in sorted(set(_holding(path, _holds_flock)))]


def writers_of(path: str) -> list[Holder]:
    """Return the other processes that have the file at ``path`` open for writing.

    Mappings whose descriptor was closed are not seen; a kernel lease sees them.
    """
    found = set(_holding(path, _open_for_writing)) - {os.getpid()}
    return [Holder(pid, _command(pid)) for pid in sorted(found)]


def _holding(path: str, condition: _Condition) -> Iterator[int]:
    try:
        wanted = os.stat(path)
    except FileNotFoundError:
        return
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        for number in _descriptors_on(pid, wanted):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/fdinfo/{number}") as info:
                if condition(info.read()):
                    yield int(pid)


def _descriptors_on(pid: str, wanted: os.stat_result) -> Iterator[str]:
    directory = f"/proc/{pid}/fd"
    # A process may end, or not be ours to look at, between any two of these calls.
    with contextlib.suppress(OSError):
        for number in os.listdir(directory):
            with contextlib.suppress(OSError):
                if os.path.samestat(os.stat(f"{directory}/{number}"), wanted):
                    yield number


def _holds_flock(info: str) -> bool:
    return any(line.startswith("lock:") and " FLOCK " in line for line in info.splitlines())


def _open_for_writing(info: str) -> bool:
    flags = next(line for line in info.splitlines() if line.startswith("flags:"))
    return int(flags.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY


def _command(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", errors="replace") as comm:
            return comm.read().strip()
    except OSError:
        return ""
