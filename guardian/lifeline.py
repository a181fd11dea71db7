"""Wake a stopped guardian when its supervisor dies."""

from __future__ import annotations

import fcntl
import os
import signal


class Lifeline:
    """A pipe into which nobody writes: its writer's end is the supervisor's end.

    An agent can stop the guardian and then kill the supervisor. Nobody is left then to continue
    the guardian. The kernel does: when the last writer of a pipe is closed, it sends the signal
    that the reader's owner asked for (fcntl(2), ``O_ASYNC`` and ``F_SETSIG``).
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()

    def keep_as_supervisor(self) -> None:
        """Hold the writer's end, which no program that we start inherits."""
        os.close(self._read)

    def keep_as_guardian(self) -> None:
        """Have the kernel continue this process at the end of the supervisor."""
        os.close(self._write)
        fcntl.fcntl(self._read, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(self._read, fcntl.F_SETSIG, signal.SIGCONT)
        flags = fcntl.fcntl(self._read, fcntl.F_GETFL)
        fcntl.fcntl(self._read, fcntl.F_SETFL, flags | os.O_ASYNC)
