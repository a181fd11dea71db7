"""The memory of one process, as ``/proc`` counts it."""

from __future__ import annotations

import os

_PAGE = os.sysconf("SC_PAGE_SIZE")


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process, 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def proportional_bytes(pid: int) -> int:
    """Return the memory of a process in which a page that several share counts in part.

    Where the kernel does not tell that, the resident memory; 0 when the process is gone.
    """
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            lines = (line.split() for line in file)
            return next((int(line[1]) * 1024 for line in lines if line[0] == "Pss:"), 0)
    except (OSError, IndexError):
        return resident_bytes(pid)
