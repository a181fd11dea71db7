"""Finish the records of runs that ended in order and could not write so: the disk was full.

How such a run ended is known all the same: by the registry, which lies on another disk
perhaps, and by the run's own events. That nothing of it was left is known by whoever
claimed the workspace since, or by its ``owner.json``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from ...guardian.ending.unfinished import LOST, finish_events, finish_record
from ...kernel.files.below import directory_below
from ...kernel.files.regular_file import read_both_ends
from ...kernel.json_object import parse_json_object
from ...workspace.owner import OwnerRecord
from ...workspace.paths import WorkspacePaths
from .record_file import read_record
from .registry import read_entry

_READ = 64 * 1024
_ENDING = ("reason", "exit_status", "agent_outcome", "thread")


def unfinished_runs(paths: WorkspacePaths) -> list[str]:
    """Return the runs of a workspace whose records do not say how they ended, oldest first.

    :raises OSError: its runs cannot be listed.
    """
    try:
        with directory_below(os.fspath(paths.runs), os.fspath(paths.base)) as directory:
            runs = sorted(os.listdir(directory))
    except FileNotFoundError:
        return []
    return [run_id for run_id in runs if is_unfinished(paths, run_id)]


def is_unfinished(paths: WorkspacePaths, run_id: str) -> bool:
    """Tell whether there is a record that says that the run is under way."""
    record = read_record(paths.runs / run_id, paths.base)
    return record is not None and record.get("reason") is None


def finish_last_record(paths: WorkspacePaths, previous: OwnerRecord | None) -> None:
    """Finish the record of the last run where that is due. The claim must be held.

    A failure here (the disk may still be full) is no fault of the run that comes now.
    """
    with suppress(OSError, ValueError):
        if previous is not None and previous.contained and is_unfinished(paths, previous.run_id):
            finish_unfinished(paths, previous.run_id, previous)


def finish_unfinished(paths: WorkspacePaths, run_id: str, owner: OwnerRecord | None) -> None:
    """Write into a run's record how it ended. The claim must be held, and no run be left.

    :param owner: the last run's, which is proven empty.
    :raises OSError, ValueError: the record cannot be read, or not be written.
    """
    place, base = os.fspath(paths.runs / run_id), os.fspath(paths.base)
    with directory_below(place, base) as directory:
        events = _last_events(directory)
        contained = _containment(events, owner if owner and owner.run_id == run_id else None)
        record = finish_record(directory, contained, _ending(run_id, events))
        with suppress(OSError):
            finish_events(directory, record.get("contained") or contained, record)


def _last_events(directory: int) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    with suppress(OSError):
        for line in b"".join(read_both_ends("events.ndjson", _READ, dir_fd=directory)).split(b"\n"):
            with suppress(ValueError):
                events.append(parse_json_object(line))
    return events


def _ending(run_id: str, events: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return how the run ended: by the registry, by its own last event, or as a lost one."""
    entry = read_entry(run_id)
    if entry is not None and entry.finished and entry.reason:
        known = {name: getattr(entry, name) for name in ("finished", *_ENDING, "error")}
        return {name: value for name, value in known.items() if value is not None}
    for event in events:
        if event.get("event") == "run.finished" and isinstance(event.get("reason"), str):
            return {name: event[name] for name in _ENDING if event.get(name) is not None}
    return LOST


def _containment(events: Iterable[Mapping[str, Any]], owner: OwnerRecord | None) -> dict[str, Any]:
    """Return what was read of the run's processes, as far as anybody still knows."""
    names = ("mechanism", "proven", "swept", "left")
    told = [event for event in events if event.get("event") == "contained"]
    if told:
        return {name: told[-1].get(name) for name in names}
    # A run can start only in a workspace that was proven empty, and this one was since.
    mechanism = owner.mechanism if owner is not None else None
    return {"mechanism": mechanism, "proven": True, "swept": None, "left": 0}
