"""Which lock files are held, read without taking any.

Trying a lock, even for a moment, would make a launch find its workspace busy.
"""

from __future__ import annotations

import os
from pathlib import Path


def held_locks() -> frozenset[tuple[int, int, int]]:
    """Return (major, minor, inode) of every file somebody holds a flock on (proc_locks(5)).

    Locks of processes in other pid namespaces may be missing.
    """
    try:
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return frozenset()
    held: set[tuple[int, int, int]] = set()
    for line in lines:
        words = line.split()
        if len(words) == 8 and words[1] == "FLOCK":
            major, minor, inode = words[5].split(":")
            held.add((int(major, 16), int(minor, 16), int(inode)))
    return frozenset(held)


def lock_name(status: os.stat_result) -> tuple[int, int, int]:
    """Return what `held_locks` calls a file."""
    return os.major(status.st_dev), os.minor(status.st_dev), status.st_ino
