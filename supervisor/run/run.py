"""One run under the claim: prepare, attempt, record."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

from ...kernel.containment.membership import RUN_ID_VARIABLE
from ...kernel.containment.membership import end as end_members
from ...kernel.errands.errand import Errands, errands_of
from ...kernel.errors import CodexlabError
from ...workspace.workdir.stale_locks import set_locks_aside, stale_locks
from ..blocking import in_thread, run_blocking
from ..caller import Host, Outcome
from ..containment.ownership import RunOwnership
from ..containment.program import end_strays, end_unread
from ..containment.survivors import GRACE, PATIENCE, end_survivors, may_have_survivors
from ..errors import GuardianLost, only_refusals, refusal
from ..output.events import EventLog
from ..plan import Plan
from ..prepare.temporary import create_temporary
from ..prepare.workspace import Place, prepare_workspace, replace_thread
from ..records.registry import note_temporary
from ..watching.limits import set_limits
from .attempt import Attempt, AttemptEnd
from .cancellation import finish_in_thread, unless_cancelled
from .context import RunContext
from .retry import with_retries
from .wait_before_retry import wait_before_retry

if TYPE_CHECKING:
    from ..hooks.run_hooks import RunHooks


class AgentRun:
    """The steps of one run, in order; each leaves what the next needs."""

    def __init__(self, plan: Plan, ownership: RunOwnership, host: Host, events: EventLog) -> None:
        self._plan = plan
        self._ownership = ownership
        self._host = host
        self._link = host.link
        self._events = events
        self._started = time.monotonic()
        self._ends: list[AttemptEnd] = []
        self._opened: RunContext | None = None
        self._has_record = False
        self._hooks: RunHooks | None = None

    async def prepare(self, place: Place) -> None:
        """Open what the run writes to, and say what was made ready."""
        self._place = place
        self._opened = self._run = RunContext(
            self._plan, place, self._ownership, self._host, self._events, self._started
        )
        self._run.announce()
        self._run.record.write(durable=False)
        self._has_record = True
        self._ownership.hand_over(place.temporary)
        with suppress(OSError):  # Whoever finds the run killed then leaves it where it is.
            note_temporary(self._plan.run_id, place.temporary)
        create_temporary(place.temporary)
        self._run.report.remove_temporary = self._ownership.remove_temporary
        if self._plan.request.hooks:
            self._hooks = self._run.report.hooks = self._run.make_hooks()

    async def run(self) -> Outcome:
        """Attempt it, as often as the request allows, and write down how it ended.

        :raises CodexlabError, OSError: the agent could not be started.
        """
        if self._hooks is not None:
            await self._hooks.before_agent()
        await with_retries(self._plan.request, self._attempt, self._has_thread, self._pause)
        return await self._run.report.after_attempts(self._place, self._ends)

    async def end_errands(self) -> None:
        """End what the preparation started and left, where no agent was started after it."""
        if not self._ends and not self._ownership.proven:
            await end_unread(self._ownership, self._link)

    async def fail(self, error: CodexlabError) -> Outcome:
        """Write down that the agent could not be started.

        :raises CodexlabError: the very error, where there is no record yet.
        """
        if not self._has_record:
            raise error
        return await self._run.report.after_failure(error, self._place, self._ends)

    def close(self) -> None:
        """Close what is open, also where the run's end was not written down. Idempotent."""
        if self._opened is not None:
            self._opened.close()

    async def _attempt(self) -> AttemptEnd:
        if self._ends:
            self._begin_again()
        attempt = Attempt(
            self._plan,
            self._place,
            self._ownership,
            self._link,
            self._events,
            self._run.session,
            self._run.logs,
            self._host,
        )
        self._last_output = attempt.streams.last_output
        try:
            end = await self._see_through(attempt)
        finally:
            attempt.close()
        end = replace(end, swept_names=self._run.record.mask_names(end.swept_names))
        self._ends.append(end)
        self._events.emit("contained", **end.contained())
        if self._run.session.must_look_again:
            await run_blocking(self._run.session.look)
        return end

    async def _see_through(self, attempt: Attempt) -> AttemptEnd:
        """Carry one attempt out; an agent that we can no longer watch is ended.

        :raises CodexlabError, OSError: it could not be started.
        """
        try:
            return await self._carry_out(attempt)
        except (CodexlabError, OSError) as error:
            refused: CodexlabError | OSError = error
        except ExceptionGroup as group:
            if (found := only_refusals(group)) is None:
                raise
            refused = found
        try:
            end = await attempt.give_up()
        except OSError as error:
            # The guardian has descriptors of its own: a fault of ours is its to end.
            raise ExceptionGroup("the run cannot be ended from here", [refused, error]) from error
        if end is None:
            raise refused
        problem = refusal(refused, str(self._plan.run_directory))
        self._run.warn(f"the agent could no longer be watched, and was ended: {problem}")
        return end

    async def _carry_out(self, attempt: Attempt) -> AttemptEnd:
        limits = set_limits(self._plan.request, self._ownership.leaf, self._ownership.why_no_leaf)
        self._run.warn(attempt.streams.remark)
        agent = await attempt.spawn()
        self._run.record.update(
            pid=agent.pid,
            oom_score_adj=attempt.oom_score_adj,
            containment=self._ownership.describe(),
        )
        await self._run.sweep.start()
        return await attempt.watch(agent, limits.with_seconds(self._seconds_left()))

    def _begin_again(self) -> None:
        """Enter fresh containment, and resume the thread the last attempt got to."""
        self._ownership.renew()
        self._events.attempt += 1
        if self._run.session.thread is not None:
            self._place = replace_thread(self._plan, self._place, self._run.session.thread)
        self._run.record.update(attempt=self._events.attempt, argv=list(self._place.argv))

    def _seconds_left(self) -> float | None:
        limit = self._plan.request.timeout
        if limit is None:
            return None
        # Hooks have a limit of their own.
        elsewhere = self._hooks.seconds if self._hooks is not None else 0.0
        return max(0.0, limit - (time.monotonic() - self._started - elsewhere))

    def _has_thread(self) -> bool:
        return self._run.session.thread is not None

    async def _pause(self, seconds: float) -> None:
        """Wait before the next attempt; a signal or the time limit ends the run instead."""
        limit, left = self._plan.request.timeout, self._seconds_left()
        await wait_before_retry(seconds, limit, left, self._link, self._events, self._last_output)

    async def end_lost(self) -> None:
        """End a run whose guardian died while no agent was being watched."""
        contained = None
        if not self._ownership.proven:
            contained = await run_blocking(self._end_unanswered)
        if self._has_record:
            await self._run.report.after_loss(contained, self._place, self._ends)

    def _end_unanswered(self) -> dict[str, object]:
        """End what the guardian may have started before it died; return what was read.

        Without it nothing is proven: the next launch looks again.
        """
        scope = self._ownership.scope(guardian_lost=True)
        swept, left = end_members(scope, grace=GRACE, patience=PATIENCE)
        self._ownership.note_reading(len(left), proves=False)
        return {
            "mechanism": scope.mechanism,
            "proven": False,
            "swept": swept,
            "left": len(left),
        }


async def run_agent(plan: Plan, ownership: RunOwnership, host: Host, events: EventLog) -> Outcome:
    """Run one agent to its end; from the moment there is a record, every error is in it.

    :raises CodexlabError: it could not be started, and there is no record yet.
    :raises GuardianLost: the guardian died while it was asked to start it.
    """
    run = AgentRun(plan, ownership, host, events)
    errands = Errands({RUN_ID_VARIABLE: plan.run_id}, ownership.note_errand, host.tell)

    def take_place() -> Place:
        ownership.take()
        ownership.hand_over()
        place = prepare_workspace(plan, ownership.claim, host.tell)
        # Here: who waits for this thread may be gone by now.
        ownership.keep(place.lease, place.sessions)
        ownership.hold(place.checkout)
        return place

    async def prepare() -> None:
        if any(map(may_have_survivors, ownership.lasts())):
            await in_thread(ownership.end_previous, host.tell)
        with errands_of(errands):
            place = await finish_in_thread(take_place)
        # What came in meanwhile ends the run here, before there is an agent.
        await anyio.lowlevel.checkpoint_if_cancelled()
        # The directory may be shared with other issues' runs; theirs end too.
        if may_have_survivors(place.workdir.previous):
            await in_thread(end_survivors, place.workdir.previous)
        await end_strays(ownership)
        # Nothing of an earlier run is there any more, so nobody of it needs them.
        if locks := stale_locks(ownership.claim, place.workdir):
            lines = await in_thread(set_locks_aside, place.workdir, locks)
            ownership.claim.notes.extend(lines)
        await run.prepare(place)

    try:
        await unless_cancelled(host.link, prepare, plan.request.timeout)
        return await run.run()
    except GuardianLost:
        await run.end_lost()
        raise
    except (CodexlabError, OSError) as error:
        await run.end_errands()
        return await run.fail(refusal(error, str(plan.run_directory)))
    finally:
        run.close()
