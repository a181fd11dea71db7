"""End what dead runs left, in all workspaces, as the next launch of each issue would.

Invariant: a process is signalled only under the lock of its dead run's workspace. It must be in
that run's own cgroup or carry that run's own tag. Its name never counts, and processes of another
user or host are never signalled. The workspace's record only hints at the run: see `who_goes_on`.
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path

from ...kernel.errors import CodexlabError
from ...kernel.values import frozen, replace
from ...kernel.xdg import state_directory
from ...workspace.claim.claim import claim_workspace
from ...workspace.errors import WorkspaceBusy
from ...workspace.gc.survey import Survey, Tell, survey_workspaces
from ...workspace.git.pointers import kept_pointers, restore_left
from ...workspace.owner import OwnerRecord
from ...workspace.records.machine import is_this_machine
from ..errors import SurvivorsLeft
from ..records.ended import finish_dead_run
from ..records.registry import read_entries
from ..records.unfinished_records import finish_unfinished, unfinished_runs
from ..records.unowned import is_damaged, last_owner
from ..threads.lost_threads import adopt_threads
from .survivors import end_survivors, may_have_survivors, survivors_of


class ReapAction(StrEnum):
    """What was done about a dead run."""

    ENDED = "ended"
    WOULD_END = "would end"
    LEFT = "left"
    FINISHED = "finished"
    WOULD_FINISH = "would finish"
    PUT_BACK = "put back"
    WOULD_PUT_BACK = "would put back"
    BUSY = "busy"
    KEPT = "kept"
    FAILED = "failed"


@frozen
class Reaped:
    """A dead run, and the action that was or would be taken.

    :param action: ``left``: some cannot be ended; ``finished``: its record; ``put back``: a change
        that ``--git-write`` allowed and that led git elsewhere. ``busy``: claimed meanwhile;
        ``kept``: not ours to judge; ``failed``: its workspace cannot be used.
    :param processes: how many of the run there were.
    :param left: how many are left.
    """

    project: str
    issue: str
    agent: str
    path: str
    run_id: str
    action: ReapAction
    processes: int = 0
    left: int = 0
    why: str = ""


def reap_workspaces(
    workspaces_root: Path, *, dry_run: bool = False, tell: Tell | None = None
) -> list[Reaped]:
    """End the survivors of every dead run below a root and finish its record.

    A workspace that is busy, or whose last run was proven empty, is left out.
    It waits for the end of the processes alone.

    :param dry_run: only look; change nothing.
    :param tell: takes the path and the error of each directory that cannot be read.
    """
    found: list[Reaped] = []
    for survey in survey_workspaces(workspaces_root, tell):
        if survey.busy:
            continue
        if survey.owner is None:
            found.extend(_reap_unowned(survey, dry_run=dry_run))
            continue
        try:
            found.extend(_reap(survey, survey.owner, dry_run=dry_run))
        except Exception as error:
            # A fault of one workspace must not keep the runs of the others alive.
            why = str(error) or type(error).__name__
            found.append(_result(survey, survey.owner, ReapAction.FAILED, why=why))
    return found


def _reap_unowned(survey: Survey, *, dry_run: bool) -> list[Reaped]:
    """Do it for a workspace whose ``owner.json`` is missing or damaged, by the registry."""
    owner = last_owner(survey, read_entries())
    if owner is not None:
        return [_reap_by_registry(survey, owner, dry_run=dry_run)]
    if not is_damaged(survey):
        return []
    why = "its owner.json is damaged, and no record names its run: look by hand for its processes"
    key, path = survey.place_key, os.fspath(survey.paths.root)
    return [Reaped(key.project, key.issue, key.agent, path, "-", ReapAction.KEPT, why=why)]


def _reap_by_registry(survey: Survey, owner: OwnerRecord, *, dry_run: bool) -> Reaped:
    try:
        done = _look(survey, owner) if dry_run else reap_one(survey, owner)
    except Exception as error:
        return _result(survey, owner, ReapAction.FAILED, why=str(error) or type(error).__name__)
    return done


def _reap(survey: Survey, owner: OwnerRecord, *, dry_run: bool) -> list[Reaped]:
    found: list[Reaped] = []
    if not owner.contained:
        found.append(_look(survey, owner) if dry_run else reap_one(survey, owner))
        if dry_run or found[-1].action is not ReapAction.ENDED:
            return found
    found += _put_back(survey, owner, dry_run=dry_run)
    return [*found, *_finish_records(survey, owner, dry_run=dry_run)]


def _put_back(survey: Survey, owner: OwnerRecord, *, dry_run: bool) -> list[Reaped]:
    """Put back what the last run changed, with ``--git-write``, to lead git elsewhere."""
    used = survey.provenance
    if used is None or used.workdir is None or _not_ours(owner):
        return []
    if kept_pointers(state_directory(), used.inode) is None:
        return []
    if dry_run:
        return [_result(survey, owner, ReapAction.WOULD_PUT_BACK)]
    try:
        claim = claim_workspace(survey.paths, survey.key)
    except WorkspaceBusy as error:
        return [_result(survey, owner, ReapAction.BUSY, why=str(error))]
    try:
        if any(map(may_have_survivors, claim.lasts)):
            return []
        claim.claim_directory(Path(used.workdir))
        found = os.stat(used.workdir)
        # The record may name any other directory's: only that one is claimed.
        if (found.st_dev, found.st_ino) != used.inode:
            return []
        lines = restore_left(claim.state_dir, used.inode)
    except WorkspaceBusy as error:
        return [_result(survey, owner, ReapAction.BUSY, why=str(error))]
    finally:
        claim.release()
    return [_result(survey, owner, ReapAction.PUT_BACK, why=line) for line in lines]


def _finish_records(survey: Survey, owner: OwnerRecord, *, dry_run: bool) -> list[Reaped]:
    """Finish the records that could not be written to their end, on a full disk for one."""
    runs = unfinished_runs(survey.paths)
    if not runs or _not_ours(owner):
        return []
    of = [replace(owner, run_id=run_id) for run_id in runs]
    if dry_run:
        return [_result(survey, each, ReapAction.WOULD_FINISH) for each in of]
    try:
        claim = claim_workspace(survey.paths, survey.key)
    except WorkspaceBusy as error:
        return [_result(survey, owner, ReapAction.BUSY, why=str(error))]
    try:
        last = claim.previous
        if any(map(may_have_survivors, claim.lasts)):
            return []  # a launch came and was killed meanwhile: that is the next reap's
        for run_id in runs:
            finish_unfinished(survey.paths, run_id, last)
    finally:
        claim.release()
    return [_result(survey, each, ReapAction.FINISHED) for each in of]


def _look(survey: Survey, owner: OwnerRecord) -> Reaped:
    if why := _not_ours(owner):
        return _result(survey, owner, ReapAction.KEPT, why=why)
    found = len(survivors_of(owner, survey.paths))
    return _result(survey, owner, ReapAction.WOULD_END, processes=found, left=found)


def reap_one(survey: Survey, owner: OwnerRecord) -> Reaped:
    """End what one dead run left in its workspace and finish its record."""
    if why := _not_ours(owner):
        return _result(survey, owner, ReapAction.KEPT, why=why)
    try:
        claim = claim_workspace(survey.paths, survey.key)
    except WorkspaceBusy as error:
        return _result(survey, owner, ReapAction.BUSY, why=str(error))
    except CodexlabError as error:
        return _result(survey, owner, ReapAction.FAILED, why=_with_remedy(survey, str(error)))
    # Read under the lock: another launch may have come and gone since the survey.
    current, ended = owner, 0
    try:
        for current in claim.lasts or (owner,):
            known = claim.is_known(current.run_id) or not claim.lasts
            ended += end_survivors(current, survey.paths, is_known=known)
            finish_dead_run(current.run_id)
            adopt_threads(survey.paths, survey.place_key.agent, current, os.environ)
    except WorkspaceBusy as error:
        return _result(survey, current, ReapAction.BUSY, why=str(error))
    except SurvivorsLeft as error:
        left = len(error.pids)
        return _result(survey, current, ReapAction.LEFT, processes=left, left=left, why=str(error))
    finally:
        claim.release()
    return _result(survey, current, ReapAction.ENDED, processes=ended)


def _with_remedy(survey: Survey, why: str) -> str:
    """Say what to do about a record that cannot be read: it is not ours to delete unasked."""
    unreadable = why.startswith(os.fspath(survey.paths.owner))
    return f"{why}; delete it and reap again" if unreadable else why


def _not_ours(owner: OwnerRecord) -> str:
    if not is_this_machine(owner):
        return f"its processes are on {owner.host}; reap there, or workspace remove --force"
    if owner.uid != os.getuid():
        return f"its processes belong to user id {owner.uid}"
    return ""


def _result(
    survey: Survey,
    owner: OwnerRecord,
    action: ReapAction,
    *,
    processes: int = 0,
    left: int = 0,
    why: str = "",
) -> Reaped:
    key, path = survey.place_key, os.fspath(survey.paths.root)
    return Reaped(
        key.project, key.issue, key.agent, path, owner.run_id, action, processes, left, why
    )
