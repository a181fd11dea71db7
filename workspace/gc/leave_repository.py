"""Give back to a repository what a workspace had of it: the lock, the entries and the branch.

Commits that only an entry holds get a reference first. A branch is deleted only while other
references hold all its commits.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from pathlib import Path

from ..errors import GitFailed, WorkdirRefused
from ..git.checkout import read_head, resolve_ref
from ..git.files import check_shared_files
from ..git.worktree_entry import (
    drop_orphans,
    drop_registration,
    entries_below,
    is_checked_out_elsewhere,
)
from ..paths import WorkspacePaths, belongs_at
from ..records.provenance import Provenance
from ..repository.branch_deletion import delete_branch
from ..repository.holding import holding, unheld
from ..repository.kept_branches import remember_branch
from ..repository.kept_commits import keep_what_entries_hold
from ..repository.lock import repository_lock


def keep_what_goes(provenance: Provenance, paths: WorkspacePaths) -> tuple[str, ...]:
    """Give references to what goes with the worktrees below a workspace, before they go."""
    if provenance.repo is None or not os.path.isdir(provenance.repo):
        return ()
    repo = Path(provenance.repo)
    found = entries_below(repo, paths.root)
    lost = [entry for entry in found if not os.path.lexists(entry.pointer)]
    present = [entry for entry in found if entry not in lost]
    return (
        *keep_what_entries_hold(repo, lost, paths, staged=True),
        *keep_what_entries_hold(repo, present, paths, staged=False),
    )


def let_go_of_branch(provenance: Provenance, root: Path, state_dir: Path) -> str | None:
    """Delete the branch of a workspace that went where that loses no commit.

    The branch goes before the entry. Whoever comes next finishes an entry of ours without a
    branch. A branch without an entry would look like somebody else's.

    :param root: where the workspace was.
    :returns: the branch that was deleted.
    """
    repo, branch = Path(provenance.repo or ""), provenance.branch
    # An agent can write another workspace's key, and so the branch of that one.
    if branch is None or not belongs_at(provenance.key, root.parts[-3:]):
        return None
    try:
        check_shared_files(repo, "update-ref")
        return _drop_branch(repo, branch, root, state_dir)
    except (GitFailed, WorkdirRefused):
        # The branch stays where nobody can say what is on it; the workspace goes all the same.
        return None


def unregister(provenance: Provenance, root: Path, state_dir: Path) -> str | None:
    """Drop the entries for a workspace that was moved away, and its branch if it may go."""
    repo = Path(provenance.repo or "")
    if provenance.repo is None or not repo.is_dir() or os.path.lexists(root / "workdir"):
        return None  # a new workspace of that name has taken the entry over
    deleted = let_go_of_branch(provenance, root, state_dir)
    drop_registration(repo, root / "workdir")
    drop_orphans(repo, root)
    return deleted


def _drop_branch(repo: Path, branch: str, root: Path, state_dir: Path) -> str | None:
    tip = resolve_ref(repo, f"refs/heads/{branch}")
    if tip is None:
        return None
    used = is_checked_out_elsewhere(repo, branch, root / "workdir")
    if not used and _is_kept_elsewhere(repo, branch, tip) and delete_branch(repo, branch, tip):
        return branch
    if not used:
        remember_branch(repo, branch, root, state_dir)
    return None


def _is_kept_elsewhere(repo: Path, branch: str, tip: str) -> bool:
    if read_head(repo, repo)[1] == branch:
        return False
    answer = unheld(repo, [tip], holding(repo, [branch]))
    return answer.status == 0 and not answer.stdout


@contextlib.contextmanager
def repository_of(provenance: Provenance, state_dir: Path) -> Generator[None, None, None]:
    """Hold the lock of the repository that a record names, if it is there."""
    if provenance.repo is None or not os.path.isdir(provenance.repo):
        yield
        return
    with repository_lock(Path(provenance.repo), state_dir):
        yield
