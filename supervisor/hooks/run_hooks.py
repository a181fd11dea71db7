"""The hooks of one launch: which of them run when, and what follows from how they ended.

``after_create`` runs in a directory new to the workspace, until it has ended well there once.
``before_run`` runs once before the first attempt, not before each. ``after_run`` runs once after
the last attempt, also when a hook before it failed or a signal came. Only ``before_run`` can
prevent the agent; the others are recorded. Nothing follows a hook of which something is left.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from ...kernel.errors import CodexlabError
from ...workspace.workdir.after_create import note_after_create
from ..blocking import run_blocking
from ..containment.ownership import RunOwnership
from ..errors import Cancelled, GuardianLost, HookFailed
from ..lifecycle.exit import AgentOutcome, Reason
from ..prepare.workspace import PreparedWorkspace
from ..records.record import RunRecord
from .hook import HookRunner
from .hook_end import HookEnd, HookStatus


class RunHooks:
    """The hooks around one run's agent.

    :param warn: takes one line for the record and for a person.
    """

    def __init__(
        self,
        prepared: PreparedWorkspace,
        ownership: RunOwnership,
        record: RunRecord,
        runner: HookRunner,
        warn: Callable[[str], None],
    ) -> None:
        plan = ownership.plan
        self._commands = plan.request.hooks
        self._prepared = prepared
        self._ownership = ownership
        self._record = record
        self._runner = runner
        self._warn = warn
        self._told: list[dict[str, Any]] = []
        self._common = {"CODEXLAB_RUN_WORKSPACE": os.fspath(plan.paths.root)}
        self._has_begun = False
        self.seconds = 0.0

    async def before_agent(self) -> None:
        """Run what comes before the agent.

        :raises HookFailed: the agent must not be started.
        :raises Cancelled: a signal came meanwhile.
        :raises GuardianLost: the guardian died meanwhile.
        """
        self._has_begun = True
        if self._prepared.workdir.after_create_due and "after_create" in self._commands:
            end = await self._run("after_create", {})
            self._check(end)
            await self._note_after_create(end)
        if "before_run" in self._commands:
            end = await self._run("before_run", {})
            self._check(end)
            if end.problem:
                raise HookFailed(end.name, end.problem)
        if self._told:
            # The agent gets containment, and counters, of its own.
            self._ownership.enter_fresh_leaf()

    async def after_agent(
        self, reason: Reason, status: int, outcome: AgentOutcome, thread: str | None
    ) -> None:
        """Run ``after_run``, which is told how the run ended. Never raises.

        Not where something of the run is left, nor without a guardian: it would run
        beside survivors, or uncontained. Nor where :meth:`before_agent` was never called:
        the run then has no temp directory for it.
        """
        if not self._has_begun or "after_run" not in self._commands:
            return
        if not self._ownership.proven:
            self._warn("hook after_run did not run: processes of the run may be left")
            return
        told = {
            "CODEXLAB_RUN_REASON": reason.value,
            "CODEXLAB_RUN_EXIT_STATUS": str(status),
            "CODEXLAB_RUN_OUTCOME": outcome.value,
            "CODEXLAB_RUN_RECORD": os.fspath(self._record.path),
        }
        if thread is not None:
            told["CODEXLAB_RUN_THREAD"] = thread
        end = await self._run("after_run", told)
        if end.problem:
            self._warn(end.problem)

    async def _run(self, name: str, told: Mapping[str, str]) -> HookEnd:
        began = time.monotonic()
        # Written first: whoever finds it without a status knows that nobody saw its end.
        self._told.append({"name": name, "status": None, "log": self._runner.log_of(name)})
        self._write()
        prepared = self._prepared
        environment = {**prepared.environment.values, **self._common, **told}
        end = await self._runner.run(name, self._commands[name], prepared.workdir.path, environment)
        if end.error and end.status is not HookStatus.NOT_STARTED:
            self._warn(end.error)
        self._told[-1] = end.describe()
        self._write()
        self.seconds += time.monotonic() - began
        return end

    def _write(self) -> None:
        self._record.update(hooks=self._told)
        try:
            self._record.write(durable=False)
        except OSError as error:
            self._record.warn(f"the record could not be written: {error.strerror}")

    def _check(self, end: HookEnd) -> None:
        if end.status is HookStatus.GUARDIAN_LOST:
            raise GuardianLost
        if end.signal is not None:
            raise Cancelled(end.signal, end.name)
        if end.left:
            raise HookFailed(end.name, str(end.problem))

    async def _note_after_create(self, end: HookEnd) -> None:
        if end.problem:
            self._warn(f"{end.problem}; it runs again at the next launch")
            return
        try:
            await run_blocking(note_after_create, self._ownership.claim)
        except CodexlabError as error:
            self._warn(str(error))
