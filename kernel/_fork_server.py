"""One small process per host that forks a guardian for each run embedded there.

A host may have threads, so it cannot fork safely itself; and orphans of two runs
under one subreaper could not be told apart, so each run has its own guardian.
End of file on the server's channel ends the server; each guardian has a channel
of its own to the host and ends its run when that one closes.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

from ._channel import Channel, open_channel_pair
from ._errors import OperatorError
from ._guardian import Guardian
from ._spawn import prepare_to_spawn
from ._started_with import hide_environment

_PROGRAM = "from codexlab.kernel._fork_server import serve; serve({fd})"


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


def fork_guardian(server: Channel) -> tuple[Channel, int]:
    """Ask the server for a guardian. Blocks for about a millisecond.

    :returns: the supervisor's end of its channel, and its pid.
    :raises OperatorError: the server is gone.
    """
    ours, theirs = open_channel_pair()
    try:
        server.send({"op": "guard"}, [theirs.fileno()])
        received = server.receive()
    except (BrokenPipeError, ConnectionResetError):
        received = None
    finally:
        theirs.close()
    if received is None:
        ours.close()
        raise OperatorError("the process that forks guardians died; open the run again")
    return ours, received[0]["pid"]


def serve(fd: int) -> None:
    """Fork a guardian for each request until the host is gone."""
    # It is the host's, and every agent's guardian is forked from here.
    hide_environment()
    prepare_to_spawn()
    channel = Channel(socket.socket(fileno=fd))
    # Guardians that ended need no status kept; the kernel reaps them.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while (received := channel.receive()) is not None:
        (theirs,) = received[1]
        pid = os.fork()
        if pid == 0:
            channel.close()
            _be_guardian(theirs)
        os.close(theirs)
        channel.send({"event": "guarding", "pid": pid})


def _be_guardian(fd: int) -> None:
    """Guard one run of the host. Never returns."""
    status = 125
    try:
        os.setsid()
        guardian = Guardian(Channel(socket.socket(fileno=fd)))
        status = guardian.guard(supervisor=None)
    finally:
        os._exit(status)
