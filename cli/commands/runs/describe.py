"""A run as one JSON object: times in UTC, sizes in bytes, durations in seconds."""

from __future__ import annotations

import os
from typing import Any

from ....supervisor.history.past_runs import outcome_of
from ....supervisor.records.runs import RunView
from .words import duration_of, seconds_between


def describe_run(view: RunView) -> dict[str, Any]:
    """Return what ``ps`` and ``show`` say of a run."""
    entry, facts = view.entry, view.entry.facts
    return {
        "run_id": entry.run_id,
        "project": entry.project,
        "issue": entry.issue,
        "agent": entry.agent,
        "state": view.state,
        "started": entry.started,
        "finished": entry.finished,
        "reason": entry.reason,
        "exit_status": entry.exit_status,
        "agent_outcome": entry.agent_outcome,
        "outcome": outcome_of(entry),
        "why": facts.why,
        "error": entry.error,
        "thread": view.thread,
        "pid": entry.guardian.pid or None,
        "processes": view.processes,
        "memory": view.memory,
        "age": seconds_between(entry.started),
        "duration": duration_of(entry),
        "peak_memory": facts.peak_memory,
        "cpu": facts.cpu,
        "log_size": facts.log_size,
        "workspace": entry.workspace,
        # A run that was refused has none, and one that waits has none yet.
        "record": entry.record if os.path.exists(entry.record) else None,
    }
