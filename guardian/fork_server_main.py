"""The program of the fork server: small, because every guardian and agent starts as its copy.

What it does not load, no fork has to copy; so it is a module of its own.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
from typing import NoReturn

from ..kernel.process.hide_cmdline import hide_environment, hide_memory
from .channel import Channel
from .codec import decode_order
from .main import Guardian
from .own_failure import load_the_rest
from .protocol import ForkAnswer, ForkRefused, GuardianForked
from .spawning.spawn import prepare_to_spawn


def serve(fd: int, host: int) -> None:
    """Fork a guardian for each request until the host is gone.

    :param host: a pidfd of it.
    """
    # It is the host's, and every agent's guardian is forked from here.
    hide_environment()
    hide_memory()
    prepare_to_spawn()
    load_the_rest()
    # Every guardian is a copy of this; what its collector leaves alone stays shared.
    gc.freeze()
    channel = Channel(socket.socket(fileno=fd))
    # Guardians that ended need no status kept; the kernel reaps them.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while is_asked(channel, host) and (received := channel.receive(decode_order)) is not None:
        order, (theirs,) = received
        answer = _fork(order.number)
        if answer is None:
            channel.close()
            _be_guardian(theirs, host)
        os.close(theirs)
        # A host that died meanwhile is noticed by the next look; one that takes no answer has
        # hundreds of them.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            channel.offer(answer)


def _fork(number: int) -> ForkAnswer | None:
    """Fork; return the answer to the order, and None in the child.

    A failure is an answer too: the runs there are need this server.
    """
    try:
        pid = os.fork()
    except OSError as error:
        return ForkRefused(number, error.errno or 0)
    return GuardianForked(number, pid) if pid else None


def is_asked(channel: Channel, host: int) -> bool:
    """Wait for a message or the end of file; return False when the host is gone without one."""
    poll = select.poll()
    poll.register(channel.fileno(), select.POLLIN)
    poll.register(host, select.POLLIN)
    return channel.fileno() in {fd for fd, _ in poll.poll()}


def _be_guardian(fd: int, host: int) -> NoReturn:
    """Guard one run of the host. Never returns."""
    status, server = 125, os.getppid()
    try:
        os.setsid()
        guardian = Guardian(Channel(socket.socket(fileno=fd)))
        status = guardian.guard(supervisor=None, host=host)
    finally:
        # An agent may have stopped it: when the host is gone nobody else would continue it.
        with contextlib.suppress(OSError):
            if os.getppid() == server:
                os.kill(server, signal.SIGCONT)
        os._exit(status)
