"""End what an earlier run of this workspace left, before anything here is touched.

A free lock proves nothing about descendants: agents close inherited descriptors. So the new holder
of the lock reads the previous owner's record. If that run was not proven ``contained``, it ends the
processes of its cgroup and its tag, and finishes its record.

Invariant: that record is an agent's to write, so it only says where to look. A process is ended
only if it belongs to no run that goes on (see `who_goes_on`). A temp directory is removed only if
our state directory names it for this workspace's run.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from ...guardian.ending.lost_run import finish_lost_run
from ...guardian.protocol import RunHandover
from ...kernel.cgroup.leaf import is_own_group
from ...kernel.containment.membership import RunProcesses, discard_leaf, end, members
from ...kernel.errands.end_wanted import pause
from ...kernel.process.identity import ProcessIdentity, boot_id, is_running
from ...kernel.xdg import state_directory
from ...workspace.errors import WorkspaceBusy
from ...workspace.owner import OwnerRecord
from ...workspace.paths import WorkspacePaths
from ...workspace.records.machine import is_this_machine
from ...workspace.records.witness import witness_path
from ..errors import RunAlive, SurvivorsLeft
from ..prepare.temporary import is_temporary
from ..records.record_file import removal_directory
from ..records.whose_run import entry_of, removal_of, who_goes_on

TERM_GRACE = 3.0
KILL_PATIENCE = 10.0
_GUARDIAN_PATIENCE, _PAUSE = 5.0, 0.02


def may_have_survivors(previous: OwnerRecord | None) -> bool:
    """Tell whether a run was not proven empty when it ended."""
    return previous is not None and not previous.contained


def end_survivors(
    previous: OwnerRecord | None,
    paths: WorkspacePaths | None = None,
    *,
    is_known: bool = False,
) -> int:
    """End the processes of a run that is provably dead, because we hold its lock.

    :param paths: the workspace, when the run was one of it; its record is then
        finished and its temp directory removed.
    :param is_known: our state directory says that the run is this workspace's last one.
    :returns: how many processes there were.
    :raises SurvivorsLeft: some cannot be ended; nothing may start beside them.
    :raises RunAlive: it is not dead at all: this workspace is a copy, or the run another's.
    :raises WorkspaceBusy: it is not dead, and is known to be this workspace's.
    """
    if previous is None or previous.contained:
        return 0
    processes = RunProcesses(previous.run_id, _leaf_of(previous))
    try:
        _check_dead(previous, paths, processes)
    except RunAlive:
        if is_known and paths is not None:
            # Its agent took the lock away, or the whole workspace.
            raise WorkspaceBusy(paths.root, previous) from None
        raise
    found = len(members(processes))
    if paths is not None:
        left = finish_lost_run(_handover_of(previous, paths, processes), processes)
    else:
        _, left = end(processes, grace=TERM_GRACE, patience=KILL_PATIENCE)
    if left:
        raise SurvivorsLeft(previous.run_id, tuple(process.pid for process in left))
    discard_leaf(processes)
    return found


def _check_dead(
    previous: OwnerRecord, paths: WorkspacePaths | None, processes: RunProcesses
) -> None:
    """Wait a while for the end of a guardian that no longer holds the lock.

    A guardian lets go of its workspace only by ending. A run that goes on all the same holds
    the original of a workspace, or of a whole root, of which somebody made a copy. Or it is
    another workspace's, and an agent wrote its name here.
    """
    guardian = ProcessIdentity(previous.pid, previous.start_time, previous.boot_id)
    deadline = time.monotonic() + _GUARDIAN_PATIENCE
    while True:
        alive = is_this_machine(previous) and is_running(guardian)
        pid = previous.pid if alive else who_goes_on(previous.run_id, paths, processes)
        if pid is None:
            return
        if time.monotonic() > deadline:
            raise RunAlive(previous.run_id, pid, _record_of(paths))
        pause(_PAUSE)


def _record_of(paths: WorkspacePaths | None) -> str:
    return "owner.json" if paths is None else os.fspath(paths.owner)


def survivors_of(previous: OwnerRecord, paths: WorkspacePaths) -> tuple[ProcessIdentity, ...]:
    """Return the processes of a run that can be seen by its own cgroup and tag.

    :raises RunAlive: the run is not dead, or not this workspace's to judge.
    """
    processes = RunProcesses(previous.run_id, _leaf_of(previous))
    if (pid := who_goes_on(previous.run_id, paths, processes)) is not None:
        raise RunAlive(previous.run_id, pid, _record_of(paths))
    return members(processes)


def _handover_of(
    previous: OwnerRecord, paths: WorkspacePaths, processes: RunProcesses
) -> RunHandover:
    """Return what is to be finished: the run's own, as our state directory knows it.

    The record in the workspace is finished, and nothing in it is believed.
    """
    run_id = previous.run_id
    directory, temporary = paths.runs / run_id, ""
    if (entry := entry_of(run_id, paths)) is not None:
        temporary = entry.temporary
    elif (removal := removal_of(run_id, paths)) is not None:
        directory, temporary = removal_directory(run_id), str(removal.get("temporary"))
    return RunHandover(
        run_id=run_id,
        leaf=processes.leaf,
        record=os.fspath(directory / "record.json"),
        owner=os.fspath(paths.owner),
        witness=os.fspath(witness_path(paths, state_directory())),
        base=os.fspath(paths.base),
        temporary=temporary if is_temporary(temporary) else "",
    )


def _leaf_of(previous: OwnerRecord) -> str | None:
    """Return the run's cgroup, if it is there and carries the run's own name.

    An agent can write the record, and group names of an earlier boot mean nothing now.
    """
    leaf = previous.cgroup
    if (
        leaf is None
        or previous.boot_id != boot_id()
        or Path(leaf).name != f"codexlab-{previous.run_id}"
    ):
        return None
    return leaf if is_own_group(leaf) else None
