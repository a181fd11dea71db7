"""Guardians for the runs of one host, the next one always forked ahead.

Forking a guardian takes longer than all else that a launch waits for. So the next guardian is
ordered as soon as the previous guardian was taken. It sleeps until a run needs it, and ends with
the host at the latest.
"""

from __future__ import annotations

import os
import subprocess
import threading
from contextlib import suppress

from ...guardian.channel import Channel
from ...guardian.spawning.fork_server import OrderedGuardian, ServerStuck, start_fork_server
from ...kernel.errors import OperatorError
from ...kernel.exhausted import NoMore
from ...kernel.process.identity import name_process
from ...kernel.process.procfs import continue_stopped
from .inherited import Inherited, what_is_inherited

_PATIENCE = 5.0
# So many are tried that somebody ends, stops or keeps from us before they have a run.
_TRIES = 5


class _Guardians:
    """The host's fork server, started with its first run, and the guardian it has ready.

    Invariants: at most one is ordered. A server serves only the host that started it, and only
    while that host still has the same rights, limits and groups. An agent must not get back rights
    that the host has given up since.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._next: OrderedGuardian | None = None
        self._inherited: Inherited = ()

    def take(self) -> tuple[Channel, int]:
        """Return a guardian's channel and pid, and order the next; waits for it where it must."""
        with self._lock:
            for _ in range(_TRIES):
                if (taken := self._take_ordered()) is not None:
                    return taken
        raise OperatorError(
            f"no guardian can be started: somebody ended or stopped {_TRIES} of them; "
            "open the run again"
        )

    def take_at_once(self) -> tuple[Channel, int] | None:
        """Return the guardian that is ready; None where none is, or another thread asks for it."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            if (ordered := self._next) is None or not self._is_serving():
                return None
            pid = ordered.look()
            return None if pid is None else self._take_fresh(ordered, pid)
        except NoMore:
            self._next = None
            return None
        finally:
            self._lock.release()

    def _take_ordered(self) -> tuple[Channel, int] | None:
        server = self._serving()
        ahead, self._next = self._next, None
        try:
            ordered = ahead or OrderedGuardian(server)
            return self._take_fresh(ordered, ordered.receive(self._continue_server))
        except ServerStuck:
            # It is stopped whenever it goes on. The next try has another one.
            self._end_server()
            return None
        except NoMore:
            if ahead is None:
                raise
            # Since it was ordered there may be room again.
            return None

    def _take_fresh(self, ordered: OrderedGuardian, pid: int) -> tuple[Channel, int] | None:
        """Return a guardian that nobody touched, and order the next; let another one end."""
        self._next = None
        if not ordered.is_fresh(pid):
            ordered.channel.close()
            continue_stopped(name_process(pid))
            return None
        # Without a next one the next run waits; it does not lose this one.
        with suppress(OperatorError, OSError):
            if self._channel is not None:
                self._next = OrderedGuardian(self._channel)
        return ordered.channel, pid

    def _continue_server(self) -> bool:
        return self._process is not None and continue_stopped(name_process(self._process.pid))

    def _serving(self) -> Channel:
        """Return the channel of a server that lives; start one where it is missing."""
        if self._channel is None or not self._is_serving():
            self._end_server()
            self._inherited = what_is_inherited()
            self._process, self._channel = start_fork_server()
        return self._channel

    def let_go(self) -> None:
        """Close our ends of all channels; server and guardian end, unless others hold one."""
        if self._next is not None:
            self._next.channel.close()
            self._next = None
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _end_server(self) -> None:
        self.let_go()
        if self._process is None:
            return
        # It ends by itself, as soon as nobody has the other end; a host that gave up its
        # rights could not even end it.
        with suppress(PermissionError):
            self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)
        _GIVEN_UP.append(self._process)
        self._process = None

    def _is_serving(self) -> bool:
        return (
            self._process is not None
            and self._process.poll() is None
            and self._inherited == what_is_inherited()
        )


# Kept: what is collected while its process runs warns, and waits for another's child.
_GIVEN_UP: list[object] = []
_guardians_of_host = _Guardians()


def _begin_anew() -> None:
    """Give up the copies of a process that was forked from the host: they are the host's.

    Its lock may have been held by a thread that this process does not have.
    """
    global _guardians_of_host
    _GIVEN_UP.append(_guardians_of_host)
    _guardians_of_host.let_go()
    _guardians_of_host = _Guardians()


os.register_at_fork(after_in_child=_begin_anew)


def guardian_at_once() -> tuple[Channel, int] | None:
    """Return a guardian as :func:`open_guardian` does, or None where that would wait.

    :raises OperatorError: no guardian can be started.
    """
    try:
        return _guardians_of_host.take_at_once()
    except OSError as error:
        raise _unavailable(error) from error


def open_guardian() -> tuple[Channel, int]:
    """Return a guardian's channel and pid; it ends its run when we close the channel or die.

    :raises OperatorError: no guardian can be started.
    """
    try:
        return _guardians_of_host.take()
    except OSError as error:
        raise _unavailable(error) from error


def _unavailable(error: OSError) -> OperatorError:
    return OperatorError(f"no guardian can be started: {error.strerror}")
