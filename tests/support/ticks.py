"""Wait until a file is older than the clock that gives files their times."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

# Above the longest tick of a kernel, which is 10 ms.
_TICK_NS = 30_000_000


def wait_one_tick(path: Path) -> None:
    """Return when whatever changes ``path`` from now on gives it another ctime.

    The kernel takes a file's times from a clock of some milliseconds. The product
    therefore refuses a file that changed within its last tick. The probe is a
    file without a name in the same directory, which no walk sees.
    """
    changed = path.stat().st_ctime_ns
    with tempfile.TemporaryFile(dir=path.parent) as probe:
        while os.fstat(probe.fileno()).st_ctime_ns - changed <= _TICK_NS:
            time.sleep(0.005)
            os.utime(probe.fileno())
