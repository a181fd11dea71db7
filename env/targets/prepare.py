"""Make a target ready for one run: leased, present, and with its owner on record."""

from __future__ import annotations

import os
from pathlib import Path

from .index import INDEX, new_owner, record_owner
from .layout import below
from .leases import LEASES, lease_target
from .root_dirs import Root, look_below_root, make_below_root, path_of


def prepare_target(
    root: Root,
    target: Path,
    *,
    key: str,
    project: str,
    issue: str,
    repo: str,
    workdir: Path,
    thread: str | None = None,
) -> int:
    """Lease a target for building, make it, and record its owner, in this order.

    The directory must exist before the agent starts: codex's sandbox cannot open a writable root
    that is missing.

    :returns: a descriptor, closed on exec, that holds the shared lease. Hand a duplicate
        to the guardian; close it when the run is over, never unlock it.
    :raises TargetBusy: a cleanup removes the target right now.
    :raises TargetPathRefused: something below the root is not what it must be.
    """
    lease = lease_target(root, target)
    try:
        make_below_root(root, below(path_of(root), target))
        owner = new_owner(
            root,
            target,
            key=key,
            project=project,
            issue=issue,
            repo=repo,
            workdir=workdir,
            thread=thread,
        )
        record_owner(root, owner)
    except BaseException:
        os.close(lease)
        raise
    return lease


def foresee_target(root: Root, target: Path) -> None:
    """Look whether `prepare_target` could make its directories; make nothing.

    :raises TargetPathRefused: something below the root is not what it must be.
    """
    for names in (LEASES, below(path_of(root), target), INDEX):
        look_below_root(root, names)
