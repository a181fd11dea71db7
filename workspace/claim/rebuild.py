"""Write ``workspace.json`` anew when it is missing or damaged."""

from __future__ import annotations

import datetime as dt
import os

from ..git.checkout import StartKind, inspect_checkout
from ..paths import WorkspaceKey, WorkspacePaths, branch_name
from ..records.provenance import Provenance, WorkdirKind, WorkdirState


def rebuild_provenance(paths: WorkspacePaths, key: WorkspaceKey) -> Provenance:
    """Rebuild the record of a workspace from what else is known of it.

    The path proves the key, since names are injective. A workdir that is there counts as ready:
    it may hold work, so it is never undone. The base is unknown. The branch is the one that the
    workdir was made on, whatever it is on now. A branch of somebody else's must never be taken
    for ours.
    """
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    if not paths.workdir.is_dir() or paths.workdir.is_symlink():
        return Provenance(key, created=now)
    status = os.stat(paths.workdir)
    found = inspect_checkout(paths.workdir)
    linked = found.kind is StartKind.LINKED and found.top == paths.workdir
    return Provenance(
        key,
        state=WorkdirState.READY,
        kind=WorkdirKind.WORKTREE if linked else WorkdirKind.PLAIN,
        repo=str(found.common_dir) if linked else None,
        branch=branch_name(paths) if linked else None,
        workdir=str(paths.workdir),
        inode=(status.st_dev, status.st_ino),
        created=now,
    )
