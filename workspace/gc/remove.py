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
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path

from ...kernel.errors import CodexlabError, OperatorError
from ...kernel.libc import rename_noreplace
from ..claim.claim import Claim, claim_workspace
from ..codex_config.record import recorded_shared_home
from ..codex_home.stores import STORES, give_back
from ..errors import WorkspaceBusy, operator_errors
from ..fs import directory, open_below
from ..git.pointers import kept_pointers, restore_left
from ..paths import WorkspaceKey, WorkspacePaths
from ..records.used import directory_used
from .leave_repository import keep_what_goes, repository_of, unregister
from .removable import RemovalRefused, check_findings, check_survivors, check_unused
from .trash import TRASH, delete_from_trash
from .trash_records import forget_trashed, record_trashed

_IN_A_HOME = ("auth.json", "config.toml", *STORES)
BeforeRemove = Callable[[Claim, Path], None]


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
        check_unused(paths, unused_since)
        check_survivors(claim, force=force)
        _put_pointers_back(claim)
        check_findings(claim, force, movable=True)
        with _announced(claim, attend):
            moved = _save_transcripts(claim)
            check_findings(claim, force, movable=False)
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
            branch = unregister(provenance, paths.root, claim.state_dir)
        _delete(name, trash_fd, paths)
        forget_trashed(paths.base, name, claim.state_dir)
    finally:
        os.close(trash_fd)
    _drop_empty_parents(paths)
    return branch, kept


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


def _drop_empty_parents(paths: WorkspacePaths) -> None:
    for place in (paths.root.parent, paths.root.parent.parent):
        try:
            os.rmdir(place)
        except OSError:
            return
