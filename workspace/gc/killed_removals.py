"""Finish removals that were killed, by what they left in ``.trash`` and in our state directory.

Invariant: the record of an entry is a hint. It may lead to one place only: that of the
workspace whose key it names, below the very root. Of a repository's entries only those
for that place go, if we locked them, or if nobody did and the place is gone. What they
alone hold gets a reference first.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ...kernel.xdg import state_directory
from ..errors import BadKey
from ..fs import directory, lstat_at
from ..git.worktree_entry import drop_left_entries
from ..paths import WorkspacePaths, locate_workspace
from ..records.provenance import Provenance
from .leave_repository import keep_what_goes, let_go_of_branch, repository_of
from .trash import TRASH, delete_from_trash, read_trashed, trash_lock
from .trash_records import forget_trashed, is_trashed


def empty_trash(
    workspaces_root: Path,
    *,
    tell: Callable[[Path, Exception], None] | None = None,
) -> int:
    """Finish what earlier removals left when they were killed; what is not theirs stays.

    :param tell: takes what could not be finished, and why; the others are all the same.
    :returns: how many were finished; those another process is at are left to it.
    """
    finished, state = 0, state_directory()
    try:
        with directory(workspaces_root, TRASH) as trash_fd:
            for name in os.listdir(trash_fd):
                if not is_trashed(workspaces_root, name, trash_fd, state):
                    continue
                place = workspaces_root / TRASH / name
                try:
                    with trash_lock(name, trash_fd) as free:
                        if free:
                            _finish(name, trash_fd, place, state)
                            finished += 1
                except Exception as error:
                    if tell is None:
                        raise
                    tell(place, error)
    except FileNotFoundError:
        pass
    return finished


def strangers_in_trash(workspaces_root: Path) -> list[Path]:
    """Return the entries of the trash that no removal of ours put there. Reads only.

    :raises OperatorError: something else lies in the trash's own place.
    """
    state, found = state_directory(), list[Path]()
    try:
        with directory(workspaces_root, TRASH) as trash_fd:
            for name in sorted(os.listdir(trash_fd)):
                # Deleted meanwhile, an entry has no record any more.
                if not is_trashed(workspaces_root, name, trash_fd, state) and (
                    lstat_at(name, trash_fd) is not None
                ):
                    found.append(workspaces_root / TRASH / name)
    except FileNotFoundError:
        pass
    return found


def _finish(name: str, trash_fd: int, place: Path, state_dir: Path) -> None:
    provenance = read_trashed(name, trash_fd, place)
    paths = None if provenance is None else _former_place(provenance, place.parents[1])
    if provenance is not None and paths is not None:
        with repository_of(provenance, state_dir):
            _unregister(provenance, paths, state_dir)
    delete_from_trash(name, trash_fd, place)
    forget_trashed(place.parents[1], name, state_dir)


def _former_place(provenance: Provenance, workspaces_root: Path) -> WorkspacePaths | None:
    """Return the places of the workspace that an entry was, or None if it cannot have been one.

    They are made of the key. The path on record must be the same, and no link be on the way.
    """
    if provenance.removed_from is None:
        return None
    try:
        paths = locate_workspace(workspaces_root, provenance.key)
    except BadKey:
        return None
    real = os.path.join(os.path.realpath(workspaces_root), *paths.names)
    recorded = Path(provenance.removed_from)
    if os.path.realpath(paths.root) != real or os.path.realpath(recorded) != real:
        return None
    return paths


def _unregister(provenance: Provenance, paths: WorkspacePaths, state_dir: Path) -> None:
    repo = Path(provenance.repo or "")
    if provenance.repo is None or not repo.is_dir() or os.path.lexists(paths.workdir):
        return  # a new workspace of that name has taken the entry over
    keep_what_goes(provenance, paths)
    let_go_of_branch(provenance, paths.root, state_dir)
    drop_left_entries(repo, paths.root)
