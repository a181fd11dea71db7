"""Merge an issue's branch into a branch of the user's; the result is known before it is written."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from ...kernel.values import frozen
from ..checkouts.scratch_dirs import scratch_directory
from ..errors import GitFailed
from ..git.command import ask_git, run_git
from ..git.view import GitView
from ..issue_work.branches import move_branch
from ..issue_work.hold import HeldWork, held_work
from ..issue_work.identity import make_commit, users_identity
from ..issue_work.message import commit_message, last_run, merge_message
from ..issue_work.place import IssueWork
from ..issue_work.refusal import WorkRefused
from ..issue_work.snapshot import objects_aside, snapshot
from ..paths import WorkspaceKey, WorkspacePaths
from ..repository.lock import repository_lock
from .target import MergeTarget, find_target
from .tree_update import TreeUpdate, names

_PATIENCE = 30.0
_SECONDS = 600.0


class MergeForm(StrEnum):
    """What becomes of the commits of the issue's branch."""

    MERGE = "merge"
    SQUASH = "squash"
    FF_ONLY = "ff-only"


class MergeResult(StrEnum):
    """What a merge did."""

    NOTHING = "nothing to merge"
    FORWARD = "fast-forward"
    MERGED = "merge commit"
    SQUASHED = "squashed into one commit"


@frozen
class MergeDone:
    """A merge of an issue's work.

    :param branch: the issue's.
    :param into: the branch that was merged into.
    :param before: where that was.
    :param commit: where it is.
    :param checkout: the checkout that was brought there; None where no checkout is on the branch.
    """

    result: MergeResult
    branch: str
    into: str
    before: str
    commit: str
    checkout: Path | None


class MergeConflict(WorkRefused):
    """Both branches changed the same lines."""


def merge_work(
    paths: WorkspacePaths,
    key: WorkspaceKey,
    into: str | None = None,
    form: MergeForm = MergeForm.MERGE,
) -> MergeDone:
    """Merge an issue's branch, and bring the checkout that is on the other branch there.

    :param into: by default the branch of the user's main checkout.
    :raises WorkspaceBusy: a run holds the workspace or one of the two checkouts.
    :raises MergeConflict: nothing was changed; the line names the files.
    :raises WorkRefused: there is uncommitted work, or a checkout with changes in the way.
    :raises GitFailed: git cannot read or write the repository.
    """
    with held_work(paths, key) as held:
        work, claim = held.work, held.claim
        tip, branch = committed(work, key)
        target = find_target(work, into)
        if target.checkout is not None and target.checkout.top is not None:
            held.hold_too(target.checkout.top)
        with repository_lock(work.common_dir, claim.state_dir, patience=_PATIENCE):
            result, commit = _result(held, target, tip, branch, form)
            if result is not MergeResult.NOTHING:
                _bring_there(work, target, commit, f"codexlab merge {branch}: {result}")
        place = target.checkout.top if target.checkout is not None else None
        return MergeDone(result, branch, target.branch, target.commit, commit, place)


def committed(work: IssueWork, key: WorkspaceKey) -> tuple[str, str]:
    """Return the commit and the branch that hold all the work.

    :raises WorkRefused: some of it is uncommitted, or it is on no branch.
    """
    tip, branch = work.checkout.head, work.checkout.branch
    if tip is None or branch is None or branch.startswith("refs/"):
        raise WorkRefused(
            work.top, "is on no branch with a commit, so there is nothing to bring home"
        )
    with snapshot(work) as now:
        if now.tree() != now.say("rev-parse", f"{tip}^{{tree}}").decode().strip():
            way = f"run 'codexlab commit {key.issue}' first"
            raise WorkRefused(work.top, f"has uncommitted work; {way}")
    return tip, branch


def _result(
    held: HeldWork, target: MergeTarget, tip: str, branch: str, form: MergeForm
) -> tuple[MergeResult, str]:
    """Return what becomes of the target, and the commit that it will be at."""
    work, view, old = held.work, target.view, target.commit
    base = _say(view, "merge-base", old, tip)
    if base == tip:
        return MergeResult.NOTHING, old
    if base == old and form is not MergeForm.SQUASH:
        return MergeResult.FORWARD, tip
    if form is MergeForm.FF_ONLY:
        reason = f"has commits that {branch} lacks; merge without --ff-only"
        raise WorkRefused(f"branch {target.branch}", reason)
    squash = form is MergeForm.SQUASH
    tree = f"{tip}^{{tree}}" if base == old else _merged_tree(work, target, tip, branch)
    tree = run_git(view, "rev-parse", tree).decode().strip()
    if squash and tree == _say(view, "rev-parse", f"{old}^{{tree}}"):
        return MergeResult.NOTHING, old
    identity = users_identity(view)
    last = last_run(work, held.claim.previous)
    if squash:
        count = _say(view, "rev-list", "--count", f"{base}..{tip}")
        single = _say(view, "log", "-1", "--format=%B", tip) if count == "1" else None
        text = f"{single}\n" if single else commit_message(work, last)
        return MergeResult.SQUASHED, make_commit(view, tree, (old,), text, identity)
    text = merge_message(work, last, branch, target.branch)
    return MergeResult.MERGED, make_commit(view, tree, (old, tip), text, identity)


def _merged_tree(work: IssueWork, target: MergeTarget, tip: str, branch: str) -> str:
    """Return the tree of both; tried aside first, so that a conflict leaves no object."""
    where = ("-C", target.view.top) if target.view.top else ()
    words = (*where, "merge-tree", "--write-tree", "--name-only", "-z", "--no-messages")
    with scratch_directory() as scratch:
        for extra in (objects_aside(scratch, work.common_dir), {}):
            asked = (*words, target.commit, tip)
            answer = ask_git(target.view, *asked, extra=extra, timeout=_SECONDS)
            if answer.status == 129:
                reason = "it cannot tell what a merge would give; git 2.38 can"
                raise WorkRefused("git", f"{reason}; merge with git itself")
            fields = [field for field in answer.stdout.split(b"\0") if field]
            if answer.status == 1 and len(fields) > 1:
                reason = f"conflicts in {names(set(fields[1:]))}; nothing was changed"
                way = f"merge {target.branch} into it in {work.top}, then merge again"
                raise MergeConflict(f"merge of {branch} into {target.branch}", f"{reason}; {way}")
            if answer.status != 0:
                raise GitFailed("merge-tree", work.common_dir, answer.detail)
    return fields[0].decode()


def _bring_there(work: IssueWork, target: MergeTarget, commit: str, why: str) -> None:
    """Move the branch, and the checkout that is on it: both or none."""
    if target.checkout is None:
        move_branch(target.view, target.branch, commit, target.commit, why)
        return
    update = TreeUpdate(target.view, work.common_dir, target.commit, commit)
    update.check()
    update.apply()
    try:
        move_branch(target.view, target.branch, commit, target.commit, why)
    except BaseException:
        update.undo()
        raise


def _say(view: GitView, *arguments: str) -> str:
    answer = ask_git(view, *arguments)
    return answer.stdout.decode(errors="replace").strip() if answer.status == 0 else ""
