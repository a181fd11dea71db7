"""Discover every rollout of a codex home.

Active rollouts lie in ``sessions/YYYY/MM/DD/``, archived rollouts flat in
``archived_sessions/``. Either may be a link to another home's. Below them no link is followed.

**Invariant.** A rollout that stays in its place from before the scan until after
it, in whatever form, is reported exactly once. A rollout that is archived or
unarchived meanwhile is not reported twice. Directories that changed since they
were read are read again to find it in its new place.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...kernel.values import frozen
from .directory import DirectoryScan, Stamp, scan_directory, shows_changes, stamp_of
from .rollout_ref import RolloutRef
from .roots import RootName

_MAX_ROUNDS = 4


@frozen
class UnreadableDirectory:
    """A directory of a store that could not be read, and why."""

    path: str
    reason: str


@frozen
class StoreScan:
    """All rollouts found, in path order, active before archived.

    :param unreadable: directories left out; the rest is complete.
    """

    rollouts: list[RolloutRef]
    unreadable: list[UnreadableDirectory]


@dataclass(slots=True)
class _Tree:
    """The directories as the rounds so far have read them."""

    containing: str
    branches: dict[str, tuple[Stamp | None, list[str]]] = field(
        default_factory=dict[str, tuple[Stamp | None, list[str]]]
    )
    scans: dict[str, DirectoryScan] = field(default_factory=dict[str, DirectoryScan])
    unreadable: dict[str, UnreadableDirectory] = field(
        default_factory=dict[str, UnreadableDirectory]
    )
    changed: bool = False


def scan_store(
    home: str | os.PathLike[str],
    *,
    active: bool = True,
    archived: bool = True,
    containing: str = "",
) -> StoreScan:
    """Find the rollouts below ``home``, complete while files change form or move.

    :param home: a codex home; stores that do not exist yet are empty.
    :param containing: only rollouts with this text in their names, such as a thread
        id; much faster than looking for it in the result.
    :returns: what was found. Directories that cannot be read are reported there
        and do not hide the others.

    Not promised: a consistent instant. Rollouts made or deleted meanwhile may
    or may not be there.
    """
    base = os.fspath(home)
    tree = _Tree(containing.lower())
    directories: list[str] = []
    for _ in range(_MAX_ROUNDS):
        tree.changed = False
        directories = list(_visit(tree, base, active, archived))
        if not tree.changed:
            break
    rollouts = [found for each in directories for found in tree.scans[each].rollouts]
    return StoreScan(_without_moved(rollouts), list(tree.unreadable.values()))


def _visit(tree: _Tree, base: str, active: bool, archived: bool) -> Iterator[str]:
    """Read what is new or changed; yield every directory in order."""
    tree.unreadable.clear()
    if active:
        for day in _day_directories(tree, os.path.join(base, RootName.SESSIONS)):
            if _read_directory(tree, day, archived=False):
                yield day
    if archived:
        directory = os.path.join(base, RootName.ARCHIVED)
        if _read_directory(tree, directory, archived=True):
            yield directory


def _day_directories(tree: _Tree, sessions: str) -> Iterator[str]:
    for year in _subdirectories(tree, sessions, 4):
        for month in _subdirectories(tree, year, 2):
            yield from _subdirectories(tree, month, 2)


def _subdirectories(tree: _Tree, directory: str, digits: int) -> list[str]:
    stamp, names = tree.branches.get(directory, (None, None))
    try:
        before = stamp_of(directory)
        if names is not None and stamp == before:
            return names
        firm = shows_changes(before)
        found = _numbered(directory, digits)
    except OSError as error:
        _note_unreadable(tree, directory, error)
        return []
    tree.changed |= found != names
    tree.branches[directory] = (before if firm else None, found)
    return found


def _numbered(directory: str, digits: int) -> list[str]:
    with os.scandir(directory) as entries:
        return sorted(
            entry.path
            for entry in entries
            if len(entry.name) == digits
            and entry.name.isdecimal()
            and entry.name.isascii()
            and entry.is_dir(follow_symlinks=False)
        )


def _read_directory(tree: _Tree, directory: str, *, archived: bool) -> bool:
    known = tree.scans.get(directory)
    try:
        if known is not None and known.stable and known.stamp == stamp_of(directory):
            return True
        scan = scan_directory(directory, archived=archived, containing=tree.containing)
    except OSError as error:
        _note_unreadable(tree, directory, error)
        return False
    tree.changed |= known is None or _names(known) != _names(scan)
    tree.scans[directory] = scan
    return True


def _names(scan: DirectoryScan) -> set[str]:
    return {found.name.plain_name for found in scan.rollouts}


def _note_unreadable(tree: _Tree, directory: str, error: OSError) -> None:
    # A directory that is not there, or went away meanwhile, hides nothing.
    if not isinstance(error, FileNotFoundError):
        tree.unreadable[directory] = UnreadableDirectory(directory, error.strerror or str(error))


def _without_moved(rollouts: list[RolloutRef]) -> list[RolloutRef]:
    """Count once what was seen in two places because it was archived meanwhile."""
    if len({rollout.name.plain_name for rollout in rollouts}) == len(rollouts):
        return rollouts
    places: dict[str, list[RolloutRef]] = {}
    for rollout in rollouts:
        places.setdefault(rollout.name.plain_name, []).append(rollout)
    return [found for group in places.values() for found in _distinct(group)]


def _distinct(group: list[RolloutRef]) -> list[RolloutRef]:
    """Keep one per file: a rename keeps the inode, two real rollouts have two."""
    if len(group) == 1:
        return group
    files = {file: rollout for rollout in group if (file := _file_of(rollout)) is not None}
    return list(files.values()) or group[:1]


def _file_of(rollout: RolloutRef) -> tuple[int, int] | None:
    for path in (rollout.path, rollout.compressed_path):
        try:
            stat = os.lstat(path)
        except OSError:
            continue  # gone, or in a directory that cannot be looked into
        return (stat.st_dev, stat.st_ino)
    return None
