"""One run under the claim: prepare, attempt, record."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import anyio.to_thread

from ..env import Masker
from ..kernel import CodexlabError, OperatorError
from ..kernel import end as end_members
from ..workspace import record_thread
from ._attempt import Attempt, AttemptEnd
from ._cancelling import finish_in_thread, unless_cancelled
from ._conclusion import Conclusion
from ._errors import GuardianLost
from ._events import EventLog
from ._host import Host, Outcome
from ._limits import Limits, set_limits
from ._place import Place, note_thread_of_target, prepare_place, replace_thread
from ._plan import Plan
from ._possession import Possession
from ._record import RunRecord
from ._retry import with_retries
from ._secrets import find_secrets
from ._session import SessionWatcher
from ._streams import Logs
from ._survivors import GRACE, PATIENCE, end_survivors, may_have_survivors
from ._sweep_beside import SweepBeside
from ._temporary import create_temporary
from ._threads import in_own_thread

if TYPE_CHECKING:
    from ._run_hooks import RunHooks


class AgentRun:
    """The steps of one run, in order; each leaves what the next needs."""

    def __init__(self, plan: Plan, possession: Possession, host: Host, events: EventLog) -> None:
        self._plan = plan
        self._possession = possession
        self._host = host
        self._link = host.link
        self._events = events
        self._tell = host.tell
        self._started = time.monotonic()
        self._ends: list[AttemptEnd] = []
        self._opened = False
        self._hooks: RunHooks | None = None

    async def prepare(self, place: Place) -> None:
        """Open what the run writes to, and say what was made ready."""
        self._place = place
        self._open_record()
        self._sweep = SweepBeside(self._plan, self._link, self._events, self._warn)
        self._conclusion = self._make_conclusion()
        self._opened = True
        self._announce()
        self._record.write(durable=False)
        self._possession.hand_over(place.temporary)
        create_temporary(place.temporary)
        if self._plan.request.hooks:
            self._hooks = self._conclusion.hooks = self._make_hooks()

    def _open_record(self) -> None:
        place, plan = self._place, self._plan
        self._secrets = secrets = find_secrets(plan.request, place.environment.values)
        masker = Masker(secrets)
        # From here on the agent's own values are known too (--set, --env-file).
        self._events.mask = masker.mask_text
        self._record = RunRecord(plan, masker)
        self._record.update(
            argv=list(place.argv),
            workdir=asdict(place.workdir),
            resumed=place.thread,
            temporary=place.temporary,
            containment=self._possession.describe(),
            environment=place.environment.describe(),
            cargo=asdict(place.routing.cargo),
            artifacts=asdict(place.routing.artifacts),
        )
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        path = os.fspath(plan.run_directory / "events.ndjson")
        self._events.add_target(os.open(path, flags, 0o600))
        self._logs = Logs(
            plan.run_directory,
            secrets,
            plan.request.log_max_bytes,
            terminal=plan.request.terminal,
        )
        self._session = SessionWatcher(
            plan.paths.codex_home,
            place.workdir.path.resolve(),
            self._take_thread,
            resumed=place.thread,
            look_at_files=plan.agent == "codex",
        )

    def _make_conclusion(self) -> Conclusion:
        return Conclusion(
            self._plan,
            self._record,
            self._events,
            self._logs,
            self._session,
            self._sweep,
            self._warn,
            self._tell,
            self._started,
        )

    def _make_hooks(self) -> RunHooks:
        from ._hook import HookRunner
        from ._run_hooks import RunHooks

        plan, possession = self._plan, self._possession
        terminal = self._host.terminal if plan.request.terminal else None
        runner = HookRunner(plan, possession, self._link, self._events, self._secrets, terminal)
        return RunHooks(plan, self._place, possession, self._record, runner, self._warn)

    def _announce(self) -> None:
        place, receipt = self._place, self._place.environment
        self._events.emit(
            "workspace.ready",
            workdir=str(place.workdir.path),
            kind=place.workdir.kind,
            branch=place.workdir.branch,
            created=place.workdir.created,
        )
        self._events.emit(
            "env.scrubbed",
            **{action: len(receipt.names(action)) for action in ("kept", "dropped", "set")},
        )
        fallback = place.routing.artifacts.fallback_reason
        self._events.emit(
            "artifacts.routed", target=place.routing.cargo.target_dir, fallback=fallback
        )
        for line in (fallback, *self._plan.workdir.notes, *self._possession.claim.notes):
            self._warn(line)
        if self._host.talkative:
            self._tell(f"working in {place.workdir.path} ({place.workdir.kind})")

    def _warn(self, line: str | None) -> None:
        if line:
            self._record.warn(line)
            self._tell(line)

    async def run(self) -> Outcome:
        """Attempt it, as often as the request allows, and write down how it ended.

        :raises CodexlabError: the agent could not be started.
        """
        try:
            if self._hooks is not None:
                await self._hooks.before_agent()
            await with_retries(self._plan.request, self._attempt, self._has_thread, self._pause)
        except CodexlabError as error:
            await self._conclusion.after_failure(error)
            raise
        return await self._conclusion.after_attempts(self._place, self._ends)

    async def _attempt(self) -> AttemptEnd:
        if self._ends:
            self._begin_again()
        limits = set_limits(self._plan.request, self._possession.leaf, self._possession.why_no_leaf)
        attempt = Attempt(
            self._plan,
            self._place,
            self._possession,
            self._link,
            self._events,
            self._session,
            self._logs,
            self._host,
        )
        self._warn(attempt.streams.remark)
        agent = await attempt.spawn()
        self._record.update(
            pid=agent.pid,
            oom_score_adj=attempt.oom_score_adj,
            containment=self._possession.describe(),
        )
        await self._sweep.start()
        end = await attempt.watch(agent, limits.with_seconds(self._seconds_left(limits)))
        self._ends.append(end)
        self._events.emit("contained", **end.contained())
        if self._session.can_confirm:
            await in_own_thread(self._session.confirm)
        return end

    def _begin_again(self) -> None:
        """Enter fresh containment, and resume the thread the last attempt got to."""
        self._possession.renew()
        self._events.attempt += 1
        if self._session.thread is not None:
            self._place = replace_thread(self._plan, self._place, self._session.thread)
        self._record.update(attempt=self._events.attempt, argv=list(self._place.argv))

    def _seconds_left(self, limits: Limits) -> float | None:
        if limits.seconds is None:
            return None
        # Hooks have a limit of their own.
        elsewhere = self._hooks.seconds if self._hooks is not None else 0.0
        return max(0.0, limits.seconds - (time.monotonic() - self._started - elsewhere))

    def _has_thread(self) -> bool:
        return self._session.thread is not None

    async def _pause(self, seconds: float) -> None:
        """Wait before the next attempt; a signal or the time limit ends the run instead."""
        self._events.emit("attempt.retrying", after=round(seconds, 3))
        await unless_cancelled(self._link, lambda: anyio.sleep(seconds))

    def _take_thread(self, thread: str) -> None:
        try:
            record_thread(self._plan.paths, thread, self._place.workdir.path, self._plan.agent)
        except OperatorError as error:
            # A full disk must not end the agent; the thread is in the record too.
            self._warn(str(error))
        self._events.emit("thread.started", thread=thread)
        note_thread_of_target(self._plan, self._place, thread)

    def end_lost(self) -> None:
        """End a run whose guardian died before the agent's start was answered."""
        if not self._possession.proven:
            scope = self._possession.scope(guardian_lost=True)
            _, left = end_members(scope, grace=GRACE, patience=PATIENCE)
            self._possession.proven = not left
        if self._opened:
            self._conclusion.after_loss()


async def run_agent(plan: Plan, possession: Possession, host: Host, events: EventLog) -> Outcome:
    """Run one agent to its end.

    :raises CodexlabError: it could not be started; nothing of it runs.
    :raises GuardianLost: the guardian died while it was asked to start it.
    """
    run = AgentRun(plan, possession, host, events)

    def take_place() -> Place:
        possession.take()
        possession.hand_over()
        return prepare_place(plan, possession.claim, host.tell)

    async def prepare() -> None:
        if may_have_survivors(possession.claim.previous):
            await anyio.to_thread.run_sync(possession.end_previous, host.tell)
        place = await finish_in_thread(take_place)
        possession.keep(place.lease)
        # What came in meanwhile ends the run here, before there is an agent.
        await anyio.lowlevel.checkpoint_if_cancelled()
        # The directory may be shared with other issues' runs; theirs end too.
        if may_have_survivors(place.workdir.previous):
            await anyio.to_thread.run_sync(end_survivors, place.workdir.previous)
        await run.prepare(place)

    try:
        await unless_cancelled(host.link, prepare)
        return await run.run()
    except GuardianLost:
        await in_own_thread(run.end_lost)
        raise
