"""One small process per host that forks a guardian for each run embedded there.

A host may have threads, so it cannot fork safely itself; and orphans of two runs
under one subreaper could not be told apart, so each run has its own guardian.
End of file on the server's channel ends the server; each guardian has a channel
of its own to the host and ends its run when that one closes.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys

from ._channel import Channel, open_channel_pair
from ._errors import OperatorError

_PROGRAM = "from codexlab.kernel._forking import serve; serve({fd})"


def start_fork_server() -> tuple[subprocess.Popen[bytes], Channel]:
    """Start the server; nothing of this process is changed, and no thread is forked.

    :returns: the process, and our end of its channel.
    """
    ours, theirs = open_channel_pair()
    fd = theirs.fileno()
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM.format(fd=fd)],
        pass_fds=[fd],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        # The host may have found us by a changed sys.path.
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        start_new_session=True,
    )
    theirs.close()
    return process, ours


class OrderedGuardian:
    """A guardian that was asked for and is perhaps not there yet.

    :param channel: the supervisor's end of its channel.
    """

    def __init__(self, server: Channel) -> None:
        """Ask the server for it; nobody waits.

        :raises OperatorError: the server is gone.
        """
        self._server = server
        self.channel, theirs = open_channel_pair()
        try:
            server.send({"op": "guard"}, [theirs.fileno()])
        except (BrokenPipeError, ConnectionResetError):
            self.channel.close()
            raise _server_died() from None
        finally:
            theirs.close()

    def is_there(self) -> bool:
        """Tell whether :meth:`receive` would return at once."""
        return _is_readable(self._server)

    def receive(self) -> int:
        """Wait for it, about a millisecond, and return its pid.

        :raises OperatorError: the server is gone.
        """
        received = self._server.receive()
        if received is None:
            self.channel.close()
            raise _server_died()
        return int(received[0]["pid"])

    def is_fresh(self) -> bool:
        """Tell whether it still waits for its run: not ended, and nobody sent it a signal."""
        return not _is_readable(self.channel)


def _is_readable(channel: Channel) -> bool:
    poll = select.poll()
    poll.register(channel.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _server_died() -> OperatorError:
    return OperatorError("the process that forks guardians died; open the run again")


def fork_guardian(server: Channel) -> tuple[Channel, int]:
    """Ask the server for a guardian and wait for it.

    :returns: the supervisor's end of its channel, and its pid.
    :raises OperatorError: the server is gone.
    """
    ordered = OrderedGuardian(server)
    return ordered.channel, ordered.receive()
