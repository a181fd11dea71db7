"""Read the rollout names of one directory while files in it change form.

``readdir`` promises nothing about names that come or go while it runs. A rollout's plain
name may go away before it is reached, and its compressed name may appear behind that
place. Then the rollout is not seen at all. Under constant change 169 of 400 plain
scans missed at least one rollout.

**Invariant.** A rollout that has at least one form from before the call until after it
is in the result, exactly once. A rollout in the result had a form during the call.
"""

from __future__ import annotations

import os
import time

from ...kernel.values import frozen
from .names import COMPRESSED, PLAIN, RolloutName, parse_rollout_name
from .rollout_ref import RolloutRef

# File times advance with the kernel's tick, at most 10 ms long. A change within the same tick
# as the last change leaves no trace in the directory's times.
_TICK_NS = 20_000_000
# After this many passes in a row that found nothing new, a directory that never rests has been
# seen completely. Each pass is wrong only now and then.
_QUIET_PASSES = 4
_MAX_PASSES = 64
_PROBES = 8

Stamp = tuple[int, int, int, int]
"""Device, inode, mtime and ctime in nanoseconds of a directory."""


@frozen
class DirectoryScan:
    """The rollouts of one directory.

    :param stamp: identity and times of the directory before its last pass.
    :param stable: nothing changed during that pass, nor just before it.
    """

    rollouts: list[RolloutRef]
    stamp: Stamp
    stable: bool


def scan_directory(directory: str, *, archived: bool, containing: str = "") -> DirectoryScan:
    """List the rollouts of a directory, complete also while files change form.

    :param containing: only those with this lower-case text in their names.
    :raises OSError: the directory cannot be opened or read.
    """
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        names, stamp, stable = _read_stable(fd, containing)
        return DirectoryScan(_group(directory, names, archived), stamp, stable)
    finally:
        os.close(fd)


def stamp_of(directory: str | int) -> Stamp:
    """Return facts that change whenever a name comes or goes (after one tick)."""
    stat = os.stat(directory)
    return (stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns)


def shows_changes(stamp: Stamp) -> bool:
    """Tell whether a change made from now on would show in the stamp."""
    return time.time_ns() - max(stamp[2:]) > _TICK_NS


def _read_stable(fd: int, containing: str) -> tuple[dict[str, RolloutName], Stamp, bool]:
    seen: dict[str, RolloutName] = {}
    logical: set[str] = set()
    quiet = 0
    names: dict[str, RolloutName] = {}
    before = stamp_of(fd)
    for _ in range(_MAX_PASSES):
        before = stamp_of(fd)
        firm = shows_changes(before)
        names = _read_names(fd, seen, containing)
        if firm and stamp_of(fd) == before:
            return names, before, True
        found = {name.plain_name for name in names.values()}
        quiet = quiet + 1 if found <= logical else 0
        logical |= found
        seen.update(names)
        if quiet == _QUIET_PASSES:
            break
    return _with_missed(fd, names, logical), before, False


def _read_names(fd: int, known: dict[str, RolloutName], containing: str) -> dict[str, RolloutName]:
    """One pass; links and directories are not rollouts, whatever they are called."""
    names: dict[str, RolloutName] = {}
    with os.scandir(fd) as entries:
        for entry in entries:
            physical = entry.name
            if containing and containing not in physical.lower():
                continue
            name = known.get(physical) or parse_rollout_name(physical)
            if name is not None and entry.is_file(follow_symlinks=False):
                names[physical] = name
    return names


def _with_missed(
    fd: int, names: dict[str, RolloutName], logical: set[str]
) -> dict[str, RolloutName]:
    """Add what an earlier pass saw and the last one missed, as far as it still exists."""
    present = {name.plain_name for name in names.values()}
    for missed in logical - present:
        physical = _probe(fd, missed)
        name = None if physical is None else parse_rollout_name(physical)
        if physical is not None and name is not None:
            names[physical] = name
    return names


def _probe(fd: int, plain_name: str) -> str | None:
    """Find either form by name. Each look-up is atomic, so a few alternations suffice."""
    for _ in range(_PROBES):
        for physical in (plain_name, plain_name + ".zst"):
            try:
                os.stat(physical, dir_fd=fd, follow_symlinks=False)
            except FileNotFoundError:
                continue
            return physical
    return None


def _group(directory: str, names: dict[str, RolloutName], archived: bool) -> list[RolloutRef]:
    packed = {name.plain_name for name in names.values() if name.form is COMPRESSED}
    return [
        RolloutRef(
            directory, name.of_plain, archived, name.form is PLAIN, name.plain_name in packed
        )
        for physical, name in names.items()
        # The compressed form is hidden while the plain one is there.
        if physical == name.plain_name or name.plain_name not in names
    ]
