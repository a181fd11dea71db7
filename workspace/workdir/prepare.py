"""Make, or take up again, the directory the agent works in.

Invariant: ``workspace.json`` says ``preparing`` from before the first step until
after the last, and no agent runs before ``ready``. So a half-made workdir found
under the claim holds nothing but what git wrote, and is undone and made again;
one that is ``ready`` is never touched.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...kernel.errors import OperatorError
from ...kernel.files.tree import remove_tree
from ...kernel.values import frozen
from ..claim.claim import Claim
from ..errors import GitFailed, PathRefused, WorkdirRefused, operator_errors
from ..fs import directory, kind_of, lstat_at
from ..git.checkout import Checkout, inspect_checkout, is_still_at
from ..git.command import run_git
from ..git.config import read_facts, starts_nothing
from ..git.files import check_shared_files
from ..git.known_git_dir import change_since, git_dir_now, known_git_dir, remember_git_dir
from ..git.pointers import restore_left
from ..git.worktree_entry import Entry, drop_ref_lock, drop_registration, entries_for, lock_reason
from ..owner import OwnerRecord
from ..records.provenance import Provenance, WorkdirKind
from ..repository.branch import branch_left, check_branch, known_branches, pick_branch
from ..repository.branch_deletion import delete_branch
from ..repository.kept_commits import keep_what_entries_hold
from ..repository.lock import PATIENCE, repository_lock
from ..repository.lock_users import drop_unused_ref_lock
from ..repository.url_cache import credentials, make_cache, refresh_cache, resolve_remote
from .plan import WorkdirPlan, is_worktree_of

_CHECKOUT_TIMEOUT = 3600.0


@frozen
class Workdir:
    """A directory that is ready for the agent, and locked.

    :param head: commit id of its HEAD, or None before the first commit.
    :param branch: branch it is on, or None when detached.
    :param created: it was made by this call.
    :param after_create_due: the hook has not ended well in it yet.
    :param git_dir: its own git directory.
    :param common_dir: the repository's git directory.
    :param previous: what the last run *in this directory* left, of whichever issue;
        without ``contained`` it may have survivors, to be ended before the agent starts.
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
    patience: float = PATIENCE,
) -> Workdir:
    """Carry out a plan under the claim, and extend the claim to the directory.

    A directory that is already there is taken as it is: no branch is moved, no
    content touched. What the last launch left half-made is undone first.

    :param after_create: there is such a hook; it becomes due with the very write that
        names a directory new to this workspace, and stays so until `note_after_create`.
    :param patience: seconds to wait for others who make worktrees of the repository, if
        that is more than they usually get.
    :raises WorkspaceBusy: another issue's run is in that directory.
    :raises BranchTaken: a branch is in the way.
    :raises WorkdirRefused: the workspace changed since the plan was made.
    :raises GitFailed: git failed; nothing half-made is left.
    """
    if plan.kind in ("linked", "given"):
        return _adopt(claim, plan, created=False, after_create=after_create)
    stored = claim.believed(claim.read_provenance())
    present = _present(claim)
    if stored.own_kind is not None and present:
        _check_unchanged(stored, plan)
        return _adopt(claim, plan, created=False, after_create=after_create)
    if plan.kind == "worktree":
        _make_worktree(claim, plan, stored, max(patience, PATIENCE))
    else:
        _make_plain(claim, stored)
    return _adopt(claim, plan, created=True, after_create=after_create)


def _adopt(claim: Claim, plan: WorkdirPlan, *, created: bool, after_create: bool) -> Workdir:
    previous = claim.claim_directory(plan.path)
    status = os.stat(plan.path)
    claim.notes += restore_left(claim.state_dir, (status.st_dev, status.st_ino))
    found = inspect_checkout(plan.path)
    if plan.kind in ("worktree", "plain") and found.top != Path(os.path.realpath(plan.path)):
        raise WorkdirRefused(plan.path, "has lost its .git; move it away or restore that")
    if plan.kind in ("worktree", "plain"):
        _check_pointer(plan, found)
    _note_use(claim, plan, found, after_create=after_create)
    claim.note_workdir(plan.path, (status.st_dev, status.st_ino))
    stored = claim.read_provenance()
    return Workdir(
        path=plan.path,
        kind=plan.kind,
        head=found.head,
        branch=found.branch,
        created=created,
        after_create_due=stored.after_create_due,
        base=stored.base if plan.kind == "worktree" else found.head,
        git_dir=found.git_dir,
        common_dir=found.common_dir,
        previous=previous,
    )


def _check_pointer(plan: WorkdirPlan, found: Checkout) -> None:
    """Refuse a ``.git`` that leads elsewhere than to what we made: an agent may have written it."""
    marker = plan.path / ".git"
    if plan.kind == "plain":
        if found.git_dir != marker or found.common_dir != marker:
            reason = f"leads to {found.git_dir}; this directory has a repository of its own"
            raise WorkdirRefused(marker, f"{reason}: move the file away and restore that")
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


def _note_use(claim: Claim, plan: WorkdirPlan, found: Checkout, *, after_create: bool) -> None:
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
    )
    if plan.kind == "worktree":
        used = replace(used, repo=str(plan.repo))
    used = replace(used, **_note_git_dir(claim, plan, found, stored))
    if used != stored:
        claim.write_provenance(used)


def _note_git_dir(
    claim: Claim, plan: WorkdirPlan, found: Checkout, stored: Provenance
) -> dict[str, Any]:
    """Return what to write down of a git directory that is not ours; tell where it changed.

    It may be its user's own doing, who stands there: so the launch goes on with it.
    """
    state_dir = claim.state_dir
    if plan.yours is not None:  # that it changed, the plan's notes tell
        remember_git_dir(state_dir, plan.yours, git_dir_now(inspect_checkout(plan.yours)))
    if plan.kind not in ("linked", "given"):
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


def _make_plain(claim: Claim, stored: Provenance) -> None:
    preparing = replace(stored, state="preparing", inode=None, repo=None, branch=None, base=None)
    with directory(claim.paths.base, *claim.paths.names) as root_fd:
        _undo(root_fd, claim, stored)
        claim.write_provenance(preparing)
        with operator_errors(claim.paths.workdir):
            os.mkdir("workdir", 0o700, dir_fd=root_fd)
        try:
            run_git(claim.paths.workdir, "init", "--quiet")
        except GitFailed:
            _undo(root_fd, claim, preparing)
            raise
    claim.write_provenance(replace(preparing, state="ready"))


def _make_worktree(claim: Claim, plan: WorkdirPlan, stored: Provenance, patience: float) -> None:
    repo = plan.repo
    assert repo is not None
    if plan.url is not None:
        make_cache(repo)
    with (
        repository_lock(repo, claim.state_dir, patience=patience, holder=claim.holder) as lock_fd,
        directory(claim.paths.base, *claim.paths.names) as root_fd,
    ):
        _undo(root_fd, claim, stored)
        check_shared_files(repo, "worktree add")
        base = plan.base if plan.url is None else _fetched(claim, plan, lock_fd)
        lost = entries_for(repo, plan.path)
        known = known_branches(repo, claim.paths, lost, claim.state_dir)
        branch = pick_branch(repo, claim.paths, stored, known, claim.state_dir)
        tip = check_branch(repo, branch, stored, known)
        if (line := drop_unused_ref_lock(repo, branch, plan.path)) is not None:
            claim.notes.append(line)
        chosen = _let_go(claim, repo, lost, stored, branch)
        preparing = replace(
            stored,
            state="preparing",
            # The new directory may get the old one's number.
            inode=None,
            repo=str(repo),
            base=stored.base if tip else base,
            branch=branch,
            tip=tip or base,
            chosen=chosen,
        )
        claim.note_chosen(chosen)
        claim.write_provenance(preparing)
        arguments = (chosen or branch,) if chosen or tip else ("-b", branch, str(base))
        try:
            # A filter such as LFS fetches from the same server as git did.
            secret = _credentials(repo, plan.url, claim)
            _add_worktree(repo, plan.path, arguments, lock_fd, secret)
        except GitFailed:
            _undo(root_fd, claim, preparing)
            _take_back(claim, repo, preparing, stored, made=not chosen and tip is None)
            raise
        claim.write_provenance(replace(preparing, state="ready", chosen=None))
        claim.note_chosen(None)


def _let_go(
    claim: Claim, repo: Path, lost: list[Entry], stored: Provenance, branch: str
) -> str | None:
    """Drop the entries of a workdir that was lost, once what only they hold is kept.

    :returns: the branch its agent had chosen, where that can be gone on with.
    """
    chosen, line = branch_left(repo, claim.paths, lost, stored)
    if line:
        claim.notes.append(f"{line}; this one is on {branch}")
    if stored.state != "preparing":  # else it never was an agent's
        with operator_errors(repo):
            claim.notes += keep_what_entries_hold(repo, lost, claim.paths, staged=True)
    drop_registration(repo, claim.paths.workdir)
    return chosen


def _fetched(claim: Claim, plan: WorkdirPlan, lock_fd: int) -> str:
    cache, url = plan.repo, plan.url
    assert cache is not None
    assert url is not None
    claim.notes += refresh_cache(cache, url, lock_fd)
    return resolve_remote(cache, url, plan.base_name)


def _credentials(cache: Path, url: str | None, claim: Claim) -> Mapping[str, str]:
    """Return the URL's password for the checkout, unless an agent may have chosen its programs."""
    secret = credentials(url or "")
    if not secret or starts_nothing(str(cache)):
        return secret
    claim.notes.append(
        f"{cache}/config names more than we wrote there, so filters get no password; delete what"
        " does not belong there"
    )
    return {}


def _add_worktree(
    repo: Path,
    path: Path,
    arguments: tuple[str, ...],
    lock_fd: int,
    secret: Mapping[str, str],
) -> None:
    # Locked with our name from its first moment: no prune takes it while the
    # workspaces root is not mounted, and a half-made entry can be told as ours.
    command = ["worktree", "add", "--quiet", "--lock", "--reason", lock_reason(path)]
    if arguments[0] == "-b":
        # Tracking would make a later plain `git push` write to the base branch.
        command += ["--no-track", *arguments[:2]]
    command += ["--", str(path), arguments[-1]]
    # Not the claim's lock too: whoever finds that free ends what is left of us first.
    fds = (lock_fd,)
    run_git(
        repo, *command, timeout=_CHECKOUT_TIMEOUT, pass_fds=fds, settings=secret, reach="checkout"
    )
    facts = read_facts(os.fspath(repo), os.fspath(repo))
    if facts.bare and facts.per_worktree:
        # Each worktree hears core.bare then, and git would work in none.
        own = ("config", "--worktree", "core.bare", "false")
        run_git(path, *own, pass_fds=fds, reach="checkout")


def _undo(root_fd: int, claim: Claim, stored: Provenance) -> None:
    """Remove what a killed launch left half-made; refuse anything else in the way."""
    found = lstat_at("workdir", root_fd)
    if found is None:
        return
    if stored.state != "preparing":
        reason = "exists, but this workspace did not make it; move it away"
        raise WorkdirRefused(claim.paths.workdir, reason)
    with operator_errors(claim.paths.workdir):
        remove_tree("workdir", root_fd)


def _take_back(
    claim: Claim, repo: Path, preparing: Provenance, stored: Provenance, *, made: bool
) -> None:
    drop_registration(repo, claim.paths.workdir)
    branch = str(preparing.branch)
    drop_ref_lock(repo, branch)
    if made:
        delete_branch(repo, branch, str(preparing.tip))
    # On a full disk the journal stays at "preparing", which the next launch undoes too.
    with contextlib.suppress(OperatorError):
        claim.write_provenance(replace(stored, chosen=preparing.chosen))
