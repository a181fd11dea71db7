"""The logs of a run that the registry knows, and whether more will come of them."""

from __future__ import annotations

import os
from pathlib import Path

from ...kernel.errors import CallerError, OperatorError
from ..history.run_entry import RunEntry
from ..records.record_file import read_record
from ..records.registry import is_here
from .follow import RunFollower
from .run_logs import RunLogs


class NoLogs(CallerError):
    """The run has no logs, or none any more."""

    def __init__(self, run_id: str, why: str) -> None:
        self.run_id = run_id
        super().__init__(f"run {run_id} {why}")


class LogsUnreadable(OperatorError):
    """Something else lies in the place of the run's directory, or it may not be read."""

    def __init__(self, entry: RunEntry, error: OSError) -> None:
        self.run_id = entry.run_id
        where = os.path.dirname(entry.record)
        super().__init__(f"{where}: {error.strerror}; expected the directory of the run's logs")


def open_logs(entry: RunEntry) -> RunLogs | None:
    """Open the logs of a run; None where it has none yet.

    :raises NoLogs: it has none, and never will.
    :raises LogsUnreadable: they cannot be read.
    """
    try:
        return RunLogs(os.path.dirname(entry.record), _base(entry))
    except FileNotFoundError:
        if entry.finished is None and is_here(entry):
            return None
    except OSError as error:
        raise LogsUnreadable(entry, error) from None
    if not is_here(entry):
        raise NoLogs(entry.run_id, f"ran elsewhere ({entry.place}), and its logs are not here")
    if os.path.lexists(entry.workspace):
        raise NoLogs(entry.run_id, f"has no logs: it ended ({entry.reason}) before its agent began")
    raise NoLogs(entry.run_id, f"has no logs any more: its workspace {entry.workspace} is gone")


def follow_run(entry: RunEntry, logs: RunLogs) -> RunFollower:
    """Watch a run whose logs are open."""

    def is_finished() -> bool:
        record = read_record(Path(entry.record).parent, Path(_base(entry)))
        return record is not None and record.get("reason") is not None

    if entry.finished is not None or not is_here(entry):
        return RunFollower(logs.directory, None, None, is_finished)
    return RunFollower(logs.directory, entry.guardian, entry.supervisor, is_finished)


def _base(entry: RunEntry) -> str:
    """Return the workspaces root of a run: no link is followed below it."""
    parents = Path(entry.workspace).parents
    return os.fspath(parents[2]) if len(parents) > 3 else ""
