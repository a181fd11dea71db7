"""Locks that a killed git left in the cache of a URL: set aside, or no fetch ever works again.

Invariant: a lock is moved only under the repository's lock, which each git of ours in the cache
holds. No process may have it open, and no git may be at work in the cache or in one of its
worktrees. Agents write in those worktrees, too.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..git.worktree_entry import entries
from .lock_users import locks_in_use
from .locks_aside import locks_in, set_lock_aside


def set_cache_locks_aside(cache: Path) -> list[str]:
    """Set the locks aside that only a dead git can have left. The cache's lock must be held.

    :returns: a line for each.
    """
    locks = list(locks_in(cache, "refs/remotes"))
    if not locks:
        return []
    places = [cache, *(Path(os.path.dirname(entry.pointer or "/")) for entry in entries(cache))]
    used = {lock for place in places for lock in locks_in_use(locks, place)}
    return [set_lock_aside(cache, lock) for lock in locks if lock not in used]
