"""Find the processes of a run by the tag in the environment they were started with."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

from ..process.identity import ProcessIdentity, ProcessStat, boot_id, is_live
from ..process.procfs import all_stats
from .signalling import Seen, opened

_LOOKS = 50
_EXEC_SECONDS = 0.001


def find_by_environ(name: str, value: str) -> tuple[ProcessIdentity, ...]:
    """Return this user's live processes that were started with ``name=value``.

    Reads ``/proc/PID/environ``, the environment at exec: a process may have
    cleared it. Processes of other users are never returned.
    """
    needle = os.fsencode(f"{name}={value}")
    return tuple(
        ProcessIdentity(stat.pid, stat.start_time, boot_id())
        for stat in all_stats()
        if _carries(stat, needle)
    )


def look_for_tag(name: str, value: str) -> Iterator[Seen]:
    """Yield those whom :func:`find_by_environ` returns, each as soon as it was found."""
    needle = os.fsencode(f"{name}={value}")
    for found in all_stats():
        with opened(found.pid) as (stat, pidfd):
            # Read while it is held open: not of whoever had the number before.
            if stat is not None and _carries(stat, needle):
                yield stat, pidfd


def _carries(stat: ProcessStat, needle: bytes) -> bool:
    try:
        if os.stat(f"/proc/{stat.pid}").st_uid != os.getuid() or stat.pid == os.getpid():
            return False
        return is_live(stat) and needle in _environment_after_exec(stat).split(b"\0")
    except OSError:
        return False


def _environment_after_exec(stat: ProcessStat) -> bytes:
    """Return a process's environment; one in the middle of an exec is looked at again.

    The kernel swaps the memory first and notes where arguments and environment lie
    last, so for some microseconds a process shows neither.
    """
    for _ in range(_LOOKS):
        if environment := _environment(stat):
            return environment
        if not _is_in_exec(stat.pid):
            # It may have been, until just now.
            return _environment(stat)
        time.sleep(_EXEC_SECONDS)
    return b""


def _is_in_exec(pid: int) -> bool:
    """Tell whether a process shows no arguments although it has a program.

    A kernel thread shows none either, and has no program.
    """
    os.readlink(f"/proc/{pid}/exe")
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return not file.read(1)


def _environment(stat: ProcessStat) -> bytes:
    """Return a process's environment at exec, read through a thread that still lives."""
    if stat.state not in "ZX":
        threads = [stat.pid]
    else:
        # The first thread has ended and shows nothing; the others share what it had.
        threads = [int(name) for name in os.listdir(f"/proc/{stat.pid}/task")]
    for thread in threads:
        with (
            contextlib.suppress(OSError),
            open(f"/proc/{stat.pid}/task/{thread}/environ", "rb") as file,
        ):
            if environment := file.read():
                return environment
    return b""
