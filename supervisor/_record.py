"""The run's record: what was planned, what happened, what is left."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from ..kernel import directory_below, parse_json_object, read_regular, replace_file
from ..workspace import GitState, state_directory
from ._events import now_text
from ._exit import ExitReport
from ._plan import Plan


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
        self._content.update(fields)

    def warn(self, warning: str) -> None:
        """Add one warning."""
        self._content["warnings"].append(warning)

    def write(self, *, durable: bool) -> None:
        """Write the record as it is known now.

        :raises OSError: the disk is full or gone; the version before is intact.
        """
        text = self._mask.mask_text(_encode(self._content))
        # Each time anew: the agent may have put a link in the place of any part of the path.
        with directory_below(os.fspath(self.path.parent), self._base) as directory:
            replace_file(self.path.name, text.encode(), dir_fd=directory, durable=durable)

    @property
    def content(self) -> dict[str, Any]:
        """Return what the record says now."""
        return dict(self._content)


# The encoder that indents is Python's own, and many times slower than this one.
_ENCODER = json.JSONEncoder(default=str)


def _encode(content: dict[str, Any]) -> str:
    """Encode a record with a line for each field, and for each element of its lists."""
    fields = (f"  {_ENCODER.encode(name)}: {_value(value)}" for name, value in content.items())
    return "{\n" + ",\n".join(fields) + "\n}\n"


def _value(value: object) -> str:
    if not isinstance(value, list) or not value:
        return _ENCODER.encode(value)
    elements = ",\n    ".join(map(_ENCODER.encode, cast("list[object]", value)))
    return f"[\n    {elements}\n  ]"


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
        "thread": None,
        "contained": None,
        "warnings": list(plan.request.warnings),
    }


def describe_exit(report: ExitReport) -> dict[str, Any]:
    """Return an ExitReport as the record's fields."""
    return {
        "exit_status": report.status,
        "reason": report.reason,
        "exit_code": report.code,
        "signal": report.signal,
    }


def describe_git(state: GitState | None) -> dict[str, Any] | None:
    """Return the state of the workdir as the record's fields."""
    return None if state is None else asdict(state)


def removal_directory(run_id: str) -> Path:
    """Return where a removal's record and log lie: outside what it deletes."""
    return state_directory() / "removals" / run_id


def rewrite_record(run_directory: Path, content: dict[str, Any], base: Path | None = None) -> None:
    """Write a run's record anew; nobody else may be writing it.

    :param base: the workspaces root, below which no link is followed.
    """
    top = "" if base is None else os.fspath(base)
    with directory_below(os.fspath(run_directory), top) as directory:
        replace_file("record.json", _encode(content).encode(), dir_fd=directory)


def read_record(run_directory: Path, base: Path | None = None) -> dict[str, Any] | None:
    """Return a run's record, or None when it is missing or torn.

    :param base: the workspaces root, below which no link is followed.
    """
    top = "" if base is None else os.fspath(base)
    with (
        contextlib.suppress(OSError, ValueError),
        directory_below(os.fspath(run_directory), top) as directory,
    ):
        return parse_json_object(read_regular("record.json", dir_fd=directory))
    return None
