"""Signal the processes of a run as they are found: who is read about first has forked meanwhile.

A machine that is full of processes gives a reader a few milliseconds at a time, with long
pauses in between. A list that takes longer than that is of processes which have handed over and
ended. So each is signalled in the moment in which it was seen, and looks go on until
the last one found nobody new.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Container, Generator, Iterator
from contextlib import contextmanager, suppress

from ..process.descriptors import is_ready
from ..process.identity import ProcessIdentity, ProcessStat, read_stat, shows_our_pids

# So many in a row had ended before they were read: the list has aged.
_STALE = 8

_Child = tuple[int, int, int]  # of whom it is a child, when that one began, and its pid

# A live process as it was just read, and a pidfd of exactly that process, open until the next
# step. None stands for a process that was there and had gone before that.
Seen = tuple[ProcessStat, int] | None


def signal_seen(look: Callable[[], Iterator[Seen]], signum: int, seconds: float) -> int:
    """Send a signal to each process once, as it is seen; return how many received it.

    Looks again until nobody new was seen and nobody missed, or ``seconds`` have passed. What a
    process starts after it was told to end is its own way to end: only KILL goes there, too.
    """
    told: set[tuple[int, int]] = set()
    parents: set[int] = set()
    until = time.monotonic() + seconds
    while True:
        again, heard = False, set[int]()
        for seen in look():
            if seen is None:
                again = True
                continue
            stat, pidfd = seen
            name = stat.pid, stat.start_time
            is_answer = stat.parent in parents and signum != signal.SIGKILL
            if name not in told and not is_answer and send_by(pidfd, signum):
                told.add(name)
                heard.add(stat.pid)
        if not (again or heard) or time.monotonic() >= until:
            return len(told)
        parents |= heard


def lists_children(parent: int) -> bool:
    """Tell whether the kernel lists the children of ``parent`` (``CONFIG_PROC_CHILDREN``)."""
    return shows_our_pids() and os.access(f"/proc/{parent}/task/{parent}/children", os.R_OK)


def look_below(
    root: ProcessIdentity, spared: Container[int] = (), passed: int | None = None, until: float = 0
) -> Iterator[Seen]:
    """Yield the live descendants of ``root``, each before its own children are listed.

    So a parent that was ended when it was yielded has no child afterwards that was missed.
    The youngest come first: a link in a chain of forks is dead again soon.

    :param spared: pids whose whole subtrees are left out.
    :param passed: a pid that is left out itself, and its subtree is not.
    :param until: so long (CLOCK_MONOTONIC) a list that has aged is read again.
    """
    pending = [(root.pid, root.start_time, pid) for pid in _children(root.pid)]
    done: set[int] = set()
    misses = 0
    while pending or misses:
        if misses >= _STALE or not pending:
            misses = 0
            if time.monotonic() < until:
                pending = list(_renewed(pending, root, done))
            continue
        parent, since, pid = pending.pop()
        done.add(pid)
        if pid in spared:
            continue
        with opened(pid) as (stat, pidfd):
            if stat is None:
                # Reaped, or a zombie: of those a chain leaves more than there is time to read.
                misses += 1
                continue
            # Asked after the child was read: until then the number was this parent's.
            if stat.parent != parent or not _is_still(parent, since):
                yield None
                continue
            misses = 0
            if pid != passed:
                yield stat, pidfd
        pending += ((pid, stat.start_time, below) for below in _children(pid))


def _renewed(pending: list[_Child], root: ProcessIdentity, done: set[int]) -> Iterator[_Child]:
    """Yield who is still to be read, by a list that has not aged; the youngest come last."""
    for child in pending:
        if child[0] != root.pid:
            yield child
    for pid in _children(root.pid):
        if pid not in done:
            yield root.pid, root.start_time, pid


@contextmanager
def opened(pid: int) -> Generator[tuple[ProcessStat | None, int]]:
    """Hold open whoever has this pid, unless it has ended; what was read is of exactly that one."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        yield None, -1
        return
    try:
        stat = None if is_ready(fd) else read_stat(pid)
        # Once it has ended the number may be another's.
        yield None if is_ready(fd) else stat, fd
    finally:
        os.close(fd)


def send_by(pidfd: int, signum: int) -> bool:
    """Send a signal; return False to who is gone, or no longer ours: it changed its user."""
    try:
        signal.pidfd_send_signal(pidfd, signum)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _is_still(pid: int, since: int) -> bool:
    stat = read_stat(pid)
    return stat is not None and stat.start_time == since


def _children(parent: int) -> list[int]:
    """Return the children of all threads of a process, the youngest last."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{parent}/task"):
            with open(f"/proc/{parent}/task/{thread}/children", "rb") as file:
                found += map(int, file.read().split())
    return found
