"""Locks that a killed git left in a workdir of ours: set aside, so that the next git can work.

Invariant: a lock is moved only under the claim, after the last run was proven gone. It lies in
the git directory of our own worktree or plain repository, or belongs to our own branch. No
process may have it open, and no git may be at work in the workdir. A person's own locks lie
elsewhere.

An agent can write the workdir's ``.git``, so its target is not trusted. The worktree's entry there
must point back to this workdir.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ..claim.claim import Claim
from ..records.provenance import WorkdirKind
from ..repository.locks_aside import LOCK, locks_in, set_lock_aside
from .prepare import Workdir


def stale_locks(claim: Claim, workdir: Workdir) -> list[Path]:
    """Return the lock files that only a dead git can have left, if nobody uses them."""
    git_dir = workdir.git_dir
    if workdir.kind not in (WorkdirKind.WORKTREE, WorkdirKind.PLAIN) or git_dir is None:
        return []
    found = [*locks_in(git_dir, "refs"), *_locks_on_branch(claim, workdir)]
    return found if found and _is_ours(claim, workdir, git_dir) else []


def set_locks_aside(workdir: Workdir, locks: list[Path]) -> list[str]:
    """Move locks into a directory beside them, unless somebody uses them.

    :returns: a line for each.
    """
    if workdir.git_dir is None:
        return []
    from ..repository.lock_users import locks_in_use  # here: rarely needed

    used = locks_in_use(locks, workdir.path)
    return [set_lock_aside(workdir.git_dir, lock) for lock in locks if lock not in used]


def _locks_on_branch(claim: Claim, workdir: Workdir) -> Iterator[Path]:
    if workdir.kind is not WorkdirKind.WORKTREE or workdir.common_dir is None:
        return
    branch = claim.read_provenance().branch or ""
    lock = workdir.common_dir / f"refs/heads/{branch}{LOCK}"
    if branch.startswith("codexlab/") and ".." not in branch.split("/") and lock.is_file():
        yield lock


def _is_ours(claim: Claim, workdir: Workdir, git_dir: Path) -> bool:
    if workdir.kind is WorkdirKind.PLAIN:
        own = workdir.path / ".git"
        return stat.S_ISDIR(os.lstat(own).st_mode) and git_dir == Path(os.path.realpath(own))
    from ..git.worktree_entry import entry_at, marker_of  # here: rarely needed

    repo = claim.read_provenance().repo
    entry = entry_at(git_dir)
    return (
        repo is not None
        and workdir.common_dir == Path(repo)
        and git_dir.parent == Path(repo) / "worktrees"
        and entry.pointer == marker_of(workdir.path)
    )
