"""Find whose run was the last in a workspace of which ``owner.json`` says nothing.

The agent may have deleted or damaged it. The registry lies elsewhere, and knows the run.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...kernel.cgroup.leaf import own_cgroup
from ...kernel.process.identity import is_running
from ...workspace.owner import OwnerRecord
from ...workspace.paths import WorkspacePaths
from ...workspace.records.machine import pid_namespace
from ..history.run_entry import RunEntry
from .registry import is_here, read_entries

if TYPE_CHECKING:
    from ...workspace.gc.survey import Survey


def last_owner(survey: Survey, entries: Iterable[RunEntry]) -> OwnerRecord | None:
    """Return the owner of the newest run here that never said its end, if both its halves died.

    :param entries: the registry, oldest first.
    """
    here = _unfinished(survey.place, entries)
    if not here or not is_here(here[-1]) or _is_alive(here[-1]):
        return None
    return _owner_of(here[-1])


def lasts_by_registry(paths: WorkspacePaths, run_id: str) -> tuple[OwnerRecord, ...]:
    """Return the last run of a workspace in which no record names one, though there were runs.

    :param run_id: the run that asks.
    :returns: that run, dead or alive; a run that still waits for the workspace is none.
    """
    for entry in reversed(_unfinished(os.fspath(paths.root), read_entries())):
        # A run names its temp directory once it has the workspace.
        if entry.run_id != run_id and is_here(entry) and (entry.temporary or not _is_alive(entry)):
            return (_owner_of(entry),)
    return ()


def _unfinished(place: str, entries: Iterable[RunEntry]) -> list[RunEntry]:
    return [entry for entry in entries if entry.workspace == place and not entry.finished]


def _is_alive(entry: RunEntry) -> bool:
    return is_running(entry.guardian) or is_running(entry.supervisor)


def _owner_of(entry: RunEntry) -> OwnerRecord:
    parent = own_cgroup()
    leaf = None if parent is None else os.fspath(parent / f"codexlab-{entry.run_id}")
    return OwnerRecord(
        run_id=entry.run_id,
        pid=entry.guardian.pid,
        start_time=entry.guardian.start_time,
        boot_id=entry.guardian.boot_id,
        host=socket.gethostname(),
        uid=os.getuid(),
        cgroup=leaf,
        mechanism="unknown",
        contained=False,
        started=entry.started,
        namespace=pid_namespace(),
    )


def is_damaged(survey: Survey) -> bool:
    """Tell whether something lies where the owner's record should be."""
    return os.path.lexists(survey.paths.owner)
