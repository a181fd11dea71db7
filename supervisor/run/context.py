"""The context of one run, shared by all its attempts: opened once, closed once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from ...agents.registry import adapter_of
from ...agents.session_store import SessionStore
from ...env.secrets.mask import Masker
from ...kernel.errors import OperatorError
from ...kernel.real_path import real_path
from ...kernel.values import asdict
from ...workspace.claim.threads import record_thread
from ..caller import Host
from ..containment.ownership import RunOwnership
from ..output.events import EventLog
from ..output.log import open_to_append
from ..output.streams import Logs
from ..prepare.secrets import find_secrets
from ..prepare.workspace import Place, note_thread_of_target
from ..records.record import RunRecord
from ..threads.watcher import SessionWatcher
from .background_sweep import SweepBeside
from .closing_lines import describe_left_behind

if TYPE_CHECKING:
    from ..hooks.run_hooks import RunHooks


class RunContext:
    """The plan and ownership of a run, and its open record, logs and events.

    :param place: as the first attempt finds it.
    :param started: when the run began (CLOCK_MONOTONIC, seconds).
    :raises OSError: something cannot be opened; nothing stays open but the target of
        ``events``, which is closed with them.
    """

    def __init__(
        self,
        ownership: RunOwnership,
        place: Place,
        host: Host,
        events: EventLog,
        started: float,
    ) -> None:
        plan = ownership.plan
        self.plan = plan
        self.ownership = ownership
        self.place = place
        self.host = host
        self.link = host.link
        self.terminal = host.terminal if plan.request.terminal else None
        self.events = events
        self.started = started
        self._threads: set[str] = set()
        self._secrets = find_secrets(plan.request, place.environment.values)
        masker = Masker(self._secrets)
        # From here on the agent's own values are known too (--set, --env-file).
        events.mask_with(masker.mask_text)
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

    def _session_store(self) -> SessionStore:
        plan, place = self.plan, self.place
        workdir = Path(real_path(place.workdir.path))
        agent, environ = adapter_of(plan.agent), place.environment.values
        if agent.keeps_rollouts:
            from ..threads.codex_sessions import CodexSessions  # here: no other agent needs it

            return CodexSessions(plan.paths.codex_home, workdir, place.thread)
        return agent.session_store(environ, workdir, time.time(), interactive=plan.request.terminal)

    def _describe_place(self) -> None:
        place = self.place
        self.record.update(
            argv=list(place.argv),
            workdir=asdict(place.workdir),
            resumed=place.thread,
            temporary=place.temporary,
            containment=self.ownership.describe(),
            environment=place.environment.describe(),
            cargo=asdict(place.routing.cargo),
            artifacts=asdict(place.routing.artifacts),
        )

    def make_hooks(self) -> RunHooks | None:
        """Return the hooks around the run's agent, or None where there are none."""
        if not self.plan.request.hooks:
            return None
        from ..hooks.hook import HookRunner
        from ..hooks.run_hooks import RunHooks

        runner = HookRunner(self.ownership, self.events, self._secrets, self.terminal)
        return RunHooks(self.place, self.ownership, self.record, runner, self.warn)

    def announce(self) -> None:
        """Say what was made ready."""
        place, receipt = self.place, self.place.environment
        self.events.emit(
            "workspace.ready",
            workdir=str(place.workdir.path),
            kind=place.workdir.kind,
            branch=place.workdir.branch,
            created=place.workdir.created,
        )
        self.events.emit(
            "env.scrubbed",
            **{action: len(receipt.names(action)) for action in ("kept", "dropped", "set")},
        )
        fallback = place.routing.artifacts.fallback_reason
        self.events.emit(
            "artifacts.routed", target=place.routing.cargo.target_dir, fallback=fallback
        )
        for line in (fallback, *self.plan.workdir.notes, *self.ownership.claim.notes):
            self.warn(line)
        self._say_what_stays_behind()
        if self.host.talkative:
            self.host.tell(f"working in {place.workdir.path} ({place.workdir.kind})")

    def _say_what_stays_behind(self) -> None:
        if line := describe_left_behind(self.place.environment):
            self.record.warn(line)
            if self.host.talkative:
                self.host.tell(line)

    def warn(self, line: str | None) -> None:
        """Take one line, if it is one, for the record and for a person."""
        if line:
            self.record.warn(line)
            self.host.tell(line)

    def _take_thread(self, thread: str) -> None:
        """Write down the newest thread at once: whoever finds the run killed needs it."""
        try:
            record_thread(self.plan.paths, thread, self.place.workdir.path, self.plan.agent)
        except OperatorError as error:
            # A full disk must not end the agent; the thread is in the record too.
            self.warn(str(error))
        if thread not in self._threads:
            self._threads.add(thread)
            self.events.emit("thread.started", thread=thread)
        self.record.update(thread=thread)
        try:
            self.record.write(durable=False)
        except OSError as error:
            self.warn(f"the record could not be written: {self.record.path}: {error.strerror}")
        note_thread_of_target(self.plan, self.place, thread)

    def close(self) -> None:
        """Close the logs, also where the run's end was not written down. Idempotent."""
        self.logs.close()
