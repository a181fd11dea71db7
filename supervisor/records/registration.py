"""Keep one run in the registry; what goes wrong with that is said, and ends nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from ...kernel.process.identity import name_process
from ..caller import Caller, RunOutcome
from ..clock import now_text
from ..history.run_entry import RunEntry, RunFacts, cut_words
from ..plan import Plan
from .facts import facts_of_record, log_size
from .registry import enter, finish, here


class RunRegistration:
    """A run's entry, from the moment it is planned to its end.

    :param mask: hides what is secret in a line of text.
    """

    def __init__(self, plan: Plan, caller: Caller, mask: Callable[[str], str]) -> None:
        self._tell = caller.tell
        self._mask = mask
        self._run_id = plan.run_id
        self._directory = os.fspath(plan.run_directory)
        self._entered = self._try(enter, _describe(plan, caller, mask))

    def finish(self, outcome: RunOutcome) -> None:
        """Write down how the run ended, and let the history have the entries that are over."""
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
        facts = facts_of_record(record, log_size=log_size(self._directory) if record else None)
        if self._try(finish, self._run_id, values, facts, self._mask):
            _move_now_and_then(self._run_id)

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


def _move_now_and_then(run_id: str) -> None:
    """Move entries into the history after one run in sixteen, chosen by its id."""
    if run_id.endswith("0"):
        from .ended import move_if_many

        move_if_many()


def _describe(plan: Plan, caller: Caller, mask: Callable[[str], str]) -> RunEntry:
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
        facts=RunFacts(_masked(plan.request.command, mask), os.fspath(plan.workdir.path)),
    )


def _masked(command: Sequence[str], mask: Callable[[str], str]) -> tuple[str, ...]:
    """Mask a command as JSON, which every text can be encoded to."""
    with suppress(ValueError):
        return cut_words(json.loads(mask(json.dumps(command))))
    return ()
