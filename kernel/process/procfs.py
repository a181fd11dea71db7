"""Find and signal processes, read from ``/proc``, each named so that it cannot be mistaken."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from .identity import (
    ProcessIdentity,
    ProcessStat,
    boot_id,
    is_live,
    read_stat,
    shows_our_pids,
)

_POLL_BATCH = 512
_LOOKS = 50
_STOPPED = "T"


def all_stats(known: Mapping[int, ProcessStat] = MappingProxyType({})) -> Iterator[ProcessStat]:
    """Yield every process visible here; a process that ends meanwhile is left out.

    :param known: what was read of some of them just now, and is not read again.
    """
    pids = (int(name) for name in _names() if name.isdigit())
    # The youngest first: a link in a chain of forks is dead again soon.
    for pid in sorted(pids, reverse=True):
        if (stat := known.get(pid) or read_stat(pid)) is not None:
            yield stat


def _names() -> list[str]:
    if not shows_our_pids():
        return []
    try:
        return os.listdir("/proc")
    except OSError:
        return []


def descendants(
    root: int,
    spared: Iterable[int] = (),
    known: Mapping[int, ProcessStat] = MappingProxyType({}),
    passed: int | None = None,
) -> tuple[ProcessIdentity, ...]:
    """Return the live descendants of ``root``, one reading of ``/proc``.

    :param spared: pids whose whole subtrees are left out.
    :param passed: a pid that is left out itself, and its subtree is not.
    :param known: as for :func:`all_stats`.

    A process forked while we read may be missing, so an empty result proves
    nothing: :func:`is_childless` does.
    """
    children: dict[int, list[ProcessStat]] = {}
    for stat in all_stats(known):
        children.setdefault(stat.parent, []).append(stat)
    found: list[ProcessIdentity] = []
    left_out = set(spared)
    pending = [root]
    while pending:
        for stat in children.get(pending.pop(), ()):
            if stat.pid in left_out:
                continue
            pending.append(stat.pid)
            if is_live(stat) and stat.pid != passed:
                found.append(ProcessIdentity(stat.pid, stat.start_time, boot_id()))
    return tuple(found)


def open_pidfd(process: ProcessIdentity) -> int | None:
    """Return a descriptor of exactly that process, or None when it is gone.

    The descriptor is opened first and the start time compared after. An open descriptor cannot
    move to another process, so the process that was compared is signalled.
    """
    try:
        fd = os.pidfd_open(process.pid)
    except (ProcessLookupError, OSError):
        return None
    try:
        stat = read_stat(process.pid)
        if stat and stat.start_time == process.start_time and process.boot_id == boot_id():
            return fd
    except BaseException:
        os.close(fd)
        raise
    os.close(fd)
    return None


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


def is_stopped(process: ProcessIdentity) -> bool:
    """Tell whether somebody has stopped the process that has this number."""
    stat = read_stat(process.pid)
    return stat is not None and stat.state == _STOPPED


def continue_stopped(process: ProcessIdentity) -> bool:
    """Continue exactly that process where somebody has stopped it; tell whether it was stopped."""
    return is_stopped(process) and send_signal(process, signal.SIGCONT)


def is_childless(parent: int, spared: Iterable[int] = ()) -> bool | None:
    """Tell whether ``parent`` has no live child, beside the spared ones.

    For a subreaper this is the proof that nothing of its tree runs: while any descendant lives,
    one of them is its child. The kernel walks the list one entry at a time and can skip one
    behind an entry that is reaped meanwhile. So a list that is not empty counts only if two
    readings agree. After each, all that they show must have been zombies, not yet reaped. Then
    nothing can have been skipped or forked.

    :returns: None where there is no list of children: the parent is gone, or the
        kernel was built without ``CONFIG_PROC_CHILDREN``.
    """
    left_out = frozenset(spared)
    before: set[int] = set()
    for _ in range(_LOOKS):
        try:
            now = _children(parent) - left_out
        except (FileNotFoundError, ProcessLookupError):
            return None
        if not now:
            return True
        unreaped = True
        for pid in now:
            stat = read_stat(pid)
            if stat is not None and is_live(stat):
                return False
            unreaped = unreaped and stat is not None
        if unreaped and now == before:
            return True
        before = now if unreaped else set()
    return False


def _children(parent: int) -> set[int]:
    if not shows_our_pids():
        raise FileNotFoundError(errno.ENOENT, "another pid namespace's", "/proc")
    with open(f"/proc/{parent}/task/{parent}/children", "rb") as file:
        return {int(word) for word in file.read().split()}


def children_of(parent: int) -> set[int]:
    """Return the children that a process's first thread has now; none where that is unknown."""
    try:
        return _children(parent)
    except OSError:
        return set()


def has_children() -> bool:
    """Tell whether the calling process has any child, zombies included; needs no /proc.

    For a subreaper without one, nothing of its tree is left.
    """
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def reap_children() -> None:
    """Collect every ended child of the calling process; its status is lost."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


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


def has_ended(process: ProcessIdentity) -> bool:
    """Tell whether that very process provably runs no more; in doubt it does."""
    if "unknown" in (process.boot_id, boot_id()) or not process.start_time:
        return False  # nobody saw what it was when this was written down
    if process.boot_id != boot_id():
        return True
    stat = read_stat(process.pid)
    if stat is None:
        return _has_no_process(process.pid)
    return stat.start_time != process.start_time or not is_live(stat)


def _has_no_process(pid: int) -> bool:
    """Tell whether a pid is free, and not merely hidden by the mount of /proc (hidepid)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False
