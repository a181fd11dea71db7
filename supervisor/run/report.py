"""How a run's end is written down and told: record, last event, a line for a person."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ...kernel.errors import CodexlabError, OperatorError
from ...kernel.values import asdict
from ...workspace.git.pointers import restore_pointers
from ...workspace.git.state import git_state
from ..blocking import run_blocking
from ..caller import RunOutcome
from ..clock import now_text
from ..errors import reason_of
from ..lifecycle.attempt_end import AttemptEnd
from ..lifecycle.exit import EXIT_FAILED, AgentOutcome, Reason, agent_outcome
from ..lifecycle.why import LONGEST_MESSAGE, duration, explain, last_line, one_line
from ..prepare.workspace import PreparedWorkspace
from ..records.record import describe_exit, describe_git
from .cancellation import LookEnded, look_for
from .closing_lines import Ending, describe_ending, describe_left, hint_at_dropped_names
from .context import RunContext

if TYPE_CHECKING:
    from ..hooks.run_hooks import RunHooks

GIT_SECONDS = 10.0  # an agent can make git wait, which must not hold up a run that is over


class RunReport:
    """Writes how one run ended, whichever way that was.

    :param hooks: around the run's agent, where there are any.
    """

    def __init__(self, run: RunContext, hooks: RunHooks | None) -> None:
        self._run = run
        self._plan = run.plan
        self._record = run.record
        self._hooks = hooks

    async def after_attempts(
        self, prepared: PreparedWorkspace, ends: Sequence[AttemptEnd]
    ) -> RunOutcome:
        """Write the outcome of a run whose last attempt is over and proven.

        :param prepared: as the last attempt found it.
        :param ends: of all attempts; at least one.
        """
        end = ends[-1]
        run_exit, outcome = end.exit, agent_outcome(end.exit, end.agent_status)
        await self._take_facts(prepared, ends)
        if self._plan.request.commit and outcome is not AgentOutcome.FAILED:
            from .commit_work import commit_after_run

            if await commit_after_run(self._run, prepared, self._message(end)):
                self._note_git(prepared, await self._look_at_git(prepared))
        why = self._why(end, outcome)
        self._record.update(**describe_exit(run_exit), agent_outcome=outcome, why=why)
        await self._write_and_clear(run_exit.reason, run_exit.status, outcome)
        self._emit_finished(run_exit.reason, run_exit.status, outcome, why)
        for line in self._closing_lines(prepared, end, outcome, why):
            self._run.caller.tell(line)
        return RunOutcome(run_exit.status, run_exit.reason, self._plan.run_id, self._record.content)

    async def _take_facts(self, prepared: PreparedWorkspace, ends: Sequence[AttemptEnd]) -> None:
        """Note all that is known but how the run ended; nothing is written yet."""
        self._run.sweep.ask_to_end()
        self._run.logs.close()
        if ends:
            self._record.update(
                **self._describe(ends[-1]),
                attempts=[describe_exit(each.exit) for each in ends],
            )
            self._note_git(prepared, await self._look_at_git(prepared))
        for fault in self._run.logs.faults():
            self._run.warn(fault)
        await self._end_sweep()

    def _describe(self, end: AttemptEnd) -> dict[str, object]:
        return {
            "exit_code": end.exit.code,
            "signal": end.exit.signal,
            "last_word": end.agent_status,
            "message": self._message(end),
            "finished": now_text(),
            "duration": round(time.monotonic() - self._run.started, 3),
            "thread": self._run.session.thread,
            "contained": end.contained(),
            "usage": asdict(end.usage) if end.usage else None,
            "peak_memory": end.peak_memory,
            "events_dropped": self._run.events.dropped,
        }

    def _message(self, end: AttemptEnd) -> str | None:
        if end.message is None:
            return None
        return self._run.mask(end.message[:LONGEST_MESSAGE])

    def _why(self, end: AttemptEnd, outcome: AgentOutcome) -> str | None:
        """Say why the agent's work was not done, in its own words where there are any."""
        said = self._message(end)
        shown = one_line(said) if said else last_line(self._run.logs.errors())
        return self._explain(end, outcome, shown)

    def _explain(self, end: AttemptEnd, outcome: AgentOutcome, said: str | None) -> str | None:
        request = self._plan.request
        limits = {"timeout": request.timeout, "idle_timeout": request.idle_timeout}
        return explain(end, outcome, said, **limits)

    def tell_of_retry(self, ends: Sequence[AttemptEnd], seconds: float, left: float | None) -> None:
        """Say why an attempt failed, and when the next one begins, if time is left for it."""
        if left is not None and seconds >= left:
            return
        said = self._message(ends[-1])
        count = f"attempt {len(ends)} of {self._plan.request.retries + 1}"
        why = self._explain(ends[-1], AgentOutcome.FAILED, said and one_line(said))
        self._run.caller.tell(f"{count} failed ({why}); the next begins in {duration(seconds)}")

    def _note_git(self, prepared: PreparedWorkspace, after: dict[str, object] | None) -> None:
        self._record.update(git={"head_before": prepared.workdir.head, "after": after})

    async def _look_at_git(self, prepared: PreparedWorkspace) -> dict[str, object] | None:
        try:
            return await look_for(self._run.link, GIT_SECONDS, self._git_after, prepared)
        except LookEnded as why:
            self._record.warn(f"the state in git after the run is not known: {why}")
            return None

    def _git_after(self, prepared: PreparedWorkspace) -> dict[str, object] | None:
        try:
            workdir = prepared.workdir
            if prepared.pointers is not None:
                for line in restore_pointers(prepared.pointers):
                    self._run.warn(line)
            state = git_state(workdir.path, workdir.base, workdir.git_dir, prepared.checkout)
            return describe_git(state)
        except (OperatorError, OSError) as error:
            self._record.warn(str(error))
            return None

    def _closing_lines(
        self, prepared: PreparedWorkspace, end: AttemptEnd, outcome: AgentOutcome, why: str | None
    ) -> Iterator[str]:
        record, verbose = self._record.path, self._plan.request.verbose
        yield from describe_left(end, self._plan.run_id, record)
        seconds = time.monotonic() - self._run.started
        if why is not None or self._run.caller.verbose:
            ending = Ending(end, outcome, why, seconds, self._record.content["git"])
            yield describe_ending(ending, self._plan.key.issue, record, verbose=verbose)
        receipt, said = prepared.environment.receipt, self._run.logs.tail()
        yield from hint_at_dropped_names(end.exit, seconds, receipt, said)

    async def after_failure(
        self, error: CodexlabError, prepared: PreparedWorkspace, ends: Sequence[AttemptEnd]
    ) -> RunOutcome:
        """Write down, and tell, that the agent could not be started, or not again, and why.

        :param ends: of the attempts before, if there were any.
        """
        reason, status = reason_of(error), error.exit_status
        await self._take_facts(prepared, ends)
        self._note_failure(reason, status, str(error))
        await self._write_and_clear(reason, status, AgentOutcome.FAILED)
        self._run.caller.tell(str(error))
        self._emit_finished(reason, status, AgentOutcome.FAILED, str(error))
        run_id, record = self._plan.run_id, self._record.content
        return RunOutcome(status, reason, run_id, record, str(error))

    async def after_loss(
        self,
        contained: dict[str, object] | None,
        prepared: PreparedWorkspace,
        ends: Sequence[AttemptEnd],
    ) -> None:
        """Write down that the guardian died before the agent's start was answered.

        :param contained: what was read after the last signal; None where nothing was
            started since the last attempt.
        """
        await self._take_facts(prepared, ends)
        if contained is not None:
            self._record.update(contained=contained)
        self._note_failure(Reason.SUPERVISOR_LOST, EXIT_FAILED, "the guardian died")
        await self._write_last()
        self._emit_finished(
            Reason.SUPERVISOR_LOST, EXIT_FAILED, AgentOutcome.FAILED, "the guardian died"
        )

    def _note_failure(self, reason: Reason, status: int, error: str) -> None:
        self._record.update(
            finished=now_text(),
            reason=reason,
            exit_status=status,
            agent_outcome=AgentOutcome.FAILED,
            error=error,
            why=error,
        )

    def _emit_finished(
        self, reason: Reason, status: int, outcome: AgentOutcome, why: str | None
    ) -> None:
        self._run.events.emit(
            "run.finished",
            reason=reason,
            exit_status=status,
            agent_outcome=outcome,
            why=why,
            thread=self._run.session.thread,
        )

    async def _end_sweep(self) -> None:
        self._run.sweep.ask_to_end()
        if (result := await self._run.sweep.finish()) is not None:
            self._record.update(sweep=result)

    async def _write_and_clear(self, reason: Reason, status: int, outcome: AgentOutcome) -> None:
        """Write the record, run the last hook, which works in the temp directory, and clear up."""
        if self._hooks is not None:
            await run_blocking(self._write)
            try:
                await self._hooks.after_agent(reason, status, outcome, self._run.session.thread)
            except OSError as error:
                # How the agent ended stays the truth; the next launch ends what is left.
                self._run.warn(f"hook after_run could not be watched to its end: {error.strerror}")
        await self._write_last()

    async def _write_last(self) -> None:
        """Write the record, then remove the temp directory; tell what stays of that.

        In this order, because a large one takes its time; in one thread, as each takes a while.
        """

        def write() -> str | None:
            self._write()
            return self._run.ownership.remove_temporary()

        if line := await run_blocking(write):
            self._run.warn(line)
            await run_blocking(self._write)

    def _write(self) -> None:
        try:
            self._record.write(durable=True)
        except OSError as error:
            self._run.caller.tell(
                f"the record could not be written: {self._record.path}: {error.strerror}"
            )
