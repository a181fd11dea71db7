"""codex's stores: links to the shared home's, or directories of the issue's own.

Invariant: no rollout is ever lost or overwritten. A real directory found where a link belongs
gives its rollouts to the shared store. What does not move stays, under a name beside the link.
"""

from __future__ import annotations

import contextlib
import math
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ...kernel.files.home_owner import give_to_owner_above
from ..codex_config.report import HealNotes
from ..errors import HomeRefused
from ..fs import lstat_at, open_below, open_child, set_aside
from ..users_codex_home import SessionMode
from .credentials import MCP
from .links import ensure_link, target_in
from .shared_files import heal_shared_files

if TYPE_CHECKING:
    from .store_merge import Merged


STORES = ("sessions", "archived_sessions")
LOCKS = "thread-writer-locks"
_MCP_LOCKS = "mcp-oauth-locks"
# What a launch moves at most: thousands take a fraction of a second.
_MOST_FILES, _MOST_SECONDS = 10_000, 5.0


def heal_stores(home_fd: int, shared: Path, mode: SessionMode, notes: HealNotes) -> None:
    """Give the home its stores and codex's own thread locks.

    The locks are shared in either mode: a thread may be continued from both sides. So are
    those under which codex renews the logins of MCP servers, where there are any.

    :raises HomeRefused: the shared home lacks a store, and does not let us make it.
    """
    shared_fd = open_below(shared)
    try:
        _share_locks(home_fd, shared_fd, shared, mode, notes)
        for name in STORES:
            if mode is SessionMode.SHARED:
                _share(name, home_fd, shared_fd, shared, notes)
            else:
                _own(name, home_fd, notes)
        heal_shared_files(home_fd, shared, mode, notes)
    finally:
        os.close(shared_fd)


def _share_locks(
    home_fd: int, shared_fd: int, shared: Path, mode: SessionMode, notes: HealNotes
) -> None:
    try:
        _share(LOCKS, home_fd, shared_fd, shared, notes)
        if (shared / MCP).is_file():
            _share(_MCP_LOCKS, home_fd, shared_fd, shared, notes)
    except HomeRefused as error:
        if mode is SessionMode.SHARED:
            raise
        notes.warnings.append(f"{error.path}: {error.reason}; codex's locks are this issue's own")
        _own(LOCKS, home_fd, notes)


def _share(name: str, home_fd: int, shared_fd: int, shared: Path, notes: HealNotes) -> None:
    try:
        os.mkdir(name, 0o700, dir_fd=shared_fd)
        give_to_owner_above(shared / name)
    except FileExistsError:
        pass
    except OSError as error:
        if os.path.lexists(shared / name):
            raise
        raise HomeRefused(
            shared / name,
            f"the shared home's store cannot be made ({error.strerror}); make {shared} writable,"
            " or give the issue its own with --sessions issue",
        ) from None
    # Resolved, so that a shared home made of links itself may go away later.
    target = target_in(shared, name)
    found = lstat_at(name, home_fd)
    if found is not None and stat.S_ISDIR(found.st_mode):
        _give_away(name, home_fd, target, notes)
    ensure_link(name, home_fd, target, notes)


def _own(name: str, home_fd: int, notes: HealNotes) -> None:
    found = lstat_at(name, home_fd)
    if found is not None and stat.S_ISLNK(found.st_mode):
        os.unlink(name, dir_fd=home_fd)
        notes.fixed.append(name)
    elif found is not None:
        return
    else:
        notes.created.append(name)
    os.mkdir(name, 0o700, dir_fd=home_fd)


def give_back(name: str, home_fd: int, shared: Path) -> int:
    """Move the rollouts of a store of the issue's own to the shared one; conflicts stay here.

    All of them, however long that takes: the workspace is about to be removed.

    :returns: how many were moved.
    """
    found = lstat_at(name, home_fd)
    if found is None or not stat.S_ISDIR(found.st_mode):
        return 0
    with contextlib.suppress(FileExistsError):
        os.mkdir(shared / name, 0o700)
        give_to_owner_above(shared / name)
    target = Path(os.path.realpath(shared / name))
    return _merge(name, home_fd, target, sys.maxsize, math.inf).moved


def _give_away(name: str, home_fd: int, target: Path, notes: HealNotes) -> None:
    merged = _merge(name, home_fd, target, _MOST_FILES, _MOST_SECONDS)
    if merged.moved:
        notes.fixed.append(f"{name} ({merged.moved} files moved to the shared store)")
    if merged.is_whole:
        os.rmdir(name, dir_fd=home_fd)
        return
    aside = set_aside(name, home_fd)
    notes.warnings.append(f"{name}: {_why_kept(merged)}, kept in {aside}")


def _why_kept(merged: Merged) -> str:
    reasons: list[str] = []
    if merged.differ:
        reasons.append(f"{merged.differ} files differ from the shared ones")
    if merged.strange:
        reasons.append(f"{merged.strange} names are not names that codex gives")
    if merged.unfinished:
        reasons.append("there is more than a launch moves to the shared store")
    return " and ".join(reasons)


def _merge(name: str, home_fd: int, target: Path, files: int, seconds: float) -> Merged:
    # A usual launch has nothing to move.
    from .store_merge import MergeLimits, merge_store

    source_fd = open_child(name, home_fd, Path(name))
    try:
        target_fd = open_below(target)
        try:
            return merge_store(source_fd, target_fd, Path(name), MergeLimits(files, seconds))
        finally:
            os.close(target_fd)
    finally:
        os.close(source_fd)
