"""Make a workdir of our own: a worktree on a branch, or a plain directory.

Only the first launch of a workspace needs this module, and what it imports; see
`prepare` for the invariant that both keep.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from ...kernel.errands.git_environment import Reach
from ...kernel.errors import OperatorError
from ...kernel.files.tree import remove_tree
from ...kernel.values import replace
from ..claim.claim import Claim
from ..errors import GitFailed, WorkdirRefused, operator_errors
from ..fs import directory, lstat_at
from ..git.command import run_git
from ..git.config import read_facts, starts_nothing
from ..git.files import check_shared_files
from ..git.worktree_entry import (
    WorktreeEntry,
    drop_ref_lock,
    drop_registration,
    entries_for,
    lock_reason,
)
from ..records.provenance import Provenance, WorkdirState
from ..repository.branch import branch_left, check_branch, known_branches, pick_branch
from ..repository.branch_deletion import delete_branch
from ..repository.kept_commits import keep_what_entries_hold
from ..repository.lock import LOCK_PATIENCE, repository_lock
from ..repository.lock_users import drop_unused_ref_lock
from ..repository.url_cache import cache_lock, credentials, refresh_cache, resolve_remote
from .plan import WorkdirPlan

_CHECKOUT_TIMEOUT = 3600.0


def make_plain(claim: Claim, stored: Provenance) -> None:
    """Make a plain directory with a repository of its own.

    :raises WorkdirRefused: something else is in the way.
    :raises GitFailed: git failed; nothing half-made is left.
    """
    preparing = replace(
        stored, state=WorkdirState.PREPARING, inode=None, repo=None, branch=None, base=None
    )
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
    claim.write_provenance(replace(preparing, state=WorkdirState.READY))


def make_worktree(claim: Claim, plan: WorkdirPlan, stored: Provenance, patience: float) -> None:
    """Make a worktree on the issue's branch, which is made where there is none.

    :param patience: seconds to wait for others who make worktrees of the repository, if
        that is more than they usually get.
    :raises BranchTaken: a branch is in the way.
    :raises WorkdirRefused: something else is in the way.
    :raises GitFailed: git failed; nothing half-made is left.
    """
    repo = plan.repo
    assert repo is not None
    lock = repository_lock if plan.url is None else cache_lock
    with (
        lock(
            repo, claim.state_dir, patience=max(patience, LOCK_PATIENCE), holder=claim.holder
        ) as lock_fd,
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
            state=WorkdirState.PREPARING,
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
        claim.write_provenance(replace(preparing, state=WorkdirState.READY, chosen=None))
        claim.note_chosen(None)


def _let_go(
    claim: Claim, repo: Path, lost: list[WorktreeEntry], stored: Provenance, branch: str
) -> str | None:
    """Drop the entries of a workdir that was lost, once what only they hold is kept.

    :returns: the branch its agent had chosen, where that can be gone on with.
    """
    chosen, line = branch_left(repo, claim.paths, lost, stored)
    if line:
        claim.notes.append(f"{line}; this one is on {branch}")
    if stored.state is not WorkdirState.PREPARING:  # else it never was an agent's
        with operator_errors(repo):
            claim.notes.extend(keep_what_entries_hold(repo, lost, claim.paths, staged=True))
    drop_registration(repo, claim.paths.workdir)
    return chosen


def _fetched(claim: Claim, plan: WorkdirPlan, lock_fd: int) -> str:
    cache, url = plan.repo, plan.url
    assert cache is not None
    assert url is not None
    claim.notes.extend(refresh_cache(cache, url, lock_fd))
    return resolve_remote(cache, url, plan.base_name)


def _credentials(cache: Path, url: str | None, claim: Claim) -> Mapping[str, str]:
    """Return the URL's password for the checkout, unless an agent may have chosen its programs."""
    secret = credentials(url or "")
    if not secret or starts_nothing(str(cache)):
        return secret
    claim.notes.append(
        f"{cache}/config has lines that codexlab did not write, so filters get no password;"
        " delete those lines"
    )
    return {}


def _add_worktree(
    repo: Path,
    path: Path,
    arguments: tuple[str, ...],
    lock_fd: int,
    secret: Mapping[str, str],
) -> None:
    # Locked with our name from its first moment. No prune takes it while the workspaces root is
    # not mounted, and a half-made entry can be told as ours.
    command = ["worktree", "add", "--quiet", "--lock", "--reason", lock_reason(path)]
    if arguments[0] == "-b":
        # Tracking would make a later plain `git push` write to the base branch.
        command += ["--no-track", *arguments[:2]]
    command += ["--", str(path), arguments[-1]]
    # Not the claim's lock too: whoever finds that free ends what is left of us first.
    fds = (lock_fd,)
    run_git(
        repo,
        *command,
        timeout=_CHECKOUT_TIMEOUT,
        pass_fds=fds,
        settings=secret,
        reach=Reach.CHECKOUT,
    )
    facts = read_facts(os.fspath(repo), os.fspath(repo))
    if facts.bare and facts.per_worktree:
        # Each worktree hears core.bare then, and git would work in none.
        own = ("config", "--worktree", "core.bare", "false")
        run_git(path, *own, pass_fds=fds, reach=Reach.CHECKOUT)


def _undo(root_fd: int, claim: Claim, stored: Provenance) -> None:
    """Remove what a killed launch left half-made; refuse anything else in the way."""
    found = lstat_at("workdir", root_fd)
    if found is None:
        return
    if stored.state is not WorkdirState.PREPARING:
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
