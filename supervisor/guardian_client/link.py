"""The supervisor's side of the channel to the guardian."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from ...guardian.channel import Channel, Message
from ...kernel.errors import InternalError
from ...kernel.process.identity import ProcessIdentity
from ...kernel.process.own_limits import take_back_own_limits
from ..errors import GuardianLost
from ..lifecycle.machine import ENDING_SIGNALS
from .going import keep_answering

_REPLIES = frozenset({"spawned", "accompanied", "spawn-failed", "children"})


class GuardianLink:
    """Ask the guardian, and hear from it.

    Replies come back from :meth:`ask`; what happens by itself (``signal``,
    ``exited``, and ``lost`` when the guardian died) is read from ``news``.
    ``asked`` is the last signal that asked for the end, heeded or not.
    ``companion`` is the pid of what runs beside the agent, or None; once
    ``companion_ended`` is set, ``companion_status`` is its wait status, None where
    it was not read.
    :meth:`listen` must run beside, from the start to the end of the launch.

    :param guardian: the process at the other end; None: nothing is asked of it.
    """

    def __init__(self, channel: Channel, guardian: ProcessIdentity | None = None) -> None:
        self._channel = channel
        self._guardian = guardian
        self._tell_news, self.news = anyio.create_memory_object_stream[Message](math.inf)
        self._tell_reply, self._replies = anyio.create_memory_object_stream[Message](math.inf)
        self.lost = False
        self.asked: int | None = None
        self.companion: int | None = None
        self.companion_ended = anyio.Event()
        self.companion_status: int | None = None

    async def listen(self) -> None:
        """Take in messages until the guardian is gone."""
        while not self.lost:
            await anyio.wait_readable(self._channel.fileno())
            # The news may be an agent's end, and descriptors come with a reply.
            take_back_own_limits()
            received = self._channel.receive()
            if received is None:
                self.lost = True
                self._note_companion(None)
                self._tell_news.send_nowait({"event": "lost"})
                self._tell_reply.close()
            elif received[0]["event"] in _REPLIES:
                self._take_reply({**received[0], "descriptors": received[1]})
            elif received[0]["event"] == "companion-exited":
                self._note_companion(received[0]["status"])
            else:
                if received[0].get("signum") in ENDING_SIGNALS:
                    self.asked = received[0]["signum"]
                self._tell_news.send_nowait(received[0])

    def _take_reply(self, reply: Message) -> None:
        if reply["event"] == "accompanied":
            # Here and not by whoever asked: its end may be the next thing we hear.
            self.companion = reply["pid"]
        self._tell_reply.send_nowait(reply)

    def _note_companion(self, wait_status: int | None) -> None:
        self.companion, self.companion_status = None, wait_status
        self.companion_ended.set()

    async def ask(self, message: Message, descriptors: Sequence[int] = ()) -> Message:
        """Send a request and wait for its reply.

        :raises GuardianLost: the guardian died before it answered.
        """
        self.tell(message, descriptors)
        return await self.reply()

    async def reply(self) -> Message:
        """Wait for the reply to the request that was told last.

        What it started may stop the guardian before that has replied; it is then continued.

        :raises GuardianLost: the guardian died before it answered.
        """
        replies: list[Message] = []
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keep_answering, self._guardian, self.companion)
            with suppress(anyio.EndOfStream):
                replies.append(await self._replies.receive())
            tasks.cancel_scope.cancel()
        if not replies:
            raise GuardianLost
        return replies[0]

    def repeat(self, news: Message) -> None:
        """Report news again, to whoever hears next."""
        self._tell_news.send_nowait(news)

    def inject(self, signum: int) -> None:
        """Report a signal as if the guardian had received it."""
        self._tell_news.send_nowait({"event": "signal", "signum": signum})

    def tell(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        """Send something that needs no reply.

        :raises GuardianLost: the guardian is gone.
        """
        try:
            self._channel.send(message, descriptors)
        except (BrokenPipeError, ConnectionResetError):
            raise GuardianLost from None
        except TypeError as error:
            raise InternalError(f"a message to the guardian cannot be encoded: {error}") from error

    def close(self) -> None:
        """Close streams and channel; the guardian then ends with the status it was told."""
        self._channel.close()
        for stream in (self._tell_news, self.news, self._tell_reply, self._replies):
            stream.close()


NewsStream = MemoryObjectReceiveStream[Message]
