"""Remove the empty cgroups of dead runs, also those that nobody registered."""

from __future__ import annotations

import os
import re
import time

from ...kernel.cgroup.leaf import is_populated, own_cgroup, remove_leaf
from .stale_leaves import is_run_dead, leaves_below

# A launch makes its leaf first and may clone for a long time before it joins it.
UNKNOWN_LEAF_SECONDS = 24 * 3600.0
_RUN_ID = r"\d{8}T\d{6}Z-[0-9a-f]{8}"


def reap_leaves(*, dry_run: bool = False) -> list[str]:
    """Remove the empty cgroups of dead runs below our own cgroup.

    A registered run is dead if its guardian and its supervisor are proven dead, as for the launch
    of any issue. The leaf of an unregistered run is removed after a day.

    :returns: the leaves removed, or to be removed.
    """
    parent = own_cgroup()
    if parent is None:
        return []
    leaves = leaves_below(os.fspath(parent))
    stale = [leaf for leaf, run in leaves if _is_stale(leaf, run)]
    return stale if dry_run else [leaf for leaf in stale if remove_leaf(leaf)]


def _is_stale(leaf: str, run_id: str) -> bool:
    if re.fullmatch(_RUN_ID, run_id) is None or is_populated(leaf):
        return False
    dead = is_run_dead(run_id)
    return _is_old(leaf) if dead is None else dead


def _is_old(leaf: str) -> bool:
    try:
        return time.time() - os.lstat(leaf).st_ctime > UNKNOWN_LEAF_SECONDS
    except FileNotFoundError:
        return False  # its own run has removed it
