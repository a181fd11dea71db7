"""The signals a guardian takes: noted by the kernel, read in its own time.

Invariant: the handlers do nothing, so a signal interrupts
nothing. A signal that is delivered twice within `DUPLICATE_SECONDS` is reported once.
"""

from __future__ import annotations

import os
import signal
import time

FORWARDED = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGCONT,
)
# A terminal, timeout(1) and a kill of the group can each deliver one signal twice.
DUPLICATE_SECONDS = 0.3
# So late a supervisor may tell of the signal that was sent to it and to us.
ECHO_SECONDS = 10.0
# A job may be stopped and continued as often as somebody likes.
_JOB_CONTROL = (signal.SIGCONT, signal.SIGTSTP)
# So many in a second are told of: each one is passed on to the agent, and written down.
_MOST_CONTINUATIONS = 16


class SignalPipe:
    """What this process was sent, as a descriptor to poll. One per process: handlers are its own.

    :ivar taken: the signals whose disposition is ours; a program must not inherit that.
    :ivar requests: those of them that ask for something: not the signals of job control.
    """

    def __init__(self) -> None:
        self._last_time: dict[int, float] = {}
        self._continued: list[float] = []
        self._wakeup, self._wakeup_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._wakeup_write)
        # A signal that was ignored on entry stays so (nohup, a shell's background job).
        forwarded = [s for s in FORWARDED if signal.getsignal(s) != signal.SIG_IGN]
        self.requests = tuple(signum for signum in forwarded if signum not in _JOB_CONTROL)
        # By default it ends a process whose limit of CPU time somebody lowered.
        warned = [s for s in (signal.SIGXCPU,) if signal.getsignal(s) != signal.SIG_IGN]
        self.taken: tuple[signal.Signals, ...] = (signal.SIGCHLD, *warned, *forwarded)
        for signum in self.taken:
            signal.signal(signum, _note)
        # A mask outlives fork and exec: a host that waits for its signals itself has them blocked.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self.taken)

    def fileno(self) -> int:
        """Return the descriptor that is readable once a signal was noted."""
        return self._wakeup

    def read(self) -> bytes:
        """Return the numbers noted since the last call, in their order; never waits."""
        try:
            return os.read(self._wakeup, 4096)
        except BlockingIOError:
            return b""

    def is_new(self, signum: int, window: float = DUPLICATE_SECONDS) -> bool:
        """Tell whether a signal is new, and not the last one delivered once more.

        :param window: seconds in which the same signal counts as delivered twice.
        """
        now = time.monotonic()
        if signum == signal.SIGCONT and self._is_flood(now):
            return False
        if signum in _JOB_CONTROL:
            self._last_time.pop(signum, None)
        if now - self._last_time.get(signum, -window) < window:
            return False
        self._last_time[signum] = now
        return True

    def _is_flood(self, now: float) -> bool:
        self._continued = [then for then in self._continued if now - then < 1.0]
        self._continued.append(now)
        del self._continued[: -_MOST_CONTINUATIONS - 1]
        return len(self._continued) > _MOST_CONTINUATIONS

    def take_stop(self) -> None:
        """Note SIGTSTP too, unless it is ignored: whoever has a raw terminal puts it back first."""
        # Putting it back from the background must not stop us.
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        if signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL:
            signal.signal(signal.SIGTSTP, _note)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTSTP])
            self.taken = (*self.taken, signal.SIGTSTP)

    def give_back(self) -> None:
        """Put every disposition back in a fork, which has its own signals."""
        signal.set_wakeup_fd(-1)
        for signum in self.taken:
            signal.signal(signum, signal.SIG_DFL)
        for fd in (self._wakeup, self._wakeup_write):
            os.close(fd)


def _note(_signum: int, _frame: object) -> None:
    """Let the wake-up descriptor carry the signal; nothing happens in the handler itself."""
