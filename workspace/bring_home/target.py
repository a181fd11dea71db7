"""The branch that an issue's work is merged into, and the checkout that is on it."""

from __future__ import annotations

import os
from pathlib import Path

from ...kernel.values import frozen
from ..git.checkout import resolve_ref
from ..git.command import ask_git
from ..git.files import check_git_files
from ..git.state import judged_checkout
from ..git.view import GitView, view_at
from ..issue_work.base import home_branch
from ..issue_work.branches import CheckoutAt, check_branch_is_plain, checkouts_on
from ..issue_work.place import IssueWork
from ..issue_work.refusal import WorkRefused
from ..paths import WorkspacePaths
from ..repository.url_cache import cache_root

_PUSH = "push it with 'codexlab push'"


@frozen
class MergeTarget:
    """A branch that work is merged into.

    :param commit: where it is.
    :param checkout: the checkout that is on it; None where there is none.
    :param view: of that checkout, else of the repository.
    """

    branch: str
    commit: str
    checkout: CheckoutAt | None
    view: GitView


def find_target(work: IssueWork, into: str | None) -> MergeTarget:
    """Return the branch to merge into: of the user's main checkout, if none is named.

    :raises WorkRefused: there is no such branch, or it cannot be told where it is checked out.
    :raises GitFailed: the checkout that is on it is damaged.
    """
    common = work.common_dir
    _check_is_users(work.paths, common)
    branch = into or home_branch(common)
    if branch is None:
        raise WorkRefused(common, "its HEAD is on no branch; name one with --into")
    view = view_at(common, common)
    name = f"refs/heads/{branch}"
    if into is not None and ask_git(view, "check-ref-format", name).status != 0:
        raise WorkRefused(f"--into {branch}", "cannot be the name of a branch")
    commit = resolve_ref(common, name)
    if commit is None:
        raise WorkRefused(f"--into {branch}", f"no such branch in {common}")
    if branch == work.checkout.branch:
        raise WorkRefused(f"branch {branch}", "holds the work already; name another with --into")
    check_branch_is_plain(view, common, branch)
    found = list(checkouts_on(common, branch))
    if len(found) > 1:
        places = " and ".join(str(each.top or each.git_dir) for each in found)
        raise WorkRefused(f"branch {branch}", f"is checked out in {places}; leave it in one")
    if not found:
        return MergeTarget(branch, commit, None, view)
    return MergeTarget(branch, commit, found[0], _view_of(common, found[0]))


def _check_is_users(paths: WorkspacePaths, common_dir: Path) -> None:
    """Refuse a repository that has no branch of the user's."""
    place = os.path.realpath(common_dir)
    if f"{place}/".startswith(f"{os.path.realpath(paths.root)}/"):
        reason = "the workspace has a repository of its own, and no branch of yours"
        raise WorkRefused(paths.root, f"{reason}; fetch from it with git")
    if f"{place}/".startswith(f"{os.path.realpath(cache_root())}/"):
        raise WorkRefused(paths.root, f"its repository is our cache of a URL; {_PUSH}")


def _view_of(common_dir: Path, place: CheckoutAt) -> GitView:
    if place.top is None:
        reason = "its working tree lies elsewhere; merge there with git"
        raise WorkRefused(place.git_dir, reason)
    if not place.top.is_dir():
        raise WorkRefused(place.top, "a checkout that is gone; see 'git worktree prune'")
    found = judged_checkout(place.top, place.git_dir)
    if found.top != Path(os.path.realpath(place.top)):
        raise WorkRefused(place.top, "is no longer a checkout of its own")
    check_git_files(place.git_dir, common_dir, "merge")
    settings = (("core.splitIndex", "false"), ("lfs.storage", f"{common_dir}/lfs"))
    return view_at(place.git_dir, common_dir, place.top, settings)
