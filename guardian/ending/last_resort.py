"""End a run when nothing more can be opened, loaded or allocated.

An agent can take all three from its guardian (prlimit(2)). So all that the end needs is opened and
set aside before there is an agent. It needs the switch that kills its group, the list of our own
children, and some memory. None of what is called here opens anything.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Collection

_PAUSE = 0.01
# What the end of a run takes, several times over; below the size that malloc gives back.
_SMALL, _SMALL_COUNT = 400, 600
_LARGE, _LARGE_COUNT = 64 * 1024, 4


class LastResort:
    """Descriptors and memory for the end of a run, held from before its agent is started.

    To be made by the process whose descendants the run is: a subreaper with one thread.
    """

    def __init__(self) -> None:
        self._kill: int | None = None
        pid = os.getpid()
        self._children = _open(f"/proc/{pid}/task/{pid}/children", os.O_RDONLY)
        self._small = [bytes(_SMALL) for _ in range(_SMALL_COUNT)]
        # What lies behind a large piece keeps it from being given back when it is set free.
        self._large = [(bytearray(_LARGE), bytearray(600)) for _ in range(_LARGE_COUNT)]

    def aim_at(self, leaf: str | None) -> None:
        """Hold the switch of this group from now on, and of no other."""
        if self._kill is not None:
            os.close(self._kill)
        self._kill = None if leaf is None else _open(os.path.join(leaf, "cgroup.kill"), os.O_WRONLY)

    def set_memory_free(self) -> None:
        """Make the memory set aside available to whatever comes next."""
        # A few stay, so that no arena becomes free as a whole, and is given back.
        self._small = self._small[::200]
        kept = [behind for _, behind in self._large]
        self._large = [(bytearray(), behind) for behind in kept]

    def kill_all(self, spared: Collection[int], seconds: float) -> bool:
        """Kill the run's group and all that is below this process, but for the spared children.

        Each of our children is killed by its number, which is its own until we collect it;
        its children are then ours. A link of a chain of forks is hit as in any other end.

        :returns: whether nothing was left at the last look.
        """
        until = time.monotonic() + seconds
        empty_before = False
        while True:
            self._kill_group()
            left = self._ours(spared)
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            _collect(spared)
            # Once more: the kernel may skip one in a list that changes while it is read.
            if not left and empty_before:
                return True
            empty_before = not left
            if left:
                if time.monotonic() > until:
                    return False
                time.sleep(_PAUSE)

    def _kill_group(self) -> None:
        if self._kill is not None:
            # It may be gone, and its file is then no longer written to.
            with contextlib.suppress(OSError):
                os.write(self._kill, b"1")

    def _ours(self, spared: Collection[int]) -> list[int]:
        if self._children is None:
            return []
        read = b""
        while chunk := os.pread(self._children, 4096, len(read)):
            read += chunk
        return [pid for word in read.split() if (pid := int(word)) not in spared]


def _collect(spared: Collection[int]) -> None:
    with contextlib.suppress(ChildProcessError):
        while (pid := os.waitpid(-1, os.WNOHANG)[0]) and pid not in spared:
            pass


def _open(path: str, flags: int) -> int | None:
    try:
        return os.open(path, flags | os.O_CLOEXEC)
    except OSError:
        return None
