"""How a run's end is written down and told: record, last event, a line for a person."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from ...kernel.errors import CodexlabError, OperatorError
from ...workspace.git.pointers import restore_pointers
from ...workspace.git.state import git_state
from ..blocking import run_blocking
from ..callbacks import Tell
from ..caller import Outcome
from ..clock import now_text
from ..errors import reason_of
from ..guardian_client.link import GuardianLink
from ..lifecycle.exit import EXIT_FAILED, agent_outcome
from ..output.events import EventLog
from ..output.streams import Logs
from ..plan import Plan
from ..prepare.workspace import Place
from ..records.record import RunRecord, describe_exit, describe_git
from ..threads.watcher import SessionWatcher
from .attempt import AttemptEnd
from .background_sweep import SweepBeside
from .cancellation import LookEnded, look_for
from .closing_lines import describe_ending, hint_at_dropped_names

if TYPE_CHECKING:
    from ..hooks.run_hooks import RunHooks

# An agent can make git wait, and a run that is over must not be held up by that.
GIT_SECONDS = 10.0


class RunReport:
    """Writes how one run ended, whichever way that was.

    :param warn: takes one line for the record and for a person.
    :param tell: takes one line for a person.
    :param started: when the run began (CLOCK_MONOTONIC, seconds).

    ``hooks`` is set where the run has any, and ``remove_temporary`` once there is a directory.
    """

    def __init__(
        self,
        plan: Plan,
        record: RunRecord,
        events: EventLog,
        logs: Logs,
        session: SessionWatcher,
        sweep: SweepBeside,
        warn: Tell,
        tell: Tell,
        started: float,
        link: GuardianLink,
    ) -> None:
        self._link = link
        self._plan = plan
        self._record = record
        self._events = events
        self._logs = logs
        self._session = session
        self._sweep = sweep
        self._warn = warn
        self._tell = tell
        self._started = started
        self.hooks: RunHooks | None = None
        self.remove_temporary: Callable[[], str | None] | None = None

    async def after_attempts(self, place: Place, ends: Sequence[AttemptEnd]) -> Outcome:
        """Write the outcome of a run whose last attempt is over and proven.

        :param place: as the last attempt found it.
        :param ends: of all attempts; at least one.
        """
        end = ends[-1]
        run_exit, outcome = end.exit, agent_outcome(end.exit, end.last_word)
        await self._take_facts(place, ends)
        self._record.update(**describe_exit(run_exit), agent_outcome=outcome)
        await run_blocking(self._write)
        await self._run_last_hook(run_exit.reason, run_exit.status, outcome)
        await self._clear_temporary()
        self._emit_finished(run_exit.reason, run_exit.status, outcome)
        for line in self._closing_lines(place, end, outcome):
            self._tell(line)
        return Outcome(run_exit.status, run_exit.reason, self._plan.run_id, self._record.content)

    async def _take_facts(self, place: Place, ends: Sequence[AttemptEnd]) -> None:
        """Note all that is known but how the run ended; nothing is written yet."""
        self._sweep.ask_to_end()
        self._logs.close()
        if ends:
            self._record.update(
                **self._describe(ends[-1]),
                git={
                    "head_before": place.workdir.head,
                    "after": await self._look_at_git(place),
                },
                attempts=[describe_exit(each.exit) for each in ends],
            )
        for fault in self._logs.faults():
            self._warn(fault)
        await self._end_sweep()

    def _describe(self, end: AttemptEnd) -> dict[str, object]:
        return {
            "exit_code": end.exit.code,
            "signal": end.exit.signal,
            "last_word": end.last_word,
            "finished": now_text(),
            "duration": round(time.monotonic() - self._started, 3),
            "thread": self._session.thread,
            "contained": end.contained(),
            "usage": asdict(end.usage) if end.usage else None,
            "peak_memory": end.peak_memory,
            "events_dropped": self._events.dropped,
        }

    async def _look_at_git(self, place: Place) -> dict[str, object] | None:
        try:
            return await look_for(self._link, GIT_SECONDS, self._git_after, place)
        except LookEnded as why:
            self._record.warn(f"what git says after the run is not known: {why}")
            return None

    def _git_after(self, place: Place) -> dict[str, object] | None:
        try:
            workdir = place.workdir
            if place.pointers is not None:
                for line in restore_pointers(place.pointers):
                    self._warn(line)
            state = git_state(workdir.path, workdir.base, workdir.git_dir, place.checkout)
            return describe_git(state)
        except (OperatorError, OSError) as error:
            self._record.warn(str(error))
            return None

    def _closing_lines(self, place: Place, end: AttemptEnd, outcome: str) -> Iterator[str]:
        run_id, record, request = self._plan.run_id, self._record.path, self._plan.request
        yield from describe_ending(end, outcome, run_id, record, verbose=request.verbose)
        seconds = time.monotonic() - self._started
        receipt, said = place.environment.receipt, self._logs.tail()
        yield from hint_at_dropped_names(end.exit, seconds, receipt, said)

    async def after_failure(
        self, error: CodexlabError, place: Place, ends: Sequence[AttemptEnd]
    ) -> Outcome:
        """Write down, and tell, that the agent could not be started, or not again, and why.

        :param ends: of the attempts before, if there were any.
        """
        reason, status = reason_of(error), error.exit_status
        await self._take_facts(place, ends)
        await self._write_failure(reason, status, str(error))
        await self._run_last_hook(reason, status, "failed")
        await self._clear_temporary()
        self._tell(str(error))
        self._emit_finished(reason, status, "failed")
        run_id, record = self._plan.run_id, self._record.content
        return Outcome(status, reason, run_id, record, str(error))

    async def after_loss(
        self, contained: dict[str, object] | None, place: Place, ends: Sequence[AttemptEnd]
    ) -> None:
        """Write down that the guardian died before the agent's start was answered.

        :param contained: what was read after the last signal; None where nothing was
            started since the last attempt.
        """
        await self._take_facts(place, ends)
        if contained is not None:
            self._record.update(contained=contained)
        await self._write_failure("supervisor-lost", EXIT_FAILED, "the guardian died")
        await self._clear_temporary()
        self._emit_finished("supervisor-lost", EXIT_FAILED, "failed")

    async def _write_failure(self, reason: str, status: int, error: str) -> None:
        self._record.update(
            finished=now_text(),
            reason=reason,
            exit_status=status,
            agent_outcome="failed",
            error=error,
        )
        await run_blocking(self._write)

    def _emit_finished(self, reason: str, status: int, outcome: str) -> None:
        self._events.emit(
            "run.finished",
            reason=reason,
            exit_status=status,
            agent_outcome=outcome,
            thread=self._session.thread,
        )

    async def _end_sweep(self) -> None:
        self._sweep.ask_to_end()
        if (result := await self._sweep.finish()) is not None:
            self._record.update(sweep=result)

    async def _run_last_hook(self, reason: str, status: int, outcome: str) -> None:
        if self.hooks is not None:
            try:
                await self.hooks.after_agent(reason, status, outcome, self._session.thread)
            except OSError as error:
                # How the agent ended stays the truth; the next launch ends what is left.
                self._warn(f"hook after_run could not be seen to its end: {error.strerror}")
            await run_blocking(self._write)

    async def _clear_temporary(self) -> None:
        """Remove the temp directory after the last hook, which works in it; tell what stays.

        After the record was written, because a large one takes its time.
        """
        if self.remove_temporary is not None and (
            line := await run_blocking(self.remove_temporary)
        ):
            self._warn(line)
            await run_blocking(self._write)

    def _write(self) -> None:
        try:
            self._record.write(durable=True)
        except OSError as error:
            self._tell(f"the record could not be written: {self._record.path}: {error.strerror}")
