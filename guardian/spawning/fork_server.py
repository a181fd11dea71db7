"""One small process per host that forks a guardian for each run embedded there.

A host may have threads, so it cannot fork safely itself. Orphans of two runs under one subreaper
could not be told apart, so each run has its own guardian. End of file on the server's channel ends
the server. Each guardian has a channel of its own to the host, and ends its run when that channel
closes. Both end with the host as well: a process that it forked has copies of all its channels.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

from ...kernel.errors import OperatorError
from ...kernel.exhausted import NoMore, is_no_more
from ...kernel.process.descriptors import is_ready
from ...kernel.process.identity import read_stat
from ..channel import Channel, open_channel_pair
from ..codec import decode_forked
from ..protocol import ForkAnswer, ForkGuardian, GuardianForked

_PROGRAM = "from codexlab.guardian.fork_server_main import serve; serve({fd}, {host})"
_STOPPED = "T"
# So long a server is waited for that answers nothing: in rounds, as we may be stopped meanwhile.
# Its first answer comes when it has started, which may take long on a busy machine.
_ROUND_SECONDS, _ROUNDS = 0.05, 2400
# A round at whose end it was found stopped counts so many times: it is stopped whenever it goes on.
_STOPPED_COUNTS = 12
_numbers = itertools.count(1)


def start_fork_server() -> tuple[subprocess.Popen[bytes], Channel]:
    """Start the server; nothing of this process is changed, and no thread is forked.

    :returns: the process, and our end of its channel.
    """
    ours, theirs = open_channel_pair()
    fd, host = theirs.fileno(), os.pidfd_open(os.getpid())
    try:
        process = subprocess.Popen(
            # -P: nothing is imported from the directory we happen to be in.
            [sys.executable, "-P", "-c", _PROGRAM.format(fd=fd, host=host)],
            pass_fds=[fd, host],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(_search_path())},
            start_new_session=True,
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
        os.close(host)
    return process, ours


def _search_path() -> Iterator[str]:
    """Yield where the host imports from: it may have found us by a changed ``sys.path``."""
    for place in sys.path:
        # An empty one is the directory the host is in, which may be gone.
        with contextlib.suppress(FileNotFoundError):
            yield place or os.getcwd()


class ServerStuck(OperatorError):
    """The server has answered nothing for two minutes; for ten seconds where it was stopped."""

    def __init__(self) -> None:
        super().__init__("the process that forks guardians does not answer; open the run again")


class OrderedGuardian:
    """A guardian that was asked for and is perhaps not there yet.

    :param channel: the supervisor's end of its channel.
    """

    def __init__(self, server: Channel) -> None:
        """Ask the server for it; nobody waits.

        :raises ServerStuck: it has taken none of hundreds of orders.
        :raises OperatorError: the server is gone.
        """
        self._server = server
        self._number = next(_numbers)
        self.channel, theirs = open_channel_pair()
        try:
            is_taken = server.offer(ForkGuardian(self._number), [theirs.fileno()])
        except (BrokenPipeError, ConnectionResetError):
            self.channel.close()
            raise _server_died() from None
        finally:
            theirs.close()
        if not is_taken:
            self.channel.close()
            raise ServerStuck

    def look(self) -> int | None:
        """Return its pid, or None while it is not there; never waits.

        :raises OperatorError: the server is gone, or could not fork.
        """
        while is_ready(self._server.fileno()):
            if (received := self._server.receive(decode_forked)) is None:
                self.channel.close()
                raise _server_died()
            # Another number is that of one whose receiver was interrupted.
            if received[0].number == self._number:
                return self._take(received[0])
        return None

    def receive(self, continue_server: Callable[[], bool] = lambda: False) -> int:
        """Wait for it, about a millisecond, and return its pid.

        :param continue_server: called again and again while the server does not answer; tells
            whether it was stopped.
        :raises ServerStuck: it does not answer.
        :raises OperatorError: the server is gone, or could not fork.
        """
        left = _ROUNDS
        while left > 0:
            if (pid := self.look()) is not None:
                return pid
            if not is_ready(self._server.fileno(), _ROUND_SECONDS):
                left -= _STOPPED_COUNTS if continue_server() else 1
        self.channel.close()
        raise ServerStuck

    def _take(self, answer: ForkAnswer) -> int:
        if isinstance(answer, GuardianForked):
            return answer.pid
        code = answer.errno
        self.channel.close()
        error = OSError(code, os.strerror(code))
        raise NoMore("no guardian can be started", code) if is_no_more(error) else error

    def is_fresh(self, pid: int) -> bool:
        """Tell whether it still waits for its run: not ended nor stopped, and sent no signal."""
        stat = read_stat(pid)
        return not is_ready(self.channel.fileno()) and not (stat and stat.state == _STOPPED)


def _server_died() -> OperatorError:
    return OperatorError("the process that forks guardians died; open the run again")


def fork_guardian(server: Channel) -> tuple[Channel, int]:
    """Ask the server for a guardian and wait for it.

    :returns: the supervisor's end of its channel, and its pid.
    :raises OperatorError: the server is gone.
    """
    ordered = OrderedGuardian(server)
    return ordered.channel, ordered.receive()
