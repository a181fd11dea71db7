"""Run an agent from inside a Python program, on trio or asyncio."""

from __future__ import annotations

import signal
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio

from ...guardian.signals import FORWARDED
from ...kernel.process.identity import ProcessIdentity, name_process
from ..blocking import in_thread
from ..callbacks import Outputs
from ..caller import Caller, RunOutcome
from ..errors import SignalRefused
from ..guardian_client.link import GuardianLink
from ..guardian_client.pool import guardian_at_once, open_guardian
from ..lifecycle.exit import EXIT_FAILED, Reason
from ..request import LaunchRequest
from .launch import carry_out

_EVENTS_KEPT = 10_000


class Run:
    """A run in progress; :func:`open_run` makes it."""

    def __init__(self, link: GuardianLink, guardian: ProcessIdentity) -> None:
        self._link = link
        self._guardian = guardian
        self._send, self._receive = anyio.create_memory_object_stream[dict[str, Any]](_EVENTS_KEPT)
        self._ended = anyio.Event()
        self._outcome = RunOutcome(EXIT_FAILED, Reason.SUPERVISOR_LOST, error="codexlab failed")
        self._stopped = False
        self.messages: list[str] = []
        self.events_dropped = 0

    async def outcome(self) -> RunOutcome:
        """Wait until the run is over. Several tasks may await it, any number of times."""
        await self._ended.wait()
        return self._outcome

    def events(self) -> AsyncIterator[dict[str, Any]]:
        """Iterate over the run's events until it is over, from its first event on.

        Call it inside the block only.

        It has one reader. At most 10,000 unread events are kept. ``events_dropped`` counts the
        rest, which are in ``events.ndjson`` all the same.
        """
        return self._receive

    def signal(self, signum: int) -> None:
        """Act as a signal to ``codexlab-run`` does: INT, TERM, HUP and QUIT end the run.

        USR1, USR2 and CONT are passed on to the agent. After the end it does nothing.

        :raises SignalRefused: for any other number; a ``ValueError``. Nothing was done.
        """
        if signum not in FORWARDED:
            raise SignalRefused(signum, FORWARDED)
        if not self._ended.is_set():
            self._link.inject(signum)

    def stop(self) -> None:
        """Ask once for the end of the run; its ladder then ends it."""
        if not self._stopped:
            self._stopped = True
            self.signal(signal.SIGTERM)

    def _hear(self, event: dict[str, object]) -> None:
        try:
            self._send.send_nowait(event)
        except anyio.WouldBlock:
            self.events_dropped += 1

    async def _carry_out(self, request: LaunchRequest, outputs: Outputs) -> None:
        try:
            caller = Caller(
                self._link, self._guardian, self.messages.append, outputs, hear=self._hear
            )
            # Cancelling the host's task must not skip a step: the end is asked for instead.
            with anyio.CancelScope(shield=True):
                self._outcome = await carry_out(request, caller)
        except OSError as error:
            problem = f"{error.filename or 'the guardian'}: {error.strerror}"
            self._outcome = RunOutcome(EXIT_FAILED, Reason.LAUNCH_FAILED, error=problem)
            self.messages.append(problem)
        finally:
            # Also of a run that never began; the guardian then ends.
            self._link.close()
            # Also after a fault of ours, which leaves the block by itself: nobody waits for ever.
            self._send.close()
            self._ended.set()


@asynccontextmanager
async def open_run(
    request: LaunchRequest, *, stdout: int | None = None, stderr: int | None = None
) -> AsyncGenerator[Run]:
    """Start a run; leaving the block ends it if it has not ended, and waits for the proof.

    :param stdout: descriptor that receives the agent's stdout; None writes it to the log only.
    :raises OperatorError: no guardian could be started.

    A fault of the run is its outcome, not an exception. A cancelled block ends the run by its
    ladder before it returns. The host's signals, niceness and subreaper flag are not changed.
    The runs of a host end when it dies.
    """
    taken = guardian_at_once()
    if taken is None:
        taken = await in_thread(open_guardian)
    channel, guardian = taken[0], name_process(taken[1])
    run = Run(GuardianLink(channel, guardian), guardian)
    failed: Exception | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run._carry_out, request, (stdout, stderr))  # pyright: ignore[reportPrivateUsage]
        try:
            yield run
        except Exception as error:
            # Kept aside, so that it leaves here as itself and not as a group.
            failed = error
        finally:
            run.stop()
            with anyio.CancelScope(shield=True):
                await run.outcome()
            run._receive.close()  # pyright: ignore[reportPrivateUsage]
    if failed is not None:
        raise failed
