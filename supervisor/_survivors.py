"""End what an earlier run of this workspace left, before anything here is touched.

A free lock proves nothing about descendants: agents close inherited
descriptors. So whoever obtains the lock reads the previous owner's record, and
where that run was not proven ``contained``, looks for its cgroup and its tag.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..kernel import Scope, discard_leaf, end
from ..workspace import OwnerRecord
from ._errors import SurvivorsLeft

GRACE = 3.0
PATIENCE = 10.0


def end_survivors(previous: OwnerRecord | None) -> int:
    """End the processes of a run that is provably dead; we hold its lock.

    :returns: how many there were.
    :raises SurvivorsLeft: some cannot be ended; nothing may start beside them.
    """
    if previous is None or previous.contained:
        return 0
    leaf = previous.cgroup
    scope = Scope(previous.run_id, leaf if leaf and _is_leaf_of(leaf, previous.run_id) else None)
    found, left = end(scope, grace=GRACE, patience=PATIENCE)
    if left:
        raise SurvivorsLeft(previous.run_id, tuple(process.pid for process in left))
    discard_leaf(scope)
    return found


def _is_leaf_of(leaf: str, run_id: str) -> bool:
    # The record is a file: only a group that carries the run's own name is ended.
    return Path(leaf).name == f"codexlab-{run_id}" and os.path.isdir(leaf)
