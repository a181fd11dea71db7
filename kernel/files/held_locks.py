"""The files that are locked, read from ``/proc/locks`` without taking a lock (proc_locks(5)).

Trying a lock, even for a moment, would make a launch find its workspace busy. Locks of
processes in other pid namespaces may be missing. A lock whose file description was passed on
is shown under the pid that took it, which may have ended since.
"""

from __future__ import annotations

import os

FileId = tuple[int, int, int]


def file_id(status: os.stat_result) -> FileId:
    """Return (major, minor, inode), by which ``/proc/locks`` names a file."""
    return os.major(status.st_dev), os.minor(status.st_dev), status.st_ino


def held_locks() -> dict[FileId, list[int]]:
    """Return every file that somebody holds a flock on, with the pids of its holders.

    Where ``/proc/locks`` cannot be read there is none.
    """
    try:
        return _read_locks()
    except OSError:
        return {}


def flock_holders(path: str | os.PathLike[str]) -> list[int]:
    """Return the pids that hold a flock on a file; nothing where there is no such file.

    :raises OSError: ``/proc/locks`` cannot be read.
    """
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return []
    return _read_locks().get(file_id(found), [])


def _read_locks() -> dict[FileId, list[int]]:
    held: dict[FileId, list[int]] = {}
    with open("/proc/locks") as file:
        rows = [line.split() for line in file]
    for row in rows:
        # A process that waits for a lock has "->" in the place of the lock's kind.
        if row[1] == "FLOCK":
            major, minor, inode = row[5].split(":")
            held.setdefault((int(major, 16), int(minor, 16), int(inode)), []).append(int(row[4]))
    return held
