"""Make, or take up again, the directory the agent works in.

Invariant: ``workspace.json`` says ``preparing`` from before the first step until after the
last, and no agent runs before ``ready``. So a half-made workdir found under the claim holds
nothing but what git wrote, and is undone and made again. A workdir that is ``ready`` is never
touched.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from ...kernel.real_path import real_path
from ...kernel.values import frozen, replace
from ..claim.claim import Claim
from ..errors import PathRefused, WorkdirRefused
from ..fs import kind_of
from ..git.checkout import Checkout, inspect_checkout, is_still_at
from ..git.known_git_dir import change_since, git_dir_now, known_git_dir, remember_git_dir
from ..git.pointers import restore_left
from ..owner import OwnerRecord
from ..records.provenance import Provenance, WorkdirKind
from .plan import WorkdirPlan, is_worktree_of


@frozen
class Workdir:
    """A directory that is ready for the agent, and locked.

    :param head: commit id of its HEAD, or None before the first commit.
    :param branch: branch it is on, or None when detached.
    :param created: it was made by this call.
    :param after_create_due: the hook has not ended well in it yet.
    :param git_dir: its own git directory.
    :param common_dir: the repository's git directory.
    :param previous: the record that the last run *in this directory* left, of whichever issue.
        Without ``contained`` it may have survivors, to be ended before the agent starts.
    """

    path: Path
    kind: WorkdirKind
    head: str | None
    branch: str | None
    created: bool
    after_create_due: bool = False
    base: str | None = None
    git_dir: Path | None = None
    common_dir: Path | None = None
    previous: OwnerRecord | None = None


def prepare_workdir(
    claim: Claim,
    plan: WorkdirPlan,
    *,
    after_create: bool = False,
    patience: float = 0.0,
) -> Workdir:
    """Carry out a plan under the claim, and extend the claim to the directory.

    A directory that is already there is taken as it is: no branch is moved, no
    content touched. What the last launch left half-made is undone first.

    :param after_create: there is a hook ``after_create``. It becomes due with the very write
        that names a directory new to this workspace, and stays so until `note_after_create`.
    :param patience: seconds to wait for others who make worktrees of the repository, if
        that is more than they usually get.
    :raises WorkspaceBusy: another issue's run is in that directory.
    :raises BranchTaken: a branch is in the way.
    :raises WorkdirRefused: the workspace changed since the plan was made.
    :raises GitFailed: git failed; nothing half-made is left.
    """
    if plan.kind in (WorkdirKind.LINKED, WorkdirKind.GIVEN):
        return _adopt(claim, plan, created=False, after_create=after_create)
    stored = claim.believed(claim.read_provenance())
    present = _present(claim)
    if stored.own_kind is not None and present:
        _check_unchanged(stored, plan)
        return _adopt(claim, plan, created=False, after_create=after_create)
    _make(claim, plan, stored, patience)
    return _adopt(claim, plan, created=True, after_create=after_create)


def _make(claim: Claim, plan: WorkdirPlan, stored: Provenance, patience: float) -> None:
    # Here: most launches find the directory made, and 12 modules need not be loaded.
    from .make import make_plain, make_worktree

    if plan.kind is WorkdirKind.WORKTREE:
        make_worktree(claim, plan, stored, patience)
    else:
        make_plain(claim, stored)


def _adopt(claim: Claim, plan: WorkdirPlan, *, created: bool, after_create: bool) -> Workdir:
    previous = claim.claim_directory(plan.path)
    status = os.stat(plan.path)
    claim.notes.extend(restore_left(claim.state_dir, (status.st_dev, status.st_ino)))
    found = inspect_checkout(plan.path)
    if plan.kind in (WorkdirKind.WORKTREE, WorkdirKind.PLAIN) and found.top != Path(
        real_path(plan.path)
    ):
        raise WorkdirRefused(plan.path, "has lost its .git; move it away or restore .git")
    if plan.kind in (WorkdirKind.WORKTREE, WorkdirKind.PLAIN):
        _check_pointer(plan, found)
    stored = _note_use(claim, plan, found, after_create=after_create)
    claim.note_workdir(plan.path, (status.st_dev, status.st_ino))
    return Workdir(
        path=plan.path,
        kind=plan.kind,
        head=found.head,
        branch=found.branch,
        created=created,
        after_create_due=stored.after_create_due,
        base=stored.base if plan.kind is WorkdirKind.WORKTREE else found.head,
        git_dir=found.git_dir,
        common_dir=found.common_dir,
        previous=previous,
    )


def _check_pointer(plan: WorkdirPlan, found: Checkout) -> None:
    """Refuse a ``.git`` that leads elsewhere than to what we made: an agent may have written it."""
    marker = plan.path / ".git"
    if plan.kind is WorkdirKind.PLAIN:
        if found.git_dir != marker or found.common_dir != marker:
            reason = f"leads to {found.git_dir}; this directory has a repository of its own"
            raise WorkdirRefused(
                marker, f"{reason}: move the file away and restore the directory .git"
            )
    elif plan.repo is None or not is_still_at(found.common_dir, plan.repo):
        entry = found.git_dir
        if entry is not None and is_still_at(entry.parent.parent, plan.repo or ""):
            reason = f"leads to {found.common_dir} instead of {plan.repo}, so it is not followed"
            marker = entry / "commondir"
            raise WorkdirRefused(marker, f"{reason}; run 'echo ../.. >{marker}'")
        raise WorkdirRefused(
            marker,
            f"leads to {found.common_dir} instead of {plan.repo}, so it is not followed;"
            f" run 'git -C {plan.repo} worktree repair', or move the workdir away",
        )


def _note_use(
    claim: Claim, plan: WorkdirPlan, found: Checkout, *, after_create: bool
) -> Provenance:
    """Write down which directory is used, where that is news; return what is written down now."""
    stored = claim.read_provenance()
    status = os.stat(plan.path)
    inode = (status.st_dev, status.st_ino)
    used = replace(
        stored,
        kind=plan.kind,
        workdir=str(plan.path),
        inode=inode,
        after_create_due=after_create if inode != stored.inode else stored.after_create_due,
        removing=False,
        repo=str(plan.repo) if plan.kind is WorkdirKind.WORKTREE else stored.repo,
        **_note_git_dir(claim, plan, found, stored),
    )
    if used != stored:
        claim.write_provenance(used)
    return used


def _note_git_dir(
    claim: Claim, plan: WorkdirPlan, found: Checkout, stored: Provenance
) -> dict[str, Any]:
    """Return the facts to note of a git directory that is not ours; tell where it changed.

    It may be its user's own doing, who stands there: so the launch goes on with it.
    """
    state_dir = claim.state_dir
    if plan.yours is not None:  # that it changed, the plan's notes tell
        remember_git_dir(state_dir, plan.yours, git_dir_now(inspect_checkout(plan.yours)))
    if plan.kind not in (WorkdirKind.LINKED, WorkdirKind.GIVEN):
        return {"git_dir": None, "git_inode": None}
    known, now = known_git_dir(state_dir, plan.path, stored), git_dir_now(found)
    if (change := change_since(plan.path, known, now)) is not None:
        claim.notes.append(change)
    if now != known_git_dir(state_dir, plan.path):
        remember_git_dir(state_dir, plan.path, now)
    if now is None:
        return {"git_dir": None, "git_inode": None}
    return {"git_dir": now.path, "git_inode": now.identity}


def _present(claim: Claim) -> bool:
    path = claim.paths.workdir
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISDIR(mode):
        raise PathRefused(path, "a directory", kind_of(str(path)))
    return True


def _check_unchanged(stored: Provenance, plan: WorkdirPlan) -> None:
    other = plan.repo is not None and stored.repo != str(plan.repo)
    if other and plan.repo is not None:
        other = not is_worktree_of(plan.path, plan.repo)
    if stored.own_kind != plan.kind or other:
        reason = f"is {stored.own_kind} of {stored.repo}, made while this launch was being planned"
        raise WorkdirRefused(plan.path, reason)
