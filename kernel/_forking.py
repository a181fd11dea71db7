"""The program of the fork server: small, because every guardian and agent starts as its copy.

What it does not load, no fork has to copy; so it is a module of its own.
"""

from __future__ import annotations

import gc
import os
import signal
import socket

from ._channel import Channel
from ._guardian import Guardian
from ._spawn import prepare_to_spawn
from ._started_with import hide_environment


def serve(fd: int) -> None:
    """Fork a guardian for each request until the host is gone."""
    # It is the host's, and every agent's guardian is forked from here.
    hide_environment()
    prepare_to_spawn()
    # Every guardian is a copy of this; what its collector leaves alone stays shared.
    gc.freeze()
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
