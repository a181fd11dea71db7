"""Watch one agent: sibling tasks only report, the lifecycle table alone decides."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, assert_never

import anyio
from anyio.abc import TaskGroup

from ...guardian.protocol import AgentExited, AgentStopped, Signalled
from ...kernel.containment.membership import (
    RunProcesses,
    is_evidently_empty,
    kill_members,
    read_members,
    signal_members,
    wait_empty,
)
from ...kernel.process.identity import ProcessIdentity
from ...kernel.process.own_limits import take_back_own_limits
from ...kernel.process.procfs import send_signal
from ...kernel.values import frozen
from ..blocking import run_blocking
from ..containment.outlived import count_names
from ..guardian_client.continue_guardian import keep_going
from ..guardian_client.notifications import GuardianGone, Notifications
from ..lifecycle.attempt_end import ResourceUsage
from ..lifecycle.exit import EndReason
from ..lifecycle.ladder import Ladder, Target
from ..lifecycle.machine import (
    ENDING_SIGNALS,
    ChildExited,
    CountMembers,
    Effect,
    EndRequested,
    Input,
    MembersCounted,
    Phase,
    RungOver,
    Send,
    SignalReceived,
    StartTimer,
    State,
    step,
)
from ..output.events import Emitter
from .limits import Limits
from .meters import Meters

if TYPE_CHECKING:
    from .job import Job

_LOOK_AGAIN = 1.0


@frozen
class Watched:
    """The program that is watched.

    :param processes: what belongs to its run, asked for anew each time.
    :param last_output: when it wrote last, on the event loop's clock.
    """

    process: ProcessIdentity
    processes: Callable[[], RunProcesses]
    last_output: Callable[[], float]


class Watch:
    """One agent, from its start until it and everything it started is gone, or given up.

    After :meth:`run` returned, ``state`` says how it ended and ``wait_status``
    what the agent itself ended with (None: it outlived every rung). With
    ``guardian_lost`` the caller ends the run by cgroup or tag. ``ending_signal``:
    the first that asked for the end, be it after the agent had ended by itself.
    ``swept_names``: how many of those that outlived the agent have which name.

    :param job: what a shell stops and continues, where there is a terminal.
    """

    def __init__(
        self,
        watched: Watched,
        ladder: Ladder,
        notifications: Notifications,
        log: Emitter,
        job: Job | None = None,
    ) -> None:
        self._agent = watched.process
        self._processes = watched.processes
        self._job = job
        self._ladder = ladder
        self._notifications = notifications
        self._log = log
        self._tell, self._events = anyio.create_memory_object_stream[Input](math.inf)
        self.state = State()
        self.wait_status: int | None = None
        self.usage: ResourceUsage | None = None
        self.guardian_lost = False
        self._is_ending = False
        self.ending_signal: int | None = None
        self.swept_names: dict[str, int] = {}
        # The members at the moment when the agent had just ended: the first signal to all
        # goes to them.
        self._counted: tuple[ProcessIdentity, ...] | None = None
        self._meters = Meters(watched.processes, watched.last_output, self.request_end, log)

    @property
    def peak_memory(self) -> int | None:
        """Return the most memory seen, in bytes, or None where it was not watched."""
        return self._meters.peak_memory

    async def run(self, limits: Limits) -> None:
        """Watch until the run is over, or the guardian is lost."""
        # Closed after the tasks: one that has just heard something still tells it.
        async with self._tell, self._events, anyio.create_task_group() as tasks:
            tasks.start_soon(self._hear, tasks.cancel_scope)
            self._start_meters(tasks, limits)
            await self._decide(tasks)
            tasks.cancel_scope.cancel()

    async def _decide(self, tasks: TaskGroup) -> None:
        while self.state.phase is not Phase.DONE:
            self.state, effects = step(self.state, await self._events.receive(), self._ladder)
            for effect in effects:
                take_back_own_limits()
                await self._perform(effect, tasks)

    def _start_meters(self, tasks: TaskGroup, limits: Limits) -> None:
        tasks.start_soon(self._meters.beat)
        if limits.seconds is not None:
            tasks.start_soon(self._meters.end_after, limits.seconds)
        if limits.idle is not None:
            tasks.start_soon(self._meters.end_when_idle, limits.idle)
        if limits.memory is not None:
            tasks.start_soon(self._meters.end_over_memory, limits.memory)

    def request_end(self, reason: EndReason) -> None:
        """Ask for the end of the run, as a limit does."""
        self._tell.send_nowait(EndRequested(reason))

    async def _hear(self, watching: anyio.CancelScope) -> None:
        with self._notifications.reader() as reader:
            async for notification in reader:
                match notification:
                    case Signalled(signum):
                        self._take_signal(signum)
                    case AgentExited():
                        self._take_exit(notification)
                    case AgentStopped(signum):
                        self._take_stop(signum)
                    case GuardianGone():
                        self._take_loss(watching)
                    case _:
                        assert_never(notification)

    def _take_stop(self, signum: int) -> None:
        if self._job is not None:
            self._job.follow(self._agent, signum)
            self._meters.note_resumed()

    def _take_loss(self, watching: anyio.CancelScope) -> None:
        self.guardian_lost = True
        if self._job is not None:
            self._job.leave()
        watching.cancel()

    def _take_signal(self, signum: int) -> None:
        if self.ending_signal is None and signum in ENDING_SIGNALS:
            self.ending_signal = signum
        if signum == signal.SIGCONT:
            self._meters.note_resumed()
            if self._job is not None:
                self._job.refresh()
        if signum == signal.SIGTSTP and self._job is not None:
            self._job.suspend()
            self._meters.note_resumed()
        else:
            self._tell.send_nowait(SignalReceived(signum))

    def _take_exit(self, exited: AgentExited) -> None:
        if exited.pid != self._agent.pid:
            # A program before it, which outlived every rung of its ladder, has ended by now.
            return
        self.wait_status = exited.status
        self.usage = ResourceUsage(exited.user, exited.system, exited.max_rss_kib)
        self._log.emit("child.exited", pid=self._agent.pid, wait_status=self.wait_status)
        self._tell.send_nowait(ChildExited())

    async def _perform(self, effect: Effect, tasks: TaskGroup) -> None:
        match effect:
            case Send(target, signum):
                if not self._is_ending:
                    self._is_ending = True
                    tasks.start_soon(keep_going, self._processes().guardian)
                if target is Target.LEADER:
                    # At once: where thousands fork, a thread may wait seconds for its start.
                    send_signal(self._agent, signum)
                else:
                    await run_blocking(self._send_to_all, signum)
                self._log.emit(
                    "signal.sent", target=target.value, signal=signal.Signals(signum).name
                )
            case StartTimer(rung, seconds):
                tasks.start_soon(self._report_after, seconds, RungOver(rung))
            case CountMembers():
                tasks.start_soon(self._count)

    def _send_to_all(self, signum: int) -> None:
        if signum == signal.SIGKILL:
            kill_members(self._processes())
        else:
            signal_members(self._processes(), signum)

    async def _report_after(self, seconds: float, event: Input) -> None:
        await anyio.sleep(seconds)
        self._tell.send_nowait(event)

    def _read_members(self) -> tuple[tuple[ProcessIdentity, ...], dict[str, int]]:
        found = read_members(self._processes())
        return found, count_names(found)

    async def _count(self) -> None:
        """Report how many members are left, and again once none is."""
        if is_evidently_empty(self._processes()):
            self._tell.send_nowait(MembersCounted(0))
            return
        found, names = await run_blocking(self._read_members, abandon_on_cancel=True)
        if self.state.swept is None:
            self.swept_names = names
        self._tell.send_nowait(MembersCounted(len(found)))
        while found:
            killing = self.state.rung == len(self._ladder) - 1
            found = await run_blocking(
                lambda: wait_empty(self._processes(), _LOOK_AGAIN, killing=killing),  # noqa: B023
                abandon_on_cancel=True,
            )
        self._tell.send_nowait(MembersCounted(0))
