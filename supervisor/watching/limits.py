"""The limits of a run, enforced by the kernel where it can, else by our watching."""

from __future__ import annotations

import os
import signal

from ...kernel.cgroup.limits import limit_leaf, read_counter
from ...kernel.containment.membership import RunProcesses, members
from ...kernel.errors import OperatorError
from ...kernel.process.memory import proportional_bytes, resident_bytes
from ...kernel.values import frozen
from ..request import LaunchRequest

_TICKS = os.sysconf("SC_CLK_TCK")


class LimitRefused(OperatorError):
    """This machine gives us no controller for a limit that cannot be watched."""

    def __init__(self, flag: str, why: str) -> None:
        self.flag = flag
        super().__init__(
            f"{flag}: {why}; expected a cgroup v2 group whose {flag.strip('-').split('-')[0]}"
            " controller is delegated to us; run in such a group or leave the limit out"
        )


@frozen
class Limits:
    """The limits that *we* enforce on one attempt.

    :param seconds: until the run is ended, or None.
    :param idle: seconds without output and under 1 % of a core, or None.
    :param memory: bytes of the whole run, or None when there is no limit or the
        kernel enforces it.
    """

    seconds: float | None = None
    idle: float | None = None
    memory: int | None = None


def set_limits(request: LaunchRequest, leaf: str | None, why_no_leaf: str | None) -> Limits:
    """Let the kernel enforce what it can.

    :returns: what is left for us to watch.
    :raises LimitRefused: ``--pids-max`` or ``--cpu-max`` cannot be enforced here.
    """
    wanted = {
        name: value
        for name, value in {
            "memory.max": request.memory_max,
            "pids.max": request.pids_max,
            "cpu.max": request.cpu_max and f"{round(request.cpu_max * 100_000)} 100000",
        }.items()
        if value
    }
    asked = {name: str(value) for name, value in wanted.items()}
    refused = set(asked) if leaf is None else limit_leaf(leaf, asked)
    for name, flag in (("pids.max", "--pids-max"), ("cpu.max", "--cpu-max")):
        if name in refused:
            raise LimitRefused(flag, why_no_leaf or "the controller is not there")
    if leaf is not None and "memory.max" in asked and "memory.max" not in refused:
        limit_leaf(leaf, {"memory.oom.group": "1"})
    watched = request.memory_max if "memory.max" in refused else None
    return Limits(request.timeout, request.idle_timeout, watched)


def cpu_seconds(processes: RunProcesses) -> float:
    """Return the CPU time the run has used.

    From the leaf's own account where there is one; else the sum over living
    processes, which falls when one ends.
    """
    used = read_counter(processes.leaf, "cpu.stat", "usage_usec") if processes.leaf else None
    if used is not None:
        return used / 1e6
    from ...kernel.process.identity import read_stat

    stats = (read_stat(process.pid) for process in members(processes))
    return sum(stat.cpu_ticks for stat in stats if stat is not None) / _TICKS


def memory_bytes(processes: RunProcesses, limit: int) -> int:
    """Return the memory the run holds, shared pages counted once when it matters.

    Resident sizes are cheap and count shared pages in each process; only when
    their sum passes the limit is the exact, slow figure read.
    """
    pids = [process.pid for process in members(processes)]
    resident = sum(resident_bytes(pid) for pid in pids)
    return resident if resident <= limit else sum(proportional_bytes(pid) for pid in pids)


def kernel_killed_for_memory(leaf: str | None, wait_status: int | None) -> bool:
    """Tell whether the kernel killed a program because its leaf ran out of memory.

    The leaf counts every kill in it; a program that lost a child and ended by itself
    was not killed.

    :param wait_status: the program's own, as from waitpid(2), or None.
    """
    if leaf is None or wait_status is None or _signal_of(wait_status) != signal.SIGKILL:
        return False
    return bool(read_counter(leaf, "memory.events", "oom_kill"))


def _signal_of(wait_status: int) -> int | None:
    return os.WTERMSIG(wait_status) if os.WIFSIGNALED(wait_status) else None


def kernel_peak_memory(leaf: str | None) -> int | None:
    """Return the leaf's highest memory use in bytes, where the kernel kept account."""
    return None if leaf is None else read_counter(leaf, "memory.peak")
