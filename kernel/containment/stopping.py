"""Stop everything of a run, as a shell stops a job."""

from __future__ import annotations

import signal

from ..process.identity import read_stat
from ..process.procfs import send_signal
from .membership import RunProcesses, members

# One look finds everybody but what was forked during it, by somebody not yet stopped.
_LOOKS = 20


def stop_members(processes: RunProcesses) -> None:
    """Stop every member that runs, and what they forked meanwhile.

    *Not promised* for a chain of forks that outruns some twenty readings.
    """
    for _ in range(_LOOKS):
        running = [each for each in members(processes) if _runs(each.pid)]
        if not running:
            return
        for each in running:
            send_signal(each, signal.SIGSTOP)


def _runs(pid: int) -> bool:
    stat = read_stat(pid)
    return stat is not None and stat.state not in "TtZX"
