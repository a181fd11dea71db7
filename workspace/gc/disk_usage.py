"""How much disk a tree takes, in bounded time."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

_PATIENCE = 2.0


@dataclass(frozen=True, slots=True)
class DiskUsage:
    """Disk taken by a tree.

    :param size: bytes of blocks, hard links counted once.
    :param complete: False when time ran out; the tree then takes at least ``size``.
    """

    size: int
    complete: bool


def disk_usage(top: Path, seconds: float = _PATIENCE) -> DiskUsage:
    """Add up a tree without following links or leaving its filesystem; stop after some seconds."""
    deadline = time.monotonic() + seconds
    try:
        device = os.lstat(top).st_dev
    except OSError:
        return DiskUsage(0, True)
    total, seen, waiting = 0, set[int](), [str(top)]
    while waiting:
        if time.monotonic() > deadline:
            return DiskUsage(total, False)
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    if status.st_dev != device or (status.st_nlink > 1 and status.st_ino in seen):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif status.st_nlink > 1:
                        seen.add(status.st_ino)
                    total += status.st_blocks * 512
        except OSError:
            continue
    return DiskUsage(total, True)
