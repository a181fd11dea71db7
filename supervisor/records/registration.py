"""Keep one run in the registry; what goes wrong with that is said, and ends nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ...kernel.process.identity import is_running, name_process
from ..caller import Caller, RunOutcome
from ..clock import now_text
from ..plan import Plan
from .registry import RunEntry, enter, finish, here, is_here, prune_now_and_then


class RunRegistration:
    """A run's entry, from the moment it is planned to its end.

    :param mask: hides what is secret in a line of text.
    """

    def __init__(self, plan: Plan, caller: Caller, mask: Callable[[str], str]) -> None:
        self._tell = caller.tell
        self._mask = mask
        self._run_id = plan.run_id
        self._entered = self._try(enter, _describe(plan, caller))

    def finish(self, outcome: RunOutcome) -> None:
        """Write down how the run ended, and let go of the oldest entries."""
        if not self._entered:
            return
        record = outcome.record or {}
        values = {
            "finished": now_text(),
            "reason": outcome.reason,
            "exit_status": outcome.status,
            "agent_outcome": record.get("agent_outcome"),
            "thread": record.get("thread"),
            "error": None if outcome.error is None else self._mask(outcome.error),
        }
        if self._try(finish, self._run_id, values):
            prune_now_and_then(self._run_id, _is_over)

    def _try(self, step: Callable[..., None], *arguments: Any) -> bool:
        try:
            step(*arguments)
        except OSError as error:
            self._tell(
                f"{error.filename or 'the run registry'}: {error.strerror or error};"
                " codexlab ps will not show this run as it is, which changes nothing else"
            )
            return False
        return True


def _describe(plan: Plan, caller: Caller) -> RunEntry:
    return RunEntry(
        run_id=plan.run_id,
        project=plan.key.project,
        issue=plan.key.issue,
        agent=plan.agent,
        workspace=os.fspath(plan.paths.root),
        record=os.fspath(plan.run_directory / "record.json"),
        guardian=caller.guardian,
        supervisor=name_process(os.getpid()),
        place=here(),
        started=now_text(),
    )


def _is_over(entry: RunEntry) -> bool:
    return is_here(entry) and not is_running(entry.guardian)
