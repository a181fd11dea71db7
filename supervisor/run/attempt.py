"""One attempt: spawn the agent, watch it and pass its output on, read the proof."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

import anyio

from ...agents.adapter import AgentStatus, StreamNews
from ...agents.registry import adapter_of
from ...guardian.protocol import (
    AgentExited,
    AgentStopped,
    Signalled,
    SpawnFailed,
    SpawnSpec,
)
from ...kernel.containment.membership import end
from ...kernel.process.identity import ProcessIdentity, boot_id
from ..blocking import run_blocking
from ..containment.program import end_without_guardian, read_proof, start
from ..containment.survivors import KILL_PATIENCE, TERM_GRACE
from ..guardian_client.notifications import GuardianGone
from ..lifecycle.attempt_end import AttemptEnd
from ..lifecycle.exit import EndReason, ExitReport, Reason, deny_success, report_exit
from ..lifecycle.machine import ENDING_SIGNALS
from ..output.streams import DELIVERY_LIMIT, Streams
from ..prepare.command import resolve_command
from ..prepare.workspace import PreparedWorkspace
from ..watching.limits import Limits, kernel_killed_for_memory, kernel_peak_memory
from ..watching.watch import Watch, Watched
from .context import RunContext

if TYPE_CHECKING:
    from ..output.agent_streams import AgentStreams

# After the agent died of TERM, wait this long: the sender may have signalled us too, last.
_SAME_WISH_SECONDS = 0.3


class Attempt:
    """One agent process from spawn to proof.

    :param prepared: as this attempt finds it; its command resumes what the one before got to.
    """

    def __init__(self, run: RunContext, prepared: PreparedWorkspace) -> None:
        self._plan = run.plan
        self._prepared = prepared
        self._find_start = run.find_start
        self._ownership = run.ownership
        self._link = run.link
        self._events = run.events
        self._session = run.session
        self._logs = run.logs
        self._terminal = run.terminal
        self._agent_status: AgentStatus = AgentStatus.NONE
        self._message: str | None = None
        self._swept = 0
        self._asked_to_end = False
        self.oom_score_adj: int | None = None
        self._open = True
        self._watch: Watch | None = None
        self._streams = self._open_streams(run)

    def _open_streams(self, run: RunContext) -> AgentStreams:
        if self._terminal is None:
            argv, outputs = self._prepared.argv, run.caller.outputs
            return Streams(self._plan, argv, run.logs, outputs, self._hear_agent)
        from ..terminal.pty_streams import TerminalStreams

        return TerminalStreams(
            self._terminal, self._plan.agent, run.logs, self._hear_agent, self._session.look_soon
        )

    @property
    def remark(self) -> str | None:
        """A line for the person about what the agent reads, or None."""
        return self._streams.remark

    async def spawn(self) -> ProcessIdentity:
        """Start the agent inside its containment.

        :raises CodexlabError: it cannot be; nothing of it runs.
        """
        reply = await start(
            self._ownership,
            self._spec(),
            self._streams.agent_ends,
            on_terminal=self._terminal is not None,
        )
        if isinstance(reply, SpawnFailed):
            from ..prepare.spawn_error import spawn_error

            raise spawn_error(reply, self._prepared)
        agent = ProcessIdentity(reply.pid, reply.start_time, boot_id())
        self._watch = self._make_watch(agent)
        self._streams.note_spawned()
        self.oom_score_adj = reply.oom_score_adj
        mechanism = self._ownership.processes().mechanism
        self._events.emit(
            "child.spawned", pid=agent.pid, mechanism=mechanism, logs=self._logs.paths
        )
        return agent

    def _spec(self) -> SpawnSpec:
        prepared, start = self._prepared, self._find_start()
        search_path = prepared.environment.values.get("PATH", os.defpath)
        path = resolve_command(
            prepared.argv[0], search_path, Path(start.path), prepared.environment.taken_out
        )
        environment = {**prepared.environment.values, "PWD": start.path}
        return SpawnSpec(path, tuple(prepared.argv), environment, start.workdir, below=start.below)

    def _make_watch(self, agent: ProcessIdentity) -> Watch:
        return Watch(
            Watched(agent, self._ownership.processes, self._streams.last_output),
            self._plan.ladder,
            self._link.notifications,
            self._events,
            self._terminal,
        )

    async def watch(self, agent: ProcessIdentity, limits: Limits) -> AttemptEnd:
        """Relay, watch and decide, until the attempt is over, delivered and proven."""
        watch = self._watch
        assert watch is not None
        delivered, hurry = anyio.Event(), anyio.CancelScope()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._deliver, hurry, delivered)
            tasks.start_soon(self._session.watch, self._ownership.processes)
            await watch.run(limits)
            if watch.guardian_lost:
                self._swept = await end_without_guardian(self._ownership, agent)
            self._streams.note_empty()
            if self._may_be_held_open(watch):
                hurry.deadline = anyio.current_time() + DELIVERY_LIMIT
            tasks.start_soon(self._hurry_on_signal, hurry)
            await delivered.wait()
            tasks.cancel_scope.cancel()
        self.close()
        return await self._conclude(
            watch, guardian_lost=watch.guardian_lost, lost=watch.guardian_lost
        )

    async def give_up(self) -> AttemptEnd | None:
        """End an agent that we can no longer watch, and all it started.

        :returns: how the attempt ended, or None where no agent was started.
        """
        self.close()
        if self._watch is None:
            return None
        processes = self._ownership.processes(guardian_lost=self._link.lost)
        end_all = partial(end, processes, grace=TERM_GRACE, patience=KILL_PATIENCE)
        self._swept, _ = await run_blocking(end_all)
        return await self._conclude(
            self._watch, guardian_lost=self._link.lost, lost=self._watch.wait_status is None
        )

    def close(self) -> None:
        """Hear what is left as a last line, and give up every descriptor. Idempotent."""
        if self._open:
            self._open = False
            self._streams.close()

    def _may_be_held_open(self, watch: Watch) -> bool:
        """Tell whether somebody we do not end may hold the agent's output open."""
        unended = watch.state.left or watch.guardian_lost or self._ownership.grouped
        return bool(watch.state.reason or unended)

    async def _deliver(self, hurry: anyio.CancelScope, delivered: anyio.Event) -> None:
        await self._streams.deliver(hurry)
        delivered.set()

    async def _hurry_on_signal(self, hurry: anyio.CancelScope) -> None:
        if self._link.lost:
            return
        with self._link.notifications.reader() as reader:
            async for notification in reader:
                match notification:
                    case Signalled(signum):
                        if signum in ENDING_SIGNALS:
                            self._asked_to_end = True
                            hurry.cancel()
                    case AgentStopped() | AgentExited():
                        hurry.cancel()
                    case GuardianGone():
                        hurry.cancel()
                        return
                    case _:
                        assert_never(notification)

    async def _conclude(self, watch: Watch, *, guardian_lost: bool, lost: bool) -> AttemptEnd:
        processes = self._ownership.processes(guardian_lost=guardian_lost)
        left = await read_proof(self._ownership, guardian_lost=guardian_lost)
        ended_for: Reason | None = Reason.SUPERVISOR_LOST if lost else await self._why_ended(watch)
        if ended_for is None and kernel_killed_for_memory(self._ownership.leaf, watch.wait_status):
            ended_for = Reason.MEMORY
        return AttemptEnd(
            exit=self._report_exit(watch, ended_for),
            mechanism=processes.mechanism,
            proven=self._ownership.proven,
            agent_status=self._agent_status,
            swept=watch.state.swept or self._swept,
            left=left,
            usage=watch.usage,
            peak_memory=kernel_peak_memory(self._ownership.leaf) or watch.peak_memory,
            asked_to_end=self._asked_to_end or watch.ending_signal is not None,
            last_output=self._streams.last_output(),
            message=self._message,
            swept_names=watch.swept_names,
        )

    async def _why_ended(self, watch: Watch) -> EndReason | None:
        """Return why we ended the agent; None where it ended by itself.

        An engine that signals every process of a tree may signal the agent first.
        """
        status = watch.wait_status
        died_of = os.WTERMSIG(status) if status is not None and os.WIFSIGNALED(status) else None
        if watch.state.reason is not None or died_of not in ENDING_SIGNALS:
            return watch.state.reason
        if self._link.asked is None:
            await anyio.sleep(_SAME_WISH_SECONDS)
        return Reason.CANCELLED if self._link.asked == died_of else None

    def _report_exit(self, watch: Watch, ended_for: Reason | None) -> ExitReport:
        run_exit = report_exit(watch.wait_status, ended_for)
        if not adapter_of(self._plan.agent).tells_its_end:
            return run_exit  # to end in good order may be all that was asked of it
        return deny_success(run_exit, self._agent_status, watch.ending_signal or signal.SIGTERM)

    def _hear_agent(self, news: StreamNews) -> None:
        if news.thread is not None:
            self._session.suggest(news.thread, sure=news.sure)
        self._agent_status = news.agent_status or self._agent_status
        self._message = news.message or self._message
