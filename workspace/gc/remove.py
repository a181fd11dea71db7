"""Remove a workspace: under its own lock, moved aside first, never what exists nowhere else.

Invariant: a name below the workspaces root is a whole workspace or nothing. What is being
deleted lies in ``.trash`` beside the projects, with its metadata last to go. So whoever comes
after a crash knows what it was, and finishes. A directory that was given, or supervised in
place, is outside and never touched. A branch is deleted only while other references hold all
its commits.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ...kernel.errors import CallerError, CodexlabError, OperatorError
from ...kernel.libc import rename_noreplace
from ..claim.claim import Claim, claim_workspace
from ..codex_config.record import recorded_shared_home
from ..codex_home.stores import STORES, give_back
from ..errors import GitFailed, WorkdirRefused, WorkspaceBusy, operator_errors
from ..fs import directory, open_below
from ..git.checkout import read_head, resolve_ref
from ..git.files import check_shared_files
from ..git.pointers import kept_pointers, restore_left
from ..git.worktree_entry import (
    drop_orphans,
    drop_registration,
    entries_below,
    is_checked_out_elsewhere,
)
from ..owner import OwnerRecord
from ..paths import WorkspaceKey, WorkspacePaths, belongs_at
from ..records.machine import is_this_machine
from ..records.provenance import Provenance
from ..records.used import directory_used
from ..repository.branch_deletion import delete_branch
from ..repository.holding import holding, unheld
from ..repository.kept_branches import remember_branch
from ..repository.kept_commits import keep_what_entries_hold
from ..repository.lock import repository_lock
from ..unique_work.findings import TRANSCRIPTS, findings, unproven
from .survey import survey_workspace
from .trash import TRASH, delete_from_trash
from .trash_records import forget_trashed, record_trashed
from .used_below import told, used_below
from .uses import Use, read_uses

_IN_A_HOME = ("auth.json", "config.toml", *STORES)
BeforeRemove = Callable[[Claim, Path], None]


class RemovalRefused(CallerError):
    """Something in the workspace exists nowhere else, or may still run; nothing was deleted."""

    def __init__(self, path: Path, reason: str, advice: str = "") -> None:
        self.path, self.reason, self.advice = path, reason, advice
        super().__init__(f"{path}: {reason}; nothing was deleted{advice and ', '}{advice}")


@dataclass(frozen=True, slots=True)
class Removal:
    """The result of a removal.

    :param branch: the branch that was deleted too, or None when it stays.
    :param moved: transcripts that were moved to the shared store first.
    :param kept: one line for each commit that got a reference of its own, because only a
        worktree that went had it.
    """

    root: Path
    branch: str | None
    moved: int
    kept: tuple[str, ...] = ()


def remove_workspace(
    paths: WorkspacePaths,
    key: WorkspaceKey,
    *,
    force: bool = False,
    unused_since: float | None = None,
    attend: BeforeRemove | None = None,
) -> Removal:
    """Delete a workspace and everything in it.

    Transcripts kept in it are moved to the shared store first, whatever ``force`` says.

    :param force: also what has findings, such as uncommitted changes.
    :param unused_since: refuse when it was used after this time (seconds since the epoch).
    :param attend: called once nothing speaks against the removal and before anything is moved,
        under the claim. It gets the directory used last, or the workspace where that is gone.
        Raising, it prevents the removal. Killed meanwhile or later, it is called again by
        whoever removes the workspace then: at least once.
    :raises WorkspaceBusy: a run holds it, or another issue's run is in its workdir.
    :raises RemovalRefused: it has findings, or may have survivors.
    """
    if not paths.lock.exists():
        raise RemovalRefused(paths.root, "is no workspace")
    claim = claim_workspace(paths, key)
    try:
        _check_unused(paths, unused_since)
        _check_survivors(claim, force=force)
        _put_pointers_back(claim)
        _check(claim, force, movable=True)
        with _announced(claim, attend):
            moved = _save_transcripts(claim)
            _check(claim, force, movable=False)
            branch, kept = _remove(claim)
        claim.forget_directories()
    finally:
        claim.release()
    return Removal(paths.root, branch, moved, kept)


@contextlib.contextmanager
def _announced(claim: Claim, attend: BeforeRemove | None) -> Generator[None, None, None]:
    """Let ``attend`` see to it, with the removal written down from before that on.

    So a collection finishes what was killed meanwhile, although the workspace looks
    just used. A removal that is given up takes the note back.
    """
    if attend is None:
        yield
        return
    provenance = claim.read_provenance()
    claim.write_provenance(replace(provenance, removing=True))
    used = directory_used(claim.paths, claim.witness)
    if used is None or provenance.workdir not in (None, os.fspath(used)):
        claim.notes.append(
            f"{claim.paths.provenance}: names workdir {provenance.workdir}, which is not known"
            " to be"
            f" where the last run worked; the hook runs in {used or claim.paths.root}"
        )
    try:
        attend(claim, used or claim.paths.root)
        yield
    except BaseException:
        with contextlib.suppress(CodexlabError):
            claim.write_provenance(replace(claim.read_provenance(), removing=False))
        raise


def _put_pointers_back(claim: Claim) -> None:
    """Put back what a killed run changed to lead git elsewhere, if nobody works there now.

    Only under the lock on that very directory: a record here may name any other one's.
    """
    used = directory_used(claim.paths, claim.witness)
    if used is None:
        return
    found = os.stat(used)
    identity = (found.st_dev, found.st_ino)
    if kept_pointers(claim.state_dir, identity) is None:
        return
    with contextlib.suppress(WorkspaceBusy):
        claim.claim_directory(used)
        restore_left(claim.state_dir, identity)


def _check_unused(paths: WorkspacePaths, since: float | None) -> None:
    survey = survey_workspace(paths)
    if since is not None and survey is not None and survey.used > since:
        raise RemovalRefused(paths.root, "has been used since this was decided")


def _check_survivors(claim: Claim, *, force: bool) -> None:
    """Refuse while a run may be left; a run of another issue may have been in the workdir.

    What was left on another machine nobody here can end or see, so there force decides.
    """
    own, last = claim.previous, [*claim.lasts]
    if claim.paths.workdir.is_dir():
        there = claim.claim_directory(claim.paths.workdir)
        # Who ends a dead run's survivors writes that into the workspace's own record.
        if own is None or there is None or own.run_id != there.run_id:
            last += [] if there is None else [there]
    _refuse_survivors(claim, last, force=force)


def _refuse_survivors(claim: Claim, last: Iterable[OwnerRecord], *, force: bool) -> None:
    for owner in last:
        reason = unproven(owner)
        if reason is None or (force and not is_this_machine(owner)):
            continue
        raise RemovalRefused(claim.paths.root, reason, _way_out(owner))


def _way_out(owner: OwnerRecord) -> str:
    if not is_this_machine(owner):
        return f"see 'codexlab reap' on {owner.host}, or delete it all the same with --force"
    who = "" if owner.uid == os.getuid() else f" as user id {owner.uid}"
    return f"see 'codexlab reap'{who}"


def _check(claim: Claim, force: bool, *, movable: bool) -> None:
    """Refuse what has findings; ``movable`` transcripts can still be saved."""
    used = used_below(claim.paths, read_uses(claim.state_dir))
    _hold_what_is_used(claim, used, force=force)
    if force:
        return
    found = (
        *(told(claim.paths, use) for use in used),
        *findings(claim.paths, claim.read_provenance()),
    )
    reasons = [line for line in found if not (movable and line.startswith(TRANSCRIPTS))]
    if reasons:
        advice = "--force deletes it all the same"
        raise RemovalRefused(claim.paths.root, ", ".join(reasons), advice)


def _hold_what_is_used(claim: Claim, used: Iterable[Use], *, force: bool) -> None:
    """Refuse while a run is in a directory below; with force hold all, so that none comes."""
    for use in used:
        if use.identity is not None and (use.held or force) and os.path.isdir(use.path):
            last = claim.claim_directory(Path(use.path))
            _refuse_survivors(claim, () if last is None else (last,), force=force)
        elif use.held:
            raise WorkspaceBusy(Path(use.path), use.holder)


class LeftInTrash(OperatorError):
    """A workspace left its place, and something in it cannot be deleted."""

    def __init__(self, root: Path, trashed: Path, reason: str) -> None:
        self.root, self.trashed = root, trashed
        super().__init__(
            f"{root} was removed, and its place is free; the rest of it lies at {trashed}"
            f" ({reason}); the next gc tries to delete it again"
        )


def _delete(name: str, trash_fd: int, paths: WorkspacePaths) -> None:
    trashed = paths.base / TRASH / name
    try:
        delete_from_trash(name, trash_fd, trashed)
    except OperatorError as error:
        _drop_empty_parents(paths)
        cause = error.__cause__
        reason = cause.strerror if isinstance(cause, OSError) else None
        raise LeftInTrash(paths.root, trashed, reason or str(error)) from error


def _remove(claim: Claim) -> tuple[str | None, tuple[str, ...]]:
    paths = claim.paths
    provenance = replace(claim.read_provenance(), removed_from=str(paths.root))
    claim.write_provenance(provenance)
    name = secrets.token_hex(8)
    trash_fd = open_below(paths.base, TRASH, create=True)
    try:
        with repository_of(provenance, claim.state_dir), operator_errors(paths.root):
            kept = keep_what_goes(provenance, paths)
            with directory(paths.base, *paths.names[:2]) as issue_fd:
                found = os.stat(paths.names[2], dir_fd=issue_fd, follow_symlinks=False)
                record_trashed(paths.base, name, found, claim.state_dir)
                rename_noreplace(paths.names[2], name, source_fd=issue_fd, target_fd=trash_fd)
            branch = _unregister(provenance, paths.root, claim.state_dir)
        _delete(name, trash_fd, paths)
        forget_trashed(paths.base, name, claim.state_dir)
    finally:
        os.close(trash_fd)
    _drop_empty_parents(paths)
    return branch, kept


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


def _unregister(provenance: Provenance, root: Path, state_dir: Path) -> str | None:
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


def _save_transcripts(claim: Claim) -> int:
    """Move transcripts of the issue's own to the shared home it was healed from last.

    An agent can write which that is, where our state directory does not know. So it must hold
    what codex keeps in a home, or it is some directory, and the transcripts stay where they are.
    """
    paths, known = claim.paths, None if claim.witness is None else claim.witness.home
    shared = recorded_shared_home(paths) if known is None else Path(known)
    if shared is None or not any(os.path.lexists(shared / name) for name in _IN_A_HOME):
        return 0
    try:
        with (
            directory(paths.base, *paths.names, "codex-home") as home_fd,
            operator_errors(paths.codex_home),
        ):
            return sum(give_back(name, home_fd, shared) for name in STORES)
    except FileNotFoundError:
        return 0


@contextlib.contextmanager
def repository_of(provenance: Provenance, state_dir: Path) -> Generator[None, None, None]:
    """Hold the lock of the repository that a record names, if it is there."""
    if provenance.repo is None or not os.path.isdir(provenance.repo):
        yield
        return
    with repository_lock(Path(provenance.repo), state_dir):
        yield


def _drop_empty_parents(paths: WorkspacePaths) -> None:
    for place in (paths.root.parent, paths.root.parent.parent):
        try:
            os.rmdir(place)
        except OSError:
            return
