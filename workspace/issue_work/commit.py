"""Commit what is left uncommitted in an issue's workdir, on the branch that it is on."""

from __future__ import annotations

from pathlib import Path

from ...kernel.files.regular_file import read_regular
from ...kernel.values import frozen
from ..git.command import ask_git
from ..paths import WorkspaceKey, WorkspacePaths
from .branches import (
    check_branch_is_plain,
    check_index,
    check_nothing_under_way,
    checkouts_on,
    move_branch,
)
from .filters import check_filters, repositorys_filters
from .hold import held_work
from .hooks import users_hooks
from .identity import make_commit, users_identity
from .message import LastRun, commit_message, last_run
from .place import IssueWork
from .refusal import WorkRefused
from .snapshot import Snapshot, snapshot

_WITH_GIT = "commit it with git itself"


class NothingToCommit(WorkRefused):
    """All that the workdir holds is committed already."""


@frozen
class Committed:
    """A commit of an issue's work.

    :param subject: first line of its message.
    :param left_out: one line for each thing that is not in it, or did not work afterwards.
    """

    commit: str
    branch: str
    subject: str
    left_out: tuple[str, ...]


def commit_work(
    paths: WorkspacePaths, key: WorkspaceKey, message: str | None = None, *, hooks: bool = False
) -> Committed:
    """Commit what is uncommitted in an issue's workdir; all of it or nothing.

    :param message: by default the subject is what the agent said last.
    :param hooks: run the user's own hooks.
    :raises WorkspaceBusy: a run holds the workspace or the workdir.
    :raises NothingToCommit: all is committed.
    :raises WorkRefused: it cannot be committed as it is.
    :raises GitFailed: git cannot read the workdir, or store the commit.
    """
    with held_work(paths, key) as held:
        last = last_run(held.work, held.claim.previous)
        return commit_held(held.work, last, message, hooks=hooks)


def commit_held(
    work: IssueWork, last: LastRun, message: str | None = None, *, hooks: bool = False
) -> Committed:
    """Commit what is uncommitted; nobody else may be at work there. See `commit_work`.

    :param last: the run that worked there last.
    """
    branch = _check_ready(work)
    identity = users_identity(work.view)
    text = commit_message(work, last, message)
    with snapshot(work, store=True) as now:
        tree = _checked_tree(work, now, branch)
        if hooks:
            tree, text = _after_hooks(work, now, text)
        parents = (work.checkout.head,) if work.checkout.head else ()
        commit = make_commit(work.view, tree, parents, text, identity)
        subject = text.partition("\n")[0]
        move_branch(work.view, branch, commit, work.checkout.head, f"commit: {subject}")
        after = [_renew_index(work, commit), _post_commit(work) if hooks else None]
        left_out = (*now.left_out, *(line for line in after if line is not None))
        return Committed(commit, branch, subject, left_out)


def _renew_index(work: IssueWork, commit: str) -> str | None:
    """Bring the workdir's index to the commit, which is made; say so where that fails."""
    answer = ask_git(work.view, "read-tree", "--reset", commit)
    if answer.status == 0:
        return None
    return f"the index was not renewed ({answer.detail}); run 'git -C {work.top} reset'"


def _post_commit(work: IssueWork) -> str | None:
    """Run the last hook; the commit stays, whatever it says."""
    try:
        users_hooks(work, {}).run("post-commit")
    except WorkRefused as error:
        return f"committed, but {error}"
    return None


def _check_ready(work: IssueWork) -> str:
    """Return the branch that can be committed on."""
    branch = work.checkout.branch
    check_nothing_under_way(work.git_dir, work.top)
    if branch is None or branch.startswith("refs/"):
        way = "run 'git switch -c NAME' there first"
        raise WorkRefused(work.top, f"is on no branch, but at a detached commit; {way}")
    for each in checkouts_on(work.common_dir, branch):
        if each.git_dir != work.git_dir:
            place = each.top or each.git_dir
            raise WorkRefused(f"branch {branch}", f"is checked out in {place} too; leave it there")
    check_branch_is_plain(work.view, work.common_dir, branch)
    check_index(work.git_dir, work.view, work.top)
    return branch


def _checked_tree(work: IssueWork, now: Snapshot, branch: str) -> str:
    """Return the tree to commit."""
    tree, head = now.tree(), work.checkout.head
    before = now.say("rev-parse", f"{head}^{{tree}}").decode().strip() if head else None
    nothing = before == tree if before else not now.say("ls-files", "-z")
    if nothing:
        more = "".join(f"; {line}" for line in now.left_out)
        raise NothingToCommit(work.top, f"nothing to commit on branch {branch}{more}")
    if filters := repositorys_filters(work.git_dir, work.common_dir):
        changed = ("diff-tree", "-r", "-z", "--name-only", "--diff-filter=d", head or "", tree)
        listed = now.say(*changed) if head else now.say("ls-files", "-z")
        paths = [path for path in listed.split(b"\0") if path]
        check_filters(work.view, filters, paths, now.variables, _WITH_GIT)
    return tree


def _after_hooks(work: IssueWork, now: Snapshot, text: str) -> tuple[str, str]:
    """Run what git runs before it commits; return the tree and the message as hooks left them."""
    hooks = users_hooks(work, now.variables)
    hooks.run("pre-commit")
    file = Path(now.variables["GIT_INDEX_FILE"]).with_name("COMMIT_EDITMSG")
    file.write_text(text)
    hooks.run("prepare-commit-msg", str(file), "message")
    hooks.run("commit-msg", str(file))
    return now.tree(), read_regular(file).decode(errors="replace").strip() + "\n"
