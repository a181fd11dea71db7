"""Delete a branch of ours, and what git leaves locked where the disk refuses to drop a lock."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from ..git.command import ask_git
from ..git.worktree_entry import drop_ref_lock
from .holding import is_own_file


def delete_branch(repo: Path, branch: str, tip: str) -> bool:
    """Delete a branch of ours if it still is at ``tip``, compared by git in one step.

    The repository's lock must be held.

    :returns: whether it is gone.
    """
    # Where the name leads to another branch, that one is not ours to delete.
    if not is_own_file(repo, f"refs/heads/{branch}"):
        return False
    drop_ref_lock(repo, branch)
    packed = repo / "packed-refs.lock"
    somebodys = os.path.lexists(packed)
    answer = ask_git(repo, "update-ref", "--no-deref", "-d", f"refs/heads/{branch}", tip)
    drop_ref_lock(repo, branch)
    # git only warns that its own lock stays, and from then on nobody's git can delete a branch.
    if not somebodys and "unable to unlink" in answer.detail:
        with contextlib.suppress(OSError):
            os.unlink(packed)
    return answer.status == 0
