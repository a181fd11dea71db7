"""The changes that a run made to its workdir, as git sees them."""

from __future__ import annotations

import os
from pathlib import Path

from ...kernel.values import frozen
from ...kernel.xdg import state_directory
from ..errors import GitFailed, WorkdirRefused
from ..records.provenance import Provenance, WorkdirKind
from .checkout import Checkout, inspect_checkout, is_still_at
from .command import LOOK_SECONDS, ask_git
from .files import check_git_files
from .held_checkout import HeldCheckout, check_held
from .known_git_dir import git_dir_now, known_git_dir
from .pointers import kept_pointers
from .submodules import changes, submodule_work
from .view import GitView, view_at


@frozen
class GitState:
    """State of a checkout.

    :param head: commit id, or None before the first commit.
    :param branch: branch name, or None when detached.
    :param dirty: something differs from HEAD or is untracked (ignored files aside).
    :param ahead: commits on HEAD that ``base`` lacks; None when that cannot be told.
    """

    head: str | None
    branch: str | None
    dirty: bool
    ahead: int | None


def git_state(
    workdir: Path,
    base: str | None = None,
    git_dir: Path | str | None = None,
    held: HeldCheckout | None = None,
) -> GitState | None:
    """Return the state of a checkout, or None when ``workdir`` is in none.

    No lock is taken and no index refreshed. The configuration of the repository is not heard,
    since an agent may have written it. A file that one of *its* filters changes may then count
    as dirty. Work inside of submodules counts.

    :param base: commit to count from.
    :param git_dir: where the checkout's git directory was before an agent was in it. A
        ``.git`` that leads elsewhere now is not followed.
    :param held: the checkout as the launch saw it. Another one in its place is not followed.
    :raises GitFailed: git cannot answer.
    """
    found = judged_checkout(workdir, git_dir, held)
    if found.common_dir is None or found.top is None or found.git_dir is None:
        return None
    check_git_files(found.git_dir or found.common_dir, found.common_dir, "status")
    view = view_at(found.git_dir, found.common_dir, found.top)
    ahead = _ahead(view, base, found.head)
    return GitState(found.head, found.branch, is_dirty(found, view), ahead)


def judged_checkout(
    workdir: Path, git_dir: Path | str | None = None, held: HeldCheckout | None = None
) -> Checkout:
    """Return the checkout that a directory is in, without asking git.

    The parameters are those of `git_state`.

    :raises GitFailed: it is damaged, or another one than it was.
    """
    try:
        found = inspect_checkout(workdir)
    except WorkdirRefused as error:
        # Whatever the agent did to it is no fault of the caller's request.
        raise GitFailed("status", workdir, error.reason) from None
    if git_dir is not None and not is_still_at(found.git_dir, git_dir):
        leads = found.git_dir or "no repository"
        detail = f"its .git leads to {leads} instead of {git_dir}; not followed"
        raise GitFailed("status", workdir, detail)
    _check_common_dir(workdir, found)
    if held is not None:
        check_held(held, workdir, found)
    return found


def _check_common_dir(workdir: Path, found: Checkout) -> None:
    """Refuse a worktree's entry whose ``commondir`` leads elsewhere than to its repository.

    :raises GitFailed: with how to go on.
    """
    entry = found.git_dir
    if entry is None or entry.parent.name != "worktrees":
        return
    common = entry.parent.parent
    if not os.path.isdir(common / "objects") or is_still_at(found.common_dir, common):
        return
    status = os.stat(workdir)
    kept = kept_pointers(state_directory(), (status.st_dev, status.st_ino))
    remedy = "'codexlab reap' puts it back"
    if kept is None or kept.git_dir != os.fspath(entry):
        remedy = f"run 'echo ../.. >{entry}/commondir'"
    leads = f"{entry}/commondir leads to {found.common_dir} instead of {common}"
    raise GitFailed("status", workdir, f"{leads}; not followed; {remedy}")


def recorded_git_dir(provenance: Provenance) -> Path | None:
    """Return where the git directory of the directory used last must be; None if unknown.

    :raises GitFailed: that of a directory which is not ours was replaced since.
    """
    if provenance.workdir is None or provenance.kind is None:
        return None
    if provenance.kind in (WorkdirKind.LINKED, WorkdirKind.GIVEN):
        return _unchanged(provenance)
    workdir = Path(provenance.workdir)
    if provenance.kind is WorkdirKind.PLAIN:
        return workdir / ".git"
    from .worktree_entry import entries, marker_of  # here: rarely needed

    repo = Path(provenance.repo or "/nowhere")
    named = [entry.place for entry in entries(repo) if entry.pointer == marker_of(workdir)]
    return named[0] if named else repo / "worktrees"


def check_git_dir_of_yours(provenance: Provenance) -> None:
    """Compare a directory that is not ours with the record, without asking git.

    A directory that is gone, or none at all, is no change.

    :raises GitFailed: its ``.git`` leads elsewhere than at the last launch, or from there on.
    """
    workdir = provenance.workdir
    if provenance.kind not in (WorkdirKind.LINKED, WorkdirKind.GIVEN) or not os.path.isdir(
        workdir or ""
    ):
        return
    if recorded_git_dir(provenance) is not None:
        _check_common_dir(Path(workdir or ""), inspect_checkout(Path(workdir or "")))


def _unchanged(provenance: Provenance) -> Path | None:
    workdir = Path(provenance.workdir or "/")
    try:
        known = known_git_dir(state_directory(), workdir, provenance)
        found = inspect_checkout(workdir) if known is not None else None
    except WorkdirRefused as error:
        raise GitFailed("status", workdir, str(error)) from None
    if known is None or found is None:
        return None
    now = git_dir_now(found)
    if now is None or now.identity != known.identity:
        leads = now.path if now is not None else "no repository"
        detail = f"its .git leads to {leads}, and led to {known.path} at the last launch"
        way = "not followed; if you changed that, launch there again"
        raise GitFailed("status", workdir, f"{detail}; {way}")
    return found.git_dir


def is_dirty(found: Checkout, view: GitView) -> bool:
    """Tell whether a checkout holds work that is in no commit, submodules included.

    :raises GitFailed: git cannot answer.
    """
    return changes(view) or submodule_work(found, view) is not None


def _ahead(view: GitView, base: str | None, head: str | None) -> int | None:
    if head is None or base is None:
        return None
    if head == base:
        return 0
    count = ("rev-list", "--count", "--end-of-options", f"{base}..{head}")
    answer = ask_git(view, *count, timeout=LOOK_SECONDS)
    return int(answer.stdout) if answer.status == 0 else None
