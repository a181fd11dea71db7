"""Name a process so that a reused pid is never mistaken for it.

A pid alone names whoever has it today. A pid, the kernel's start time of the
process and the id of the boot name one process for ever.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from ..values import frozen


@frozen
class ProcessIdentity:
    """One process, for ever.

    :param pid: its number, in the pid namespace of whoever wrote this down.
    :param start_time: clock ticks since boot (field 22 of ``/proc/PID/stat``, proc(5)).
    :param boot_id: ``/proc/sys/kernel/random/boot_id`` at the time.
    """

    pid: int
    start_time: int
    boot_id: str

    # By hand: a look at a large run compares them by the thousand.
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ProcessIdentity) or self.pid != other.pid:
            return False
        return self.start_time == other.start_time and self.boot_id == other.boot_id

    def __hash__(self) -> int:
        return hash((self.pid, self.start_time))


@frozen
class ProcessStat:
    """The fields of ``/proc/PID/stat`` that supervision rests on (proc(5))."""

    pid: int
    state: str
    parent: int
    group: int
    session: int
    cpu_ticks: int
    threads: int
    start_time: int


@cache
def boot_id() -> str:
    """Return the id of this boot of the machine, or ``unknown`` where /proc does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


# For which process, and whether /proc shows it.
_seen: tuple[int, bool] = (0, False)


def shows_our_pids() -> bool:
    """Tell whether /proc counts processes as the calling process does.

    A /proc of another pid namespace (``unshare --pid`` without a mount of its own) shows
    strangers under our numbers. So it is worth as much as none.
    """
    global _seen
    pid = os.getpid()
    if _seen[0] != pid:
        try:
            _seen = pid, os.readlink("/proc/self") == str(pid)
        except OSError:
            _seen = pid, False
    return _seen[1]


def parse_stat(text: str) -> ProcessStat:
    """Parse one ``/proc/PID/stat`` line.

    The command name may itself hold spaces and parentheses, so fields are
    counted from the *last* closing parenthesis.
    """
    pid, rest = text.split(" ", 1)
    fields = rest[rest.rindex(")") + 2 :].split(" ", 20)
    # By position, in the order of the class: by name it takes twice as long.
    return ProcessStat(
        int(pid),
        fields[0],
        int(fields[1]),
        int(fields[2]),
        int(fields[3]),
        int(fields[11]) + int(fields[12]),
        int(fields[17]),
        int(fields[19]),
    )


def read_stat(pid: int) -> ProcessStat | None:
    """Return the kernel's facts about ``pid``, or None when no such process exists."""
    if not shows_our_pids():
        return None
    # Plain calls: a look at a thousand processes takes half the time of that with Path.
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        # It is gone, or another user's and hidden (hidepid).
        return None
    try:
        return parse_stat(os.read(fd, 4096).decode(errors="replace"))
    except ProcessLookupError:
        return None
    finally:
        os.close(fd)


def identify(pid: int) -> ProcessIdentity | None:
    """Return the identity of the process that has ``pid`` now, or None."""
    stat = read_stat(pid)
    return None if stat is None else ProcessIdentity(pid, stat.start_time, boot_id())


def name_process(pid: int) -> ProcessIdentity:
    """Return the identity of a process, or, when it is gone, one that never runs again."""
    return identify(pid) or ProcessIdentity(pid, 0, boot_id())


def is_live(stat: ProcessStat) -> bool:
    """Tell whether a process still runs code.

    A zombie does not, unless only its first thread has ended. The kernel then shows the leader
    as a zombie while the other threads go on.
    """
    return stat.state not in "ZX" or stat.threads > 1


def is_running(identity: ProcessIdentity) -> bool:
    """Tell whether that very process still runs. See :func:`is_live` for zombies."""
    stat = read_stat(identity.pid)
    return (
        identity.boot_id == boot_id()
        and stat is not None
        and stat.start_time == identity.start_time
        and is_live(stat)
    )
