"""The supervisor's side of the channel to the guardian."""

from __future__ import annotations

import math
import signal
from collections.abc import Sequence
from typing import assert_never

import anyio

from ...guardian.channel import Channel, PeerStuck
from ...guardian.codec import decode_answer
from ...guardian.protocol import (
    AgentExited,
    AgentStopped,
    Answer,
    ChildrenLeft,
    Reply,
    Request,
    SidecarExited,
    SidecarStarted,
    Signalled,
    Spawned,
    SpawnFailed,
)
from ...kernel.errors import InternalError
from ...kernel.process.identity import ProcessIdentity
from ...kernel.process.own_limits import take_back_own_limits
from ...kernel.process.procfs import continue_stopped, send_signal
from ..errors import GuardianLost
from ..lifecycle.machine import ENDING_SIGNALS
from .continue_guardian import RECHECK_SECONDS, Answering
from .notifications import GuardianGone, Notifications

# A reply, and the descriptors that came beside it.
Received = tuple[Reply, list[int]]


class GuardianLink:
    """Ask the guardian, and hear from it.

    Replies come back from :meth:`ask`; what the guardian tells unasked is read from
    ``notifications``, by one reader at a time. ``asked`` is the last signal that asked for the end,
    heeded or not. ``sidecar`` is the pid of the program beside the agent, or None. Once
    ``sidecar_ended`` is set, ``sidecar_status`` is its wait status, or None if it was not read.
    :meth:`listen` must run beside, from the start to the end of the launch.

    :param guardian: the process at the other end; None: nothing is asked of it.
    """

    def __init__(self, channel: Channel, guardian: ProcessIdentity | None = None) -> None:
        self._channel = channel
        self._guardian = guardian
        self.notifications = Notifications()
        self._tell_reply, self._replies = anyio.create_memory_object_stream[Received](math.inf)
        self.lost = False
        self.asked: int | None = None
        self.sidecar: int | None = None
        self.sidecar_ended = anyio.Event()
        self.sidecar_status: int | None = None

    async def listen(self) -> None:
        """Take in messages until the guardian is gone.

        :raises MessageError: the guardian sent what is no message to us.
        """
        while not self.lost:
            await anyio.wait_readable(self._channel.fileno())
            # The news may be an agent's end, and descriptors come with a reply.
            take_back_own_limits()
            received = self._channel.receive(decode_answer)
            if received is None:
                self.lost = True
                self._note_sidecar(None)
                self.notifications.put(GuardianGone())
                self._tell_reply.close()
            else:
                self._take(*received)

    def _take(self, answer: Answer, descriptors: list[int]) -> None:
        match answer:
            case SidecarStarted(pid):
                # Here and not by whoever asked: its end may be the next thing we hear.
                self.sidecar = pid
                self._tell_reply.send_nowait((answer, descriptors))
            case Spawned() | SpawnFailed() | ChildrenLeft():
                self._tell_reply.send_nowait((answer, descriptors))
            case SidecarExited(status):
                self._note_sidecar(status)
            case Signalled(signum):
                if signum in ENDING_SIGNALS:
                    self.asked = signum
                self.notifications.put(answer)
            case AgentStopped() | AgentExited():
                self.notifications.put(answer)
            case _:
                assert_never(answer)

    def _note_sidecar(self, wait_status: int | None) -> None:
        self.sidecar, self.sidecar_status = None, wait_status
        self.sidecar_ended.set()

    async def ask(
        self, request: Request, descriptors: Sequence[int] = (), *, is_over: bool = False
    ) -> Received:
        """Send a request and wait for its reply.

        :param is_over: as for :meth:`reply`.
        :raises GuardianLost: the guardian died before it answered.
        """
        self.tell(request, descriptors)
        return await self.reply(is_over=is_over)

    async def reply(self, *, is_over: bool = False) -> Received:
        """Wait for the reply to the request that was told last.

        What it started may stop the guardian before that has replied; it is then continued.

        :param is_over: the run has ended; whoever stopped the guardian, it is continued.
        :raises GuardianLost: the guardian died before it answered.
        """
        answering = Answering(self._guardian, self.sidecar, is_over=is_over)
        while True:
            # A task of its own for the looks would take longer than most replies.
            with anyio.move_on_after(RECHECK_SECONDS):
                try:
                    return await self._replies.receive()
                except anyio.EndOfStream:
                    raise GuardianLost from None
            answering.look()

    def inject(self, signum: int) -> None:
        """Report a signal as if the guardian had received it."""
        self.notifications.put(Signalled(signum))

    def tell(self, request: Request, descriptors: Sequence[int] = ()) -> None:
        """Send something that needs no reply.

        A guardian that takes nothing is continued where somebody has stopped it. One that
        takes nothing for ten seconds is killed.

        :raises GuardianLost: the guardian is gone.
        """
        try:
            self._channel.send(request, descriptors, self._continue_guardian)
        except PeerStuck:
            self._give_up_guardian()
            raise GuardianLost from None
        except (BrokenPipeError, ConnectionResetError):
            raise GuardianLost from None
        except TypeError as error:
            raise InternalError(f"a message to the guardian cannot be encoded: {error}") from error

    def _continue_guardian(self) -> None:
        if self._guardian is not None:
            continue_stopped(self._guardian)

    def _give_up_guardian(self) -> None:
        """Kill a guardian that serves us no more: all who wait for it then hear of its end."""
        if self._guardian is not None:
            send_signal(self._guardian, signal.SIGKILL)

    def close(self) -> None:
        """Close streams and channel; the guardian then ends with the status it was told."""
        self._channel.close()
        self.notifications.close()
        self._tell_reply.close()
        self._replies.close()
