"""The run's record: what was planned, what happened, what is left."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ...kernel.files.atomic import replace_file
from ...kernel.files.below import directory_below
from ...kernel.values import as_plain, asdict
from ...workspace.git.state import GitState
from ..clock import now_text
from ..lifecycle.exit import ExitReport
from ..plan import Plan
from .record_file import encode_record


class RunRecord:
    """``record.json``: written before the agent starts and again when all is known.

    Between the two it says ``"reason": null``; whoever finds it so, and the run
    gone, knows that nobody finished it.
    """

    def __init__(self, plan: Plan, mask: Any) -> None:
        self.path = plan.run_directory / "record.json"
        self._base = os.fspath(plan.paths.base)
        self._mask = mask
        self._content: dict[str, Any] = _planned(plan)

    def update(self, **fields: Any) -> None:
        """Add facts; nothing is written yet."""
        self._content.update(as_plain(fields))

    def warn(self, warning: str) -> None:
        """Add one warning."""
        self._content["warnings"].append(warning)

    def mask_names(self, names: Mapping[str, int]) -> dict[str, int]:
        """Return counted names without what begins a secret: a process's name may be cut."""
        masked: Counter[str] = Counter()
        for name, count in names.items():
            masked[self._mask.mask_name(name)] += count
        return dict(masked)

    def write(self, *, durable: bool) -> None:
        """Write the record as it is known now.

        :raises OSError: the disk is full or gone; the version before is intact.
        """
        text = self._mask.mask_text(encode_record(self._content))
        # Each time anew: the agent may have put a link in the place of any part of the path.
        try:
            with directory_below(os.fspath(self.path.parent), self._base) as directory:
                replace_file(self.path.name, text.encode(), dir_fd=directory, durable=durable)
        except OSError as error:
            # The kernel names a file of ours that is gone again.
            raise OSError(error.errno, error.strerror, os.fspath(self.path)) from None

    @property
    def content(self) -> dict[str, Any]:
        """Return what the record says now."""
        return dict(self._content)


def _planned(plan: Plan) -> dict[str, Any]:
    return {
        "v": 1,
        "run_id": plan.run_id,
        "issue": plan.key.issue,
        "project": plan.key.project,
        "agent": plan.agent,
        "command": list(plan.request.command),
        "terminal": plan.request.terminal,
        "workspace": os.fspath(plan.paths.root),
        "codex_home": os.fspath(plan.paths.codex_home),
        "attempt": 1,
        "started": now_text(),
        "finished": None,
        "reason": None,
        "exit_status": None,
        "agent_outcome": None,
        "why": None,
        "message": None,
        "thread": None,
        "threads": [],
        "contained": None,
        "warnings": list(plan.request.warnings),
    }


def describe_exit(run_exit: ExitReport) -> dict[str, Any]:
    """Return an ExitReport as the record's fields."""
    return {
        "exit_status": run_exit.status,
        "reason": run_exit.reason,
        "exit_code": run_exit.code,
        "signal": run_exit.signal,
    }


def describe_git(state: GitState | None) -> dict[str, Any] | None:
    """Return the state of the workdir as the record's fields."""
    return None if state is None else asdict(state)
