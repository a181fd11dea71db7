"""Remove the empty groups that killed runs left beside ours, when another run starts.

Invariant: a leaf is removed only if the registry names its run, and its guardian and its supervisor
are both provably dead. It must be this user's, and the kernel must show nobody in it. A run is
registered before its leaf is made, so the leaves are listed before the registry is read. Only those
two processes make the leaf or put a process in it. So the leaf of a run that is just starting, or
between two attempts, is never taken, even if it is empty. The leaf of an unregistered run is left
to ``reap``.

Nothing is locked. A reading that is outdated by the time of the removal does no harm. A dead
process stays dead, and rmdir(2) refuses a group with a process in it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from ...kernel.cgroup.leaf import is_populated, remove_leaf
from ...kernel.process.procfs import has_ended
from ..records.registry import is_here, read_entry

LEAF_PREFIX = "codexlab-"
# A program with hundreds of runs must not read all their groups at each of its launches.
LOOK_INTERVAL = 60.0

_last_look: dict[str, float] = {}


def remove_stale_leaves(parent: Path, run_id: str) -> None:
    """Remove them below the group that a run has made its own leaf in; never raises.

    A process looks once a minute, so that of a program with many runs not each pays.

    :param run_id: the run that starts, whose leaf is not looked at.
    """
    place, now = os.fspath(parent), time.monotonic()
    if now - _last_look.get(place, -LOOK_INTERVAL) < LOOK_INTERVAL:
        return
    _last_look[place] = now
    for leaf, run in leaves_below(place):
        if run != run_id and not is_populated(leaf) and is_run_dead(run):
            remove_leaf(leaf)


def leaves_below(parent: str) -> Iterator[tuple[str, str]]:
    """Yield the groups that are this user's and named like a leaf, each with its run's id."""
    try:
        with os.scandir(parent) as entries:
            named = [entry for entry in entries if entry.name.startswith(LEAF_PREFIX)]
    except OSError:
        return  # It can be written to but not read: what is there cannot be known.
    for entry in named:
        if entry.is_dir(follow_symlinks=False) and _is_ours(entry):
            yield entry.path, entry.name.removeprefix(LEAF_PREFIX)


def _is_ours(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.stat(follow_symlinks=False).st_uid == os.getuid()
    except OSError:
        return False  # its own run has removed it


def is_run_dead(run_id: str) -> bool | None:
    """Tell whether both halves of a run are known to be dead, here where its pids mean something.

    :returns: None where the registry has no such run.
    """
    entry = read_entry(run_id)
    if entry is None:
        return None
    return (
        entry.run_id == run_id
        and is_here(entry)
        and has_ended(entry.guardian)
        and has_ended(entry.supervisor)
    )
