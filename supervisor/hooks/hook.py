"""One hook of the user's: run in the run's containment, with a limit, to its proof.

Invariant: when :meth:`HookRunner.run` returns, the kernel showed that no process of the hook is
left. Otherwise ``left`` counts the processes, and the ownership is not ``proven``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from ...env.secrets.mask import Masker
from ...guardian.protocol import Spawned, SpawnFailed, SpawnSpec
from ...kernel.errors import CodexlabError
from ...kernel.process.identity import ProcessIdentity, boot_id
from ...kernel.values import replace
from ..containment.ownership import RunOwnership
from ..containment.program import end_without_guardian, read_proof, start
from ..errors import GuardianLost
from ..lifecycle.exit import report_exit
from ..output.events import EventLog
from ..output.log import LogFile
from ..output.relay import Relay, open_pipe
from ..output.streams import DELIVERY_LIMIT
from ..prepare.command import resolve_command
from ..request import HookCommand
from ..watching.limits import Limits, kernel_killed_for_memory, set_limits
from ..watching.watch import Watch, Watched
from .hook_end import HookEnd, HookStatus
from .hook_job import HookJob

if TYPE_CHECKING:
    from ..terminal.user_terminal import UserTerminal


class _HookEvents:
    """The events of a hook, told apart from those of the agent."""

    def __init__(self, events: EventLog, name: str) -> None:
        self._events = events
        self._name = name

    def emit(self, event: str, **fields: object) -> None:
        # Its own end is told by hook.finished, once it is proven.
        if event != "child.exited":
            self._events.emit(event, hook=self._name, **fields)


class HookRunner:
    """Runs the hooks of one run, one after the other, each in fresh containment.

    :param secrets: what is masked in their logs.
    :param terminal: that of the job they are stopped and continued with, if it has one.
    """

    def __init__(
        self,
        ownership: RunOwnership,
        events: EventLog,
        secrets: tuple[bytes, ...],
        terminal: UserTerminal | None = None,
    ) -> None:
        self._plan = ownership.plan
        self._ownership = ownership
        self._events = events
        self._secrets = secrets
        self._terminal = terminal

    def log_of(self, name: str) -> str:
        """Return where a hook's output goes, masked and bounded."""
        return os.fspath(self._plan.run_directory / f"hook-{name}.log")

    async def run(
        self, name: str, command: HookCommand, workdir: Path, environment: Mapping[str, str]
    ) -> HookEnd:
        """Run one hook to its end; what it leaves behind is ended too.

        Never raises for what the hook did. The ownership must be proven.

        :param command: a text for ``/bin/sh -c``, or an argv.
        :param environment: its whole environment.
        """
        began = time.monotonic()
        log = self.log_of(name)
        try:
            self._ownership.enter_fresh_leaf()
            spec = _spec(command, workdir, {**environment, "CODEXLAB_HOOK": name})
            file = LogFile(
                log,
                Masker(self._secrets),
                self._plan.request.log_max_bytes,
                os.fspath(self._plan.paths.base),
            )
            with closing(file):
                watch = await self._carry_out(name, spec, file)
        except GuardianLost:
            await end_without_guardian(self._ownership)
            return await self._conclude(name, log, None, began, lost=True)
        except (CodexlabError, OSError) as error:
            end = HookEnd(name, HookStatus.NOT_STARTED, log, error=_reason(error))
            self._events.emit("hook.finished", **end.describe())
            return end
        end = await self._conclude(name, log, watch, began, lost=watch.guardian_lost)
        return end if file.fault is None else replace(end, error=f"log given up: {file.fault}")

    async def _carry_out(self, name: str, spec: SpawnSpec, file: LogFile) -> Watch:
        limits = set_limits(self._plan.request, self._ownership.leaf, self._ownership.why_no_leaf)
        read, write = open_pipe()
        relay = Relay(read, None, file, None)
        try:
            if self._terminal is not None:
                self._terminal.heed_stops()
            reply = await self._start(spec, write)
            if isinstance(reply, SpawnFailed):
                raise OSError(reply.errno, f"{reply.step}: {os.strerror(reply.errno)}")
            return await self._watch(name, reply, relay, limits)
        finally:
            relay.close()

    async def _start(self, spec: SpawnSpec, write: int) -> Spawned | SpawnFailed:
        try:
            nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            try:
                return await start(self._ownership, spec, (nothing, write, write))
            finally:
                os.close(nothing)
        finally:
            # Our duplicate, so that end of file means every writer is gone.
            os.close(write)

    async def _watch(self, name: str, started: Spawned, relay: Relay, limits: Limits) -> Watch:
        hook = ProcessIdentity(started.pid, started.start_time, boot_id())
        processes = self._ownership.processes()
        self._events.emit("hook.started", name=name, pid=hook.pid, mechanism=processes.mechanism)
        watch = Watch(
            Watched(hook, self._ownership.processes, lambda: relay.last_output),
            self._plan.ladder,
            self._ownership.link.notifications,
            _HookEvents(self._events, name),
            HookJob(self._terminal, self._ownership.processes) if self._terminal else None,
        )
        delivered = anyio.Event()

        async def deliver() -> None:
            await relay.run()
            delivered.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(deliver)
            await watch.run(Limits(self._plan.request.hook_timeout, memory=limits.memory))
            if watch.guardian_lost:
                await end_without_guardian(self._ownership)
            with anyio.move_on_after(DELIVERY_LIMIT):
                await delivered.wait()
            tasks.cancel_scope.cancel()
        return watch

    async def _conclude(
        self, name: str, log: str, watch: Watch | None, began: float, *, lost: bool
    ) -> HookEnd:
        left = await read_proof(self._ownership, guardian_lost=lost)
        ended_for: HookStatus | None = HookStatus.GUARDIAN_LOST
        if watch and not lost:
            ended_for = HookStatus(watch.state.reason) if watch.state.reason else None
        wait_status = watch.wait_status if watch else None
        if ended_for is None and kernel_killed_for_memory(self._ownership.leaf, wait_status):
            ended_for = HookStatus.MEMORY
        own_exit = report_exit(wait_status, None)
        own = own_exit.code if own_exit.signal is None else 128 + own_exit.signal
        end = HookEnd(
            name,
            ended_for or (HookStatus.FAILED if own else HookStatus.COMPLETED),
            log,
            own,
            round(time.monotonic() - began, 3),
            (watch.state.swept or 0) if watch else 0,
            left,
            watch.ending_signal if watch else None,
        )
        self._events.emit("hook.finished", **end.describe())
        return end


def _spec(command: HookCommand, workdir: Path, environment: dict[str, str]) -> SpawnSpec:
    argv = ("/bin/sh", "-c", command) if isinstance(command, str) else command
    search_path = environment.get("PATH", os.defpath)
    path = resolve_command(argv[0], search_path, workdir)
    return SpawnSpec(path, tuple(argv), environment, os.fspath(workdir))


def _reason(error: Exception) -> str:
    if not isinstance(error, OSError):
        return str(error)
    where = f": {error.filename}" if error.filename else ""
    return f"{error.strerror or 'refused'}{where}"
