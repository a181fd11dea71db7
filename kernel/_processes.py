"""Find and signal processes, read from ``/proc``, each named so that it cannot be mistaken."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterable, Iterator

from ._identity import ProcessIdentity, ProcessStat, boot_id, read_stat

_POLL_BATCH = 512


def is_live(stat: ProcessStat) -> bool:
    """Tell whether a process still runs code.

    A zombie does not, unless only its first thread has ended: the kernel then
    shows the leader as a zombie while the other threads go on.
    """
    return stat.state not in "ZX" or stat.threads > 1


def all_stats() -> Iterator[ProcessStat]:
    """Yield every process visible here; one that ends meanwhile is left out."""
    for name in os.listdir("/proc"):
        if name.isdigit() and (stat := read_stat(int(name))) is not None:
            yield stat


def descendants(root: int, spared: Iterable[int] = ()) -> tuple[ProcessIdentity, ...]:
    """Return the live descendants of ``root``, one reading of ``/proc``.

    :param spared: pids whose whole subtrees are left out.

    A process forked while we read may be missing; callers repeat until empty,
    which a subreaper makes sound: nobody leaves the tree.
    """
    children: dict[int, list[ProcessStat]] = {}
    for stat in all_stats():
        children.setdefault(stat.parent, []).append(stat)
    found: list[ProcessIdentity] = []
    left_out = set(spared)
    pending = [root]
    while pending:
        for stat in children.get(pending.pop(), ()):
            if stat.pid in left_out:
                continue
            pending.append(stat.pid)
            if is_live(stat):
                found.append(ProcessIdentity(stat.pid, stat.start_time, boot_id()))
    return tuple(found)


def tagged(name: str, value: str) -> tuple[ProcessIdentity, ...]:
    """Return this user's live processes that were started with ``name=value``.

    Reads ``/proc/PID/environ``, the environment at exec: a process may have
    cleared it. Processes of other users are never returned.
    """
    needle = os.fsencode(f"{name}={value}")
    found: list[ProcessIdentity] = []
    for stat in all_stats():
        with contextlib.suppress(OSError):
            if os.stat(f"/proc/{stat.pid}").st_uid != os.getuid() or stat.pid == os.getpid():
                continue
            with open(f"/proc/{stat.pid}/environ", "rb") as file:
                carries = needle in file.read().split(b"\0")
            if carries and is_live(stat):
                found.append(ProcessIdentity(stat.pid, stat.start_time, boot_id()))
    return tuple(found)


def open_pidfd(process: ProcessIdentity) -> int | None:
    """Return a descriptor of exactly that process, or None when it is gone.

    The descriptor is opened first and the start time compared after: once open
    it cannot move to another process, so what was compared is what is signalled.
    """
    try:
        fd = os.pidfd_open(process.pid)
    except (ProcessLookupError, OSError):
        return None
    stat = read_stat(process.pid)
    if stat is None or stat.start_time != process.start_time or process.boot_id != boot_id():
        os.close(fd)
        return None
    return fd


def send_signal(process: ProcessIdentity, signum: int) -> bool:
    """Send a signal to exactly that process.

    :returns: False when it is gone, or is no longer ours to signal (it changed
        its user).
    """
    fd = open_pidfd(process)
    if fd is None:
        return False
    try:
        signal.pidfd_send_signal(fd, signum)
    except (ProcessLookupError, PermissionError):
        return False
    finally:
        os.close(fd)
    return True


def wait_any_exit(processes: Iterable[ProcessIdentity], timeout: float) -> None:
    """Wait until one of the processes has ended or ``timeout`` seconds have passed."""
    poll = select.poll()
    fds: list[int] = []
    deadline = time.monotonic() + timeout
    try:
        for process in list(processes)[:_POLL_BATCH]:
            fd = open_pidfd(process)
            if fd is None:
                return
            fds.append(fd)
            poll.register(fd, select.POLLIN)
        poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
    finally:
        for fd in fds:
            os.close(fd)
