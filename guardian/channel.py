"""Whole messages, with descriptors, between two processes of one run.

``protocol.py`` lists the messages; ``codec.py`` writes and checks them.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Sequence
from typing import TypeVar

from .codec import MessageError, encode
from .protocol import Message

_T = TypeVar("_T")

_INLINE_LIMIT = 32 * 1024
_INLINE, _IN_MEMORY_FILE = b"i", b"m"
_MAX_DESCRIPTORS = 16


class Channel:
    """One end of a sequenced-packet socket (unix(7)): a send is a message, or nothing is."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def fileno(self) -> int:
        """Return the descriptor to poll for a message."""
        return self._sock.fileno()

    def send(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        """Send one message; the peer receives duplicates of the descriptors.

        A large one (an environment may hold 2 MB) travels as a file in memory,
        because a packet is bounded by the socket's buffer.

        :raises BrokenPipeError, ConnectionResetError: the peer is gone.
        :raises TypeError: a field holds what cannot be sent.
        """
        data = encode(message)
        if len(data) <= _INLINE_LIMIT:
            socket.send_fds(self._sock, [_INLINE + data], list(descriptors))
            return
        memory = os.memfd_create("codexlab-message")
        try:
            with os.fdopen(os.dup(memory), "wb") as file:
                file.write(data)
            socket.send_fds(self._sock, [_IN_MEMORY_FILE], [*descriptors, memory])
        finally:
            os.close(memory)

    def receive(self, decode: Callable[[bytes, int], _T]) -> tuple[_T, list[int]] | None:
        """Wait for one message.

        :param decode: reads the messages that may come here (``codec.py``).

        :returns: the message and its descriptors (closed on exec), or None when
            the peer has closed its end or died.
        :raises MessageError: it is malformed, or not for this process.
        """
        data, descriptors = self._take_packet()
        for fd in descriptors:
            os.set_inheritable(fd, False)
        if not data:
            return None
        if data[:1] == _INLINE:
            return decode(data[1:], len(descriptors)), descriptors
        if data[:1] != _IN_MEMORY_FILE or not descriptors:
            raise MessageError(f"{data[:60]!r} has no known form, or came without its file")
        with os.fdopen(descriptors.pop(), "rb") as file:
            file.seek(0)
            return decode(file.read(), len(descriptors)), descriptors

    def _take_packet(self) -> tuple[bytes, list[int]]:
        while True:
            # A peer that left without reading all we sent is told of once, and ahead of
            # what it had sent before: its last word is still to come.
            with contextlib.suppress(ConnectionResetError):
                return socket.recv_fds(self._sock, _INLINE_LIMIT + 64, _MAX_DESCRIPTORS)[:2]

    def close(self) -> None:
        """Close this end; the peer reads end of file."""
        self._sock.close()


def open_channel_pair() -> tuple[Channel, Channel]:
    """Return two connected ends, neither inherited through exec."""
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return Channel(one), Channel(other)
