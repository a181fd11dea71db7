"""Give the files that a run of root's made in another user's home to that user."""

from __future__ import annotations

import os
from pathlib import Path

from ...kernel.files.home_owner import give_named, give_tree, serves_another
from ...kernel.xdg import cache_directory, state_directory
from ..paths import WorkspacePaths
from .stores import LOCKS, STORES


def give_to_user(paths: WorkspacePaths, shared_home: Path, common_dir: Path | None) -> None:
    """Give the owner of HOME the files below these places that are root's; only root does so.

    The workspace must be claimed, and nothing of its last run may be left.

    :param common_dir: the git directory that holds the worktree's entry and its branch.
    """
    if not serves_another():
        return
    for place in (paths.base, paths.root.parents[1], paths.root.parent):
        give_named(place)
    shared = Path(os.path.realpath(shared_home))
    if shared.is_dir():
        # codex makes files there through links: its index of names, its history.
        for name in os.listdir(shared):
            give_named(shared / name)
    stores = (shared / name for name in (*STORES, LOCKS))
    below = filter(None, (common_dir, state_directory(), cache_directory()))
    for place in (paths.root, *stores, *below):
        give_tree(place)
