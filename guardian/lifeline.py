"""Wake the stopped half of a run when the other half dies."""

from __future__ import annotations

import fcntl
import os
import signal

from ..kernel.libc import set_parent_death_signal


class Lifeline:
    """A pipe into which nobody writes: its writer's end is the supervisor's end.

    An agent can stop one half and then kill the other. Nobody is left then to continue the first,
    so the kernel does. When the last writer of a pipe is closed, it sends the signal that the
    reader's owner asked for (fcntl(2), ``O_ASYNC`` and ``F_SETSIG``). A child gets the signal that
    it asked for when its parent ends (prctl(2), ``PR_SET_PDEATHSIG``).
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()

    def keep_as_supervisor(self) -> None:
        """Hold the writer's end, which no program that we start inherits.

        Have the kernel continue this process at the end of the guardian, its parent. A guardian
        that ended before this call has closed the channel, which a running process sees itself.
        """
        os.close(self._read)
        set_parent_death_signal(signal.SIGCONT)

    def keep_as_guardian(self) -> None:
        """Have the kernel continue this process at the end of the supervisor."""
        os.close(self._write)
        fcntl.fcntl(self._read, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(self._read, fcntl.F_SETSIG, signal.SIGCONT)
        flags = fcntl.fcntl(self._read, fcntl.F_GETFL)
        fcntl.fcntl(self._read, fcntl.F_SETFL, flags | os.O_ASYNC)
