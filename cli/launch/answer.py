"""Wait for the answer of the settings' reader, unless a signal asks for the end first."""

from __future__ import annotations

import os
import select
import signal

from ...guardian.channel import Channel
from ...guardian.child_stops import ChildStops
from ...guardian.codec import decode_answer, unexpected
from ...guardian.protocol import Signalled
from ...supervisor.errors import Cancelled
from ...supervisor.lifecycle.machine import ENDING_SIGNALS

_PIECE = 1 << 16
_LOOK_AGAIN_MS = 250


def await_answer(fd: int, channel: Channel, reader: int) -> bytes:
    """Return everything the reader writes until it ends; it may itself wait for a pipe.

    :param fd: the read end of the reader's pipe.
    :param channel: the guardian's channel, which tells of signals.
    :param reader: the reader's pid.
    :raises Cancelled: a signal asked for the end; the reader is gone.
    """
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    poll.register(channel.fileno(), select.POLLIN)
    # The agent of another run may stop it; no limit holds yet.
    stops = ChildStops(reader)
    answer: list[bytes] = []
    while True:
        ready = {each for each, _ in poll.poll(_LOOK_AGAIN_MS)}
        if not ready:
            stops.look()
        if channel.fileno() in ready and not _heed(channel, reader):
            # The guardian is gone; the launch notices that itself.
            poll.unregister(channel.fileno())
        if fd in ready:
            if not (piece := os.read(fd, _PIECE)):
                return b"".join(answer)
            answer.append(piece)


def _heed(channel: Channel, reader: int) -> bool:
    """Read one message; return False when there are no more."""
    received = channel.receive(decode_answer)
    if received is None:
        return False
    message = received[0]
    if not isinstance(message, Signalled):
        # No request was sent yet, so no reply can come.
        raise unexpected(message)
    if (signum := message.signum) in ENDING_SIGNALS:
        os.kill(reader, signal.SIGKILL)
        os.waitpid(reader, 0)
        raise Cancelled(signum)
    return True
