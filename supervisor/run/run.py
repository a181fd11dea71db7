"""One run under the claim: prepare, attempt, record."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial

import anyio.lowlevel

from ...kernel.containment.membership import RUN_ID_VARIABLE, end
from ...kernel.errands.errand import Errands, errands_of
from ...kernel.errors import CodexlabError
from ...kernel.values import replace
from ...workspace.workdir.stale_locks import set_locks_aside, stale_locks
from ..blocking import in_thread, run_blocking
from ..caller import Caller, RunOutcome
from ..containment.ownership import RunOwnership
from ..containment.program import end_strays, end_unread
from ..containment.survivors import KILL_PATIENCE, TERM_GRACE, end_survivors, may_have_survivors
from ..errors import GuardianLost, only_refusals, refusal
from ..lifecycle.attempt_end import AttemptEnd
from ..output.events import EventLog
from ..plan import Plan
from ..prepare.temporary import create_temporary
from ..prepare.workspace import PreparedWorkspace, prepare_workspace, replace_thread
from ..records.registry import note_temporary
from ..watching.limits import set_limits
from .attempt import Attempt
from .cancellation import finish_in_thread, unless_cancelled
from .context import RunContext
from .report import RunReport
from .retry import wait_before_retry, with_retries


class AgentRun:
    """The steps of one run whose record is written, in order.

    :param run: what they need; closed by :meth:`close`.
    """

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._plan = run.plan
        self._prepared = run.prepared
        self._ownership = run.ownership
        self._hooks = run.make_hooks()
        self._report = RunReport(run, self._hooks)
        self._ends: list[AttemptEnd] = []

    async def run(self) -> RunOutcome:
        """Attempt it, as often as the request allows, and write down how it ended.

        :raises CodexlabError, OSError: the agent could not be started.
        """
        self._make_temporary()
        if self._hooks is not None:
            await self._hooks.before_agent()
        await with_retries(
            self._plan.request, self._attempt, lambda: bool(self._run.session.thread), self._pause
        )
        return await self._report.after_attempts(self._prepared, self._ends)

    def _make_temporary(self) -> None:
        self._ownership.hand_over(self._prepared.temporary)
        # Without a note of it, a later launch leaves the directory of a killed run where it is.
        with suppress(OSError):
            note_temporary(self._plan.run_id, self._prepared.temporary)
        create_temporary(self._prepared.temporary)

    async def fail(self, error: CodexlabError) -> RunOutcome:
        """Write down that the agent could not be started, or not again."""
        if not self._ends:
            # What the preparation started and left; no agent was started after it.
            await end_unread(self._ownership)
        return await self._report.after_failure(error, self._prepared, self._ends)

    def close(self) -> None:
        """Close what is open, also where the run's end was not written down. Idempotent."""
        self._run.close()

    async def _attempt(self) -> AttemptEnd:
        if self._ends:
            self._begin_again()
        attempt = Attempt(self._run, self._prepared)
        try:
            end = await self._see_through(attempt)
        finally:
            attempt.close()
        end = replace(end, swept_names=self._run.record.mask_names(end.swept_names))
        self._ends.append(end)
        self._run.events.emit("contained", **end.contained())
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
        problem = _refusal(refused, self._plan)
        self._run.warn(f"the agent could no longer be watched, and was ended: {problem}")
        return end

    async def _carry_out(self, attempt: Attempt) -> AttemptEnd:
        limits = set_limits(self._plan.request, self._ownership.leaf, self._ownership.why_no_leaf)
        self._run.warn(attempt.remark)
        agent = await attempt.spawn()
        self._run.record.update(
            pid=agent.pid,
            oom_score_adj=attempt.oom_score_adj,
            containment=self._ownership.describe(),
        )
        await self._run.sweep.start()
        return await attempt.watch(agent, replace(limits, seconds=self._seconds_left()))

    def _begin_again(self) -> None:
        """Enter fresh containment, and resume the thread the last attempt got to."""
        self._ownership.enter_fresh_leaf()
        number = self._run.events.begin_attempt()
        if self._run.session.thread is not None:
            self._prepared = replace_thread(self._plan, self._prepared, self._run.session.thread)
        self._run.record.update(attempt=number, argv=list(self._prepared.argv))

    def _seconds_left(self) -> float | None:
        if (limit := self._plan.request.timeout) is None:
            return None
        # Hooks have a limit of their own.
        elsewhere = self._hooks.seconds if self._hooks is not None else 0.0
        return max(0.0, limit - (time.monotonic() - self._run.started - elsewhere))

    async def _pause(self, seconds: float) -> None:
        """Wait before the next attempt; a signal or the time limit ends the run instead."""
        limit, left, run = self._plan.request.timeout, self._seconds_left(), self._run
        self._report.tell_of_retry(self._ends, seconds, left)
        last = self._ends[-1].last_output
        await wait_before_retry(seconds, limit, left, run.link, run.events, lambda: last)

    async def end_lost(self) -> None:
        """End a run whose guardian died while no agent was being watched."""
        contained = await _end_unanswered(self._ownership)
        await self._report.after_loss(contained, self._prepared, self._ends)


async def run_agent(ownership: RunOwnership, caller: Caller, events: EventLog) -> RunOutcome:
    """Run one agent to its end; from the moment there is a record, every error is in it.

    :raises CodexlabError: it could not be started, and there is no record yet.
    :raises GuardianLost: the guardian died while it was asked to start it.
    """
    run = await _open_run(ownership, caller, events)
    try:
        return await run.run()
    except GuardianLost:
        await run.end_lost()
        raise
    except (CodexlabError, OSError) as error:
        return await run.fail(_refusal(error, ownership.plan))
    finally:
        run.close()


async def _open_run(ownership: RunOwnership, caller: Caller, events: EventLog) -> AgentRun:
    """Make ready what the run needs, and write its first record."""
    started, plan = time.monotonic(), ownership.plan

    async def prepare() -> AgentRun:
        prepared = await _prepare_workspace(ownership, caller)
        run = RunContext(ownership, prepared, caller, events, started)
        try:
            run.announce()
            run.record.write(durable=False)
            return AgentRun(run)
        except BaseException:
            run.close()
            raise

    try:
        return await unless_cancelled(caller.link, prepare, plan.request.timeout)
    except GuardianLost:
        await _end_unanswered(ownership)
        raise
    except (CodexlabError, OSError) as error:
        await end_unread(ownership)
        raise _refusal(error, plan) from None


def _refusal(error: CodexlabError | OSError, plan: Plan) -> CodexlabError:
    return refusal(error, str(plan.run_directory), plan.request.origins)


async def _prepare_workspace(ownership: RunOwnership, caller: Caller) -> PreparedWorkspace:
    """Take the workspace over, end what others left in it, and prepare it."""

    def take_over() -> PreparedWorkspace:
        ownership.begin()
        ownership.hand_over()
        prepared = prepare_workspace(ownership.plan, ownership.claim, caller.tell)
        # Here: who waits for this thread may be gone by now.
        ownership.hold_descriptors(prepared.lease, prepared.sessions)
        ownership.hold_checkout(prepared.checkout)
        return prepared

    if any(map(may_have_survivors, ownership.lasts())):
        await in_thread(ownership.end_previous, caller.tell)
    tag = {RUN_ID_VARIABLE: ownership.plan.run_id}
    with errands_of(Errands(tag, ownership.doubt, caller.tell)):
        prepared = await finish_in_thread(take_over)
    # A signal that came meanwhile ends the run here, before there is an agent.
    await anyio.lowlevel.checkpoint_if_cancelled()
    # The directory may be shared with other issues' runs; theirs end too.
    if may_have_survivors(prepared.workdir.previous):
        await in_thread(end_survivors, prepared.workdir.previous)
    await end_strays(ownership)
    # Nothing of an earlier run is there any more, so nobody of it needs them.
    if locks := stale_locks(ownership.claim, prepared.workdir):
        ownership.claim.notes.extend(await in_thread(set_locks_aside, prepared.workdir, locks))
    return prepared


async def _end_unanswered(ownership: RunOwnership) -> dict[str, object] | None:
    """End what the guardian may have started before it died.

    Without it nothing is proven: the next launch looks again.

    :returns: what was read, or None where nothing can be left.
    """
    if ownership.proven:
        return None
    known = ownership.processes(guardian_lost=True)
    swept, left = await run_blocking(partial(end, known, grace=TERM_GRACE, patience=KILL_PATIENCE))
    ownership.note_reading(len(left), proves=False)
    return {"mechanism": known.mechanism, "proven": False, "swept": swept, "left": len(left)}
