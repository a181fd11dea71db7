"""The context of one run, shared by all its attempts: opened once, closed once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from ...agents.registry import adapter_of
from ...agents.session_store import SessionStore
from ...env.policy.values import ReceiptAction
from ...env.secrets.mask import Masker
from ...kernel.errors import OperatorError
from ...kernel.real_path import real_path
from ...kernel.values import asdict
from ...workspace.claim.threads import record_thread
from ..caller import Caller
from ..containment.ownership import RunOwnership
from ..output.events import EventLog
from ..output.log import open_to_append
from ..output.streams import Logs
from ..prepare.network import contradiction, network_fields
from ..prepare.secrets import find_secrets
from ..prepare.start_directory import StartDirectory, find_start
from ..prepare.workspace import PreparedWorkspace, note_thread_of_target
from ..records.record import RunRecord
from ..threads.watcher import SessionWatcher
from .background_sweep import SweepBeside
from .closing_lines import describe_left_behind, describe_start

if TYPE_CHECKING:
    from ..hooks.run_hooks import RunHooks


_MOST_THREADS = 40


class RunContext:
    """The plan and ownership of a run, and its open record, logs and events.

    :param prepared: as the first attempt finds it.
    :param started: when the run began (CLOCK_MONOTONIC, seconds).
    :raises OSError: something cannot be opened; nothing stays open but the target of
        ``events``, which is closed with them.
    """

    def __init__(
        self,
        ownership: RunOwnership,
        prepared: PreparedWorkspace,
        caller: Caller,
        events: EventLog,
        started: float,
    ) -> None:
        plan = ownership.plan
        self.plan = plan
        self.ownership = ownership
        self.prepared = prepared
        self.caller = caller
        self.link = caller.link
        self.terminal = caller.terminal if plan.request.terminal else None
        self.events = events
        self.started = started
        self._threads: dict[str, None] = {}
        self._start = find_start(prepared.workdir.path, plan.below)
        self._secrets = find_secrets(plan.request, prepared.environment.values)
        masker = Masker(self._secrets)
        # From here on the agent's own values are known too (--set, --env-file).
        self.mask = masker.mask_text
        events.mask_with(self.mask)
        self.record = RunRecord(plan, masker)
        self._describe_prepared()
        events.add_target(open_to_append(plan.run_directory / "events.ndjson", plan.paths.base))
        self.session = SessionWatcher(
            self._session_store(),
            self._take_thread,
            look_at_files=adapter_of(plan.agent).resumable,
        )
        self.sweep = SweepBeside(plan, caller.link, events, self.warn)
        self.logs = Logs(
            plan.run_directory,
            self._secrets,
            plan.request.log_max_bytes,
            plan.paths.base,
            terminal=plan.request.terminal,
        )

    def _session_store(self) -> SessionStore:
        plan, prepared = self.plan, self.prepared
        workdir = Path(real_path(prepared.workdir.path))
        agent, environ = adapter_of(plan.agent), prepared.environment.values
        if agent.keeps_rollouts:
            from ..threads.codex_sessions import CodexSessions  # here: no other agent needs it

            return CodexSessions(plan.paths.codex_home, workdir, prepared.thread)
        return agent.session_store(environ, workdir, time.time(), interactive=plan.request.terminal)

    def _describe_prepared(self) -> None:
        prepared = self.prepared
        self.record.update(
            argv=list(prepared.argv),
            workdir=asdict(prepared.workdir),
            cwd=self._start.path,
            resumed=prepared.thread,
            temporary=prepared.temporary,
            containment=self.ownership.describe(),
            environment=prepared.environment.describe(),
            cargo=asdict(prepared.routing.cargo),
            artifacts=asdict(prepared.routing.artifacts),
            **network_fields(prepared.network),
        )

    def make_hooks(self) -> RunHooks | None:
        """Return the hooks around the run's agent, or None where there are none."""
        if not self.plan.request.hooks:
            return None
        from ..hooks.hook import HookRunner
        from ..hooks.run_hooks import RunHooks

        runner = HookRunner(self.ownership, self.events, self._secrets, self.terminal)
        return RunHooks(self.prepared, self.ownership, self.record, runner, self.warn)

    def announce(self) -> None:
        """Say what was made ready."""
        prepared, receipt = self.prepared, self.prepared.environment
        self.events.emit(
            "workspace.ready",
            workdir=str(prepared.workdir.path),
            kind=prepared.workdir.kind,
            branch=prepared.workdir.branch,
            created=prepared.workdir.created,
            **network_fields(prepared.network),
        )
        self.events.emit(
            "env.scrubbed",
            **{action: len(receipt.names(action)) for action in ReceiptAction},
        )
        fallback = prepared.routing.artifacts.fallback_reason
        self.events.emit(
            "artifacts.routed", target=prepared.routing.cargo.target_dir, fallback=fallback
        )
        contradicted = contradiction(self.plan, prepared.network)
        notes = (fallback, contradicted, *self.plan.workdir.notes, *self.ownership.claim.notes)
        for line in notes:
            self.warn(line)
        self._say_what_stays_behind()
        if self.caller.verbose:
            line = describe_start(prepared.workdir, self._start.path, prepared.network)
            self.caller.tell(line)

    def _say_what_stays_behind(self) -> None:
        if line := describe_left_behind(self.prepared.environment):
            self.record.warn(line)
            if self.caller.verbose:
                self.caller.tell(line)

    def find_start(self) -> StartDirectory:
        """Return where the agent starts now; a hook or the attempt before may have changed it."""
        self._start = find_start(self.prepared.workdir.path, self.plan.below)
        self.record.update(cwd=self._start.path)
        self.warn(self._start.note)
        return self._start

    def warn(self, line: str | None) -> None:
        """Take one line, if it is one, for the record and for a person."""
        if line:
            self.record.warn(line)
            if not self.plan.request.quiet:
                self.caller.tell(line)

    def _take_thread(self, thread: str) -> None:
        """Write down the newest thread at once: whoever finds the run killed needs it."""
        try:
            record_thread(self.plan.paths, thread, Path(self._start.path), self.plan.agent)
        except OperatorError as error:
            # A full disk must not end the agent; the thread is in the record too.
            self.warn(str(error))
        if thread not in self._threads:
            self.events.emit("thread.started", thread=thread)
        self._threads.pop(thread, None)
        self._threads[thread] = None
        self.record.update(thread=thread, threads=list(self._threads)[-_MOST_THREADS:])
        try:
            self.record.write(durable=False)
        except OSError as error:
            self.warn(f"the record could not be written: {self.record.path}: {error.strerror}")
        note_thread_of_target(self.plan, self.prepared, thread)

    def close(self) -> None:
        """Close the logs, also where the run's end was not written down. Idempotent."""
        self.logs.close()
