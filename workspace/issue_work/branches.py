"""Branches as a commit or a merge moves them: whose they are, and what keeps them from moving."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ...kernel.values import frozen
from ..errors import GitFailed
from ..git.checkout import read_head
from ..git.command import ask_git, run_git
from ..git.config import read_facts, settings_of
from ..git.view import GitView
from ..git.worktree_entry import entries
from ..repository.holding import is_own_file
from .refusal import WorkRefused

# What git leaves in a git directory while something is under way there.
_UNDER_WAY = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
    "sequencer": "a cherry-pick or revert",
}
_LOGGED = {"core.logAllRefUpdates": "true"}


@frozen
class CheckoutAt:
    """A checkout that is on a branch.

    :param git_dir: its own git directory.
    :param top: its top level; None where that cannot be told.
    """

    git_dir: Path
    top: Path | None


def checkouts_on(common_dir: Path, branch: str) -> Iterator[CheckoutAt]:
    """Yield the checkouts of a repository that are on a branch."""
    main = os.fspath(common_dir)
    if read_head(common_dir, common_dir)[1] == branch and not read_facts(main, main).bare:
        named = any(name == "core.worktree" for name, _ in settings_of(main, main))
        is_usual = common_dir.name == ".git" and not named
        yield CheckoutAt(common_dir, common_dir.parent if is_usual else None)
    for entry in entries(common_dir):
        if entry.branch == branch:
            yield CheckoutAt(entry.place, Path(entry.checkout) if entry.checkout else None)


def check_nothing_under_way(git_dir: Path, top: Path) -> None:
    """Refuse a checkout in the middle of a merge, a rebase or the like."""
    for name, what in _UNDER_WAY.items():
        if os.path.lexists(git_dir / name):
            raise WorkRefused(top, f"{what} is under way there; finish or abort it first")


def check_index(git_dir: Path, view: GitView, top: Path) -> None:
    """Refuse a checkout whose index cannot be written, or has conflicts."""
    if os.path.islink(git_dir / "index"):
        raise WorkRefused(git_dir / "index", "is a link; expected a file")
    if os.path.lexists(git_dir / "index.lock"):
        reason = "a git works there, or was killed; remove the file if none does"
        raise WorkRefused(git_dir / "index.lock", reason)
    if run_git(view, "ls-files", "--unmerged", "-z"):
        raise WorkRefused(top, "has files with conflicts; resolve them, then 'git add' them")


def check_branch_is_plain(view: GitView, common_dir: Path, branch: str) -> None:
    """Refuse a branch whose name leads to another reference."""
    name = f"refs/heads/{branch}"
    if not is_own_file(common_dir, name) or not ask_git(view, "symbolic-ref", "-q", name).status:
        raise WorkRefused(f"branch {branch}", "leads to another reference; not followed")


def move_branch(view: GitView, branch: str, new: str, old: str | None, why: str) -> None:
    """Move a branch in one step, if it still is where it was.

    :param old: the commit it is at; None for a branch without any.
    :raises GitFailed: it was moved meanwhile, or cannot be written.
    """
    name = f"refs/heads/{branch}"
    words = ("update-ref", "--no-deref", "-m", why, name, new, old or "0" * len(new))
    answer = ask_git(view, *words, settings=_LOGGED)
    if answer.status != 0:
        raise GitFailed(f"update of branch {branch}", view, answer.detail)
