"""What one run writes to, and what goes on beside all its attempts: opened once, closed once."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from ...agents.registry import adapter_of
from ...agents.session_store import SessionStore
from ...env.secrets.mask import Masker
from ...kernel.errors import OperatorError
from ...workspace.claim.threads import record_thread
from ..caller import Host
from ..containment.ownership import RunOwnership
from ..output.events import EventLog
from ..output.log import open_to_append
from ..output.streams import Logs
from ..plan import Plan
from ..prepare.secrets import find_secrets
from ..prepare.workspace import Place, note_thread_of_target
from ..records.record import RunRecord
from ..threads.watcher import SessionWatcher
from .background_sweep import SweepBeside
from .closing_lines import describe_left_behind
from .report import RunReport

if TYPE_CHECKING:
    from ..hooks.run_hooks import RunHooks


class RunContext:
    """What all steps of a run write to, open.

    :param started: when the run began (CLOCK_MONOTONIC, seconds).
    :raises OSError: something cannot be opened; nothing stays open but the target of
        ``events``, which is closed with them.
    """

    def __init__(
        self,
        plan: Plan,
        place: Place,
        ownership: RunOwnership,
        host: Host,
        events: EventLog,
        started: float,
    ) -> None:
        self._plan = plan
        self._place = place
        self._ownership = ownership
        self._host = host
        self._events = events
        self._threads: set[str] = set()
        self._secrets = find_secrets(plan.request, place.environment.values)
        masker = Masker(self._secrets)
        # From here on the agent's own values are known too (--set, --env-file).
        events.mask = masker.mask_text
        self.record = RunRecord(plan, masker)
        self._describe_place()
        events.add_target(open_to_append(plan.run_directory / "events.ndjson", plan.paths.base))
        self.session = SessionWatcher(
            self._session_store(),
            self._take_thread,
            look_at_files=adapter_of(plan.agent).resumable,
        )
        self.sweep = SweepBeside(plan, host.link, events, self.warn)
        self.logs = Logs(
            plan.run_directory,
            self._secrets,
            plan.request.log_max_bytes,
            plan.paths.base,
            terminal=plan.request.terminal,
        )
        self.report = self._make_report(started)

    def _session_store(self) -> SessionStore:
        plan, place = self._plan, self._place
        workdir = place.workdir.path.resolve()
        agent, environ = adapter_of(plan.agent), place.environment.values
        if agent.keeps_rollouts:
            from ..threads.codex_sessions import CodexSessions  # here: no other agent needs it

            return CodexSessions(plan.paths.codex_home, workdir, place.thread)
        return agent.session_store(environ, workdir, time.time(), interactive=plan.request.terminal)

    def _describe_place(self) -> None:
        place = self._place
        self.record.update(
            argv=list(place.argv),
            workdir=asdict(place.workdir),
            resumed=place.thread,
            temporary=place.temporary,
            containment=self._ownership.describe(),
            environment=place.environment.describe(),
            cargo=asdict(place.routing.cargo),
            artifacts=asdict(place.routing.artifacts),
        )

    def _make_report(self, started: float) -> RunReport:
        return RunReport(
            self._plan,
            self.record,
            self._events,
            self.logs,
            self.session,
            self.sweep,
            self.warn,
            self._host.tell,
            started,
            self._host.link,
        )

    def make_hooks(self) -> RunHooks:
        """Return the hooks around the run's agent; there are some."""
        from ..hooks.hook import HookRunner
        from ..hooks.run_hooks import RunHooks

        plan, ownership, link = self._plan, self._ownership, self._host.link
        terminal = self._host.terminal if plan.request.terminal else None
        runner = HookRunner(plan, ownership, link, self._events, self._secrets, terminal)
        return RunHooks(plan, self._place, ownership, self.record, runner, self.warn)

    def announce(self) -> None:
        """Say what was made ready."""
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
        for line in (fallback, *self._plan.workdir.notes, *self._ownership.claim.notes):
            self.warn(line)
        self._say_what_stays_behind()
        if self._host.talkative:
            self._host.tell(f"working in {place.workdir.path} ({place.workdir.kind})")

    def _say_what_stays_behind(self) -> None:
        if line := describe_left_behind(self._place.environment):
            self.record.warn(line)
            if self._host.talkative:
                self._host.tell(line)

    def warn(self, line: str | None) -> None:
        """Take one line, if it is one, for the record and for a person."""
        if line:
            self.record.warn(line)
            self._host.tell(line)

    def _take_thread(self, thread: str) -> None:
        """Write down the newest thread at once: whoever finds the run killed needs it."""
        try:
            record_thread(self._plan.paths, thread, self._place.workdir.path, self._plan.agent)
        except OperatorError as error:
            # A full disk must not end the agent; the thread is in the record too.
            self.warn(str(error))
        if thread not in self._threads:
            self._threads.add(thread)
            self._events.emit("thread.started", thread=thread)
        self.record.update(thread=thread)
        try:
            self.record.write(durable=False)
        except OSError as error:
            self.warn(f"the record could not be written: {self.record.path}: {error.strerror}")
        note_thread_of_target(self._plan, self._place, thread)

    def close(self) -> None:
        """Close the logs, also where the run's end was not written down. Idempotent."""
        self.logs.close()
