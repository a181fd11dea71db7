"""The guardian's unasked messages, kept in their order until somebody reads them.

Invariant: there is at most one reader at a time. The steps of a run read in turn, and each
leaves what it did not take to the next. Two at once would each miss what the other took.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager

import anyio

from ...guardian.protocol import AgentExited, AgentStopped, Signalled
from ...kernel.errors import InternalError
from ...kernel.values import frozen


@frozen
class GuardianGone:
    """The guardian has died: the last notification there is."""


Notification = Signalled | AgentStopped | AgentExited | GuardianGone
# The right to read, for as long as the block lasts that asked for it.
NotificationReader = AsyncIterator[Notification]


class Notifications:
    """Notifications on their way from the link to whoever reads at that moment."""

    def __init__(self) -> None:
        self._send, self._receive = anyio.create_memory_object_stream[Notification](math.inf)
        self._is_read = False

    def put(self, notification: Notification) -> None:
        """Add a notification, for the present reader or the next."""
        self._send.send_nowait(notification)

    @contextmanager
    def reader(self) -> Generator[NotificationReader]:
        """Lend the right to read; inside the block nobody else has it.

        :raises InternalError: somebody has it now.
        """
        if self._is_read:
            raise InternalError("the guardian's notifications have a reader already")
        self._is_read = True
        try:
            yield self._receive
        finally:
            self._is_read = False

    def waiting(self) -> int:
        """Return how many notifications nobody has read."""
        return self._receive.statistics().current_buffer_used

    def close(self) -> None:
        """Close both ends; a reader then finds no more."""
        self._send.close()
        self._receive.close()
