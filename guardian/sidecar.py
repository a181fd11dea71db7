"""The sidecar, a program of ours beside the agent: the guardian's child, no member of the run.

Invariant: it never outlives the guardian. The guardian kills it on its way out;
where the guardian itself is killed, the parent-death signal does.

It is in nobody's leaf but the guardian's own group, and spared when the run is
read, signalled and ended. Whoever uses one must be crash-safe: KILL may come at any
instant.
"""

from __future__ import annotations

import contextlib
import os
import signal

from ..kernel.process.descriptors import is_ready

_DYING_SECONDS = 1.0


class Sidecar:
    """One living sidecar, known by a descriptor, so that a reused pid is never meant."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._pidfd = os.pidfd_open(pid)

    def kill(self) -> None:
        """Kill it, and wait a second at most: one that the disk holds up dies later."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        is_ready(self._pidfd, _DYING_SECONDS)
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG)
        self.close()

    def close(self) -> None:
        """Forget one that was reaped."""
        os.close(self._pidfd)
