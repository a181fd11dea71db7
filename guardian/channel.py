"""Whole messages, with descriptors, between two processes of one run.

``protocol.py`` lists the messages; ``codec.py`` writes and checks them.

Invariant: no send waits without a bound. An agent can stop the process at the other end, and
the kernel holds some 280 messages for it.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
from array import array
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from ..kernel.process.descriptors import is_ready
from .codec import MessageError, encode
from .protocol import AgentStopped, Answer, Message, Signalled

_T = TypeVar("_T")

_INLINE_LIMIT = 32 * 1024
_INLINE, _IN_MEMORY_FILE = b"i", b"m"
_MAX_DESCRIPTORS = 16
# So long a peer is waited for that takes nothing: in rounds, as we may be stopped meanwhile.
_ROUND_SECONDS, _ROUNDS = 0.05, 200
# When so many wait, what says the same as one of them is left out.
_MANY = 16


class PeerStuck(OSError):
    """The other end has taken nothing for ten seconds."""


class Channel:
    """One end of a sequenced-packet socket (unix(7)): a send is a message, or nothing is."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def fileno(self) -> int:
        """Return the descriptor to poll for a message."""
        return self._sock.fileno()

    def send(
        self,
        message: Message,
        descriptors: Sequence[int] = (),
        while_full: Callable[[], object] | None = None,
    ) -> None:
        """Send one message; the peer receives duplicates of the descriptors.

        :param while_full: called again and again while the peer takes nothing.
        :raises PeerStuck: it took nothing for ten seconds.
        :raises BrokenPipeError, ConnectionResetError: the peer is gone.
        :raises TypeError: a field holds what cannot be sent.
        """
        for _ in range(_ROUNDS):
            if self.offer(message, descriptors):
                return
            if while_full is not None:
                while_full()
            is_ready(self.fileno(), _ROUND_SECONDS, select.POLLOUT)
        raise PeerStuck

    def offer(self, message: Message, descriptors: Sequence[int] = ()) -> bool:
        """Send one message as :meth:`send` does, or return False where that would wait.

        A large one (an environment may hold 2 MB) travels as a file in memory,
        because a packet is bounded by the socket's buffer.
        """
        data = encode(message)
        if len(data) <= _INLINE_LIMIT:
            return self._offer_packet(_INLINE + data, descriptors)
        memory = os.memfd_create("codexlab-message")
        try:
            with os.fdopen(os.dup(memory), "wb") as file:
                file.write(data)
            return self._offer_packet(_IN_MEMORY_FILE, [*descriptors, memory])
        finally:
            os.close(memory)

    def _offer_packet(self, packet: bytes, descriptors: Sequence[int]) -> bool:
        # socket.send_fds() drops its flags.
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", descriptors))
        try:
            self._sock.sendmsg([packet], [rights], socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        return True

    def receive(self, decode: Callable[[bytes, int], _T]) -> tuple[_T, list[int]] | None:
        """Wait for one message, as long as it takes: who must not wait polls before.

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
            # A peer that left without reading all we sent is reported once, before its earlier
            # messages. Its last message is still to come.
            with contextlib.suppress(ConnectionResetError):
                return socket.recv_fds(self._sock, _INLINE_LIMIT + 64, _MAX_DESCRIPTORS)[:2]

    def close(self) -> None:
        """Close this end; the peer reads end of file."""
        self._sock.close()


class Outbox:
    """What a guardian tells its supervisor, in its order; what that does not take yet waits here.

    So the guardian goes on meanwhile: it is who continues a supervisor that somebody stopped,
    and who serves one that waits for it.

    :param poll: the guardian's, in which the channel is registered while anything is told.
    """

    def __init__(self, channel: Channel, poll: select.poll) -> None:
        self._channel = channel
        self._poll = poll
        self._waiting: deque[tuple[Answer, list[int]]] = deque()

    def tell(self, message: Answer, descriptors: Sequence[int] = ()) -> None:
        """Send one message, now or when the supervisor takes it; never waits."""
        # A supervisor that just died is noticed as end of file by the next poll.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if self._waiting:
                self._add(message, descriptors)
            elif not self._channel.offer(message, descriptors):
                self._add(message, descriptors)
                self._poll.modify(self._channel, select.POLLIN | select.POLLOUT)

    def _add(self, message: Answer, descriptors: Sequence[int]) -> None:
        # A flood of these is the agent's doing, and one that waits says the same.
        is_many = len(self._waiting) >= _MANY and isinstance(message, Signalled | AgentStopped)
        if is_many and any(message == waiting for waiting, _ in self._waiting):
            return
        self._waiting.append((message, [os.dup(fd) for fd in descriptors]))

    def send_waiting(self) -> None:
        """Send what waits, as far as the supervisor takes it now."""
        if not self._waiting:
            return
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while self._waiting and self._channel.offer(*self._waiting[0]):
                for fd in self._waiting.popleft()[1]:
                    os.close(fd)
            if not self._waiting:
                self._poll.modify(self._channel, select.POLLIN)


def open_channel_pair() -> tuple[Channel, Channel]:
    """Return two connected ends, neither inherited through exec."""
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return Channel(one), Channel(other)
