"""Whose run it is that a workspace's record names, and whether that run still goes on.

Invariant: ``owner.json`` lies where an agent can write, so it may name any run. Nothing is
ended on its word alone. Our state directory says whose a run is: its entry in the registry,
or the record of a removal. A run whose guardian is alive by that is never ended. Nor is
another workspace's, while anybody is there to end it in order.

A run without either was pruned, or was started with another state directory. It goes on if
one of its processes descends from a process that holds a workspace whose record names it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...kernel.containment.membership import RunProcesses, members
from ...kernel.files.regular_file import read_regular
from ...kernel.json_object import parse_json_object
from ...kernel.process.identity import ProcessIdentity, is_running, read_stat
from ...kernel.process.procfs import has_ended
from ...workspace.paths import WorkspacePaths
from ..history.run_entry import RunEntry
from .record_file import read_record, removal_directory
from .registry import is_here, read_entry

_LOCK = "/.codexlab/lock"


def entry_of(run_id: str, paths: WorkspacePaths) -> RunEntry | None:
    """Return a run's entry in the registry if that says that the run is this workspace's."""
    entry = read_entry(run_id)
    if entry is None or entry.run_id != run_id or not _is_same(entry.workspace, paths):
        return None
    return entry


def removal_of(run_id: str, paths: WorkspacePaths) -> dict[str, Any] | None:
    """Return the record of a removal, if it was this workspace that was being removed."""
    record = read_record(removal_directory(run_id))
    named = None if record is None else record.get("workspace")
    return record if isinstance(named, str) and _is_same(named, paths) else None


def who_goes_on(run_id: str, paths: WorkspacePaths | None, processes: RunProcesses) -> int | None:
    """Return the pid of a process that still sees to a run, or None where none does.

    :param paths: the workspace whose record names the run; None where the record lies in our
        state directory, and so is believed.
    :param processes: by what the run's processes can be seen.
    """
    entry = read_entry(run_id)
    if entry is None or entry.run_id != run_id:
        if paths is None or removal_of(run_id, paths) is not None:
            return None
        return _holder_above(members(processes), run_id)
    if paths is None or entry_of(run_id, paths) is not None:
        return entry.guardian.pid if is_here(entry) and is_running(entry.guardian) else None
    if not is_here(entry) or not has_ended(entry.guardian):
        return entry.guardian.pid
    over = entry.finished is not None or has_ended(entry.supervisor)
    return None if over else entry.supervisor.pid


def _is_same(workspace: str, paths: WorkspacePaths) -> bool:
    return os.path.realpath(workspace) == os.path.realpath(paths.root)


def _holder_above(seen: Iterable[ProcessIdentity], run_id: str) -> int | None:
    """Return the process above one of these that holds a workspace for this very run."""
    above = {pid for process in seen for pid in _ancestors(process.pid)}
    return next((pid for pid in sorted(above) if _holds_for(pid, run_id)), None)


def _ancestors(pid: int) -> Iterator[int]:
    while pid > 1 and (found := read_stat(pid)) is not None:
        pid = found.parent
        yield pid


def _holds_for(pid: int, run_id: str) -> bool:
    """Tell whether a process has a workspace's lock open, and the record beside it names a run.

    Guardians and supervisors show nobody what they hold (`hide_memory`), so this user's
    process that hides it may be either, and counts.
    """
    try:
        held = _files_of(pid)
    except PermissionError:
        return _is_this_users(pid)
    for lock in held:
        if lock.endswith(_LOCK):
            with suppress(OSError, ValueError):
                owner = parse_json_object(read_regular(Path(lock).with_name("owner.json")))
                if owner.get("run_id") == run_id:
                    return True
    return False


def _files_of(pid: int) -> list[str]:
    """Return what a process has open.

    :raises PermissionError: it shows that to nobody, or is another user's.
    """
    found: list[str] = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with suppress(FileNotFoundError):
                found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
    return found


def _is_this_users(pid: int) -> bool:
    with suppress(OSError):
        return os.stat(f"/proc/{pid}").st_uid == os.getuid()
    return False
