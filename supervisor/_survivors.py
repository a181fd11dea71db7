"""End what an earlier run of this workspace left, before anything here is touched.

A free lock proves nothing about descendants: agents close inherited
descriptors. So whoever obtains the lock reads the previous owner's record, and
where that run was not proven ``contained``, ends its cgroup and its tag, and
finishes its record.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from ..kernel import (
    Custody,
    ProcessIdentity,
    Scope,
    boot_id,
    discard_leaf,
    end,
    finish_lost_run,
    is_running,
    members,
    pause,
)
from ..workspace import OwnerRecord, WorkspacePaths, is_this_machine
from ._errors import RunAlive, SurvivorsLeft
from ._record import read_record, removal_directory
from ._temporary import is_temporary

GRACE = 3.0
PATIENCE = 10.0
_GUARDIAN_PATIENCE, _PAUSE = 5.0, 0.02


def may_have_survivors(previous: OwnerRecord | None) -> bool:
    """Tell whether a run was not proven empty when it ended."""
    return previous is not None and not previous.contained


def end_survivors(previous: OwnerRecord | None, paths: WorkspacePaths | None = None) -> int:
    """End the processes of a run that is provably dead, because we hold its lock.

    :param paths: the workspace, when the run was one of it; its record is then
        finished and its temp directory removed.
    :returns: how many processes there were.
    :raises SurvivorsLeft: some cannot be ended; nothing may start beside them.
    :raises RunAlive: it is not dead at all, for this workspace is a copy of its own.
    """
    if previous is None or previous.contained:
        return 0
    _check_dead(previous, paths)
    scope = Scope(previous.run_id, _leaf_of(previous))
    found = len(members(scope))
    if paths is not None:
        left = finish_lost_run(_custody_of(previous, paths, scope), scope)
    else:
        _, left = end(scope, grace=GRACE, patience=PATIENCE)
    if left:
        raise SurvivorsLeft(previous.run_id, tuple(process.pid for process in left))
    discard_leaf(scope)
    return found


def _check_dead(previous: OwnerRecord, paths: WorkspacePaths | None) -> None:
    """Wait a while for the end of a guardian that no longer holds the lock.

    A guardian lets go of its workspace only by ending. One that lives on holds the
    original of a workspace, or of a whole root, of which somebody made a copy.
    """
    if not is_this_machine(previous):
        return
    guardian = ProcessIdentity(previous.pid, previous.start_time, previous.boot_id)
    deadline = time.monotonic() + _GUARDIAN_PATIENCE
    while is_running(guardian):
        if time.monotonic() > deadline:
            owner = "owner.json" if paths is None else os.fspath(paths.owner)
            raise RunAlive(previous.run_id, previous.pid, owner)
        pause(_PAUSE)


def survivors_of(previous: OwnerRecord) -> tuple[ProcessIdentity, ...]:
    """Return the processes of a run that can be seen by its own cgroup and tag."""
    return members(Scope(previous.run_id, _leaf_of(previous)))


def _custody_of(previous: OwnerRecord, paths: WorkspacePaths, scope: Scope) -> Custody:
    directory = paths.runs / previous.run_id
    if not directory.is_dir():
        directory = removal_directory(previous.run_id)
    temporary = str((read_record(directory, paths.base) or {}).get("temporary"))
    return Custody(
        run_id=previous.run_id,
        leaf=scope.leaf,
        record=os.fspath(directory / "record.json"),
        owner=os.fspath(paths.owner),
        base=os.fspath(paths.base),
        temporary=temporary if is_temporary(temporary) else "",
    )


def _leaf_of(previous: OwnerRecord) -> str | None:
    """Return the run's cgroup, if it is there and carries the run's own name.

    The record is a file, and group names of an earlier boot mean nothing now.
    """
    leaf = previous.cgroup
    if (
        leaf is None
        or previous.boot_id != boot_id()
        or Path(leaf).name != f"codexlab-{previous.run_id}"
    ):
        return None
    return leaf if os.path.isdir(leaf) else None
