"""Targets in use are leased, so that nobody removes a target while a run builds in it.

The lease is a shared flock on a file named after the target. Any number of runs may build in one
target (cargo has its own lock for that), but ``clean`` needs it alone. The lease belongs to the
open file, so it lasts while *any* process holds a duplicate. Hand the descriptor to the guardian,
and close it; never unlock it.

A free lease proves that no holder is left. It does not prove that no process of the run is left:
node, codex and Python close inherited descriptors in their children. Survivors are the supervisor's
concern (its record says ``contained``).

Invariant: the lease is the lock on the file that has the name now. A file that was unlinked while
we waited for its lock has lost the name. So after locking, the name is looked at again.
"""

from __future__ import annotations

import errno
import os
import time
from hashlib import sha256
from pathlib import Path

from ...kernel.files.flock import has_name, open_lock_file, try_lock
from ...kernel.files.regular_file import open_regular
from .errors import TargetBusy, TargetPathRefused
from .layout import BOOKS, below
from .root_dirs import Root, opened_below, path_of

LEASES = (*BOOKS, "leases")
_ATTEMPTS = 8
_PAUSE = 0.01  # seconds; longer than the lock that another's :func:`is_leased` takes for a moment


def lease_name(root: Root, target: Path) -> str:
    """Return the name of a target's lease and index entry: a hash of its place below the root."""
    place = "/".join(below(path_of(root), target))
    return sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def lease_target(root: Root, target: Path, *, exclusive: bool = False) -> int:
    """Take the lease on a target, or fail within a tenth of a second.

    :param target: below the root; need not exist.
    :param exclusive: to remove it; else to build in it.
    :returns: a descriptor, closed on exec, that holds the lease until the last duplicate
        is closed.
    :raises TargetBusy: somebody removes it (or, exclusively, builds in it).
    :raises TargetPathRefused: the books below the root are not what they must be.
    """
    name = f"{lease_name(root, target)}.lock"
    with opened_below(root, LEASES, create=True) as leases:
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(_PAUSE)
            fd = _open(name, leases, root)
            if try_lock(fd, shared=not exclusive) and has_name(fd, name, leases):
                return fd
            os.close(fd)
    raise TargetBusy(str(target), "a run builds there, or a cleanup removes it")


def is_leased(root: Root, target: Path) -> bool:
    """Tell whether anybody holds the lease right now, by trying to lock. Creates nothing."""
    name = f"{lease_name(root, target)}.lock"
    try:
        with opened_below(root, LEASES) as leases:
            fd = open_regular(name, dir_fd=leases)
    except FileNotFoundError:
        return False
    try:
        return not try_lock(fd)
    finally:
        os.close(fd)


def _open(name: str, leases: int, root: Root) -> int:
    try:
        return open_lock_file(name, dir_fd=leases)
    except OSError as error:
        problem = "a link" if error.errno == errno.ELOOP else (error.strerror or "unusable")
        raise TargetPathRefused(str(path_of(root).joinpath(*LEASES, name)), problem) from None


def drop_lease_file(root: Root, target: Path) -> None:
    """Unlink the lease file of a target that was removed. The caller holds it exclusively."""
    with opened_below(root, LEASES) as leases:
        os.unlink(f"{lease_name(root, target)}.lock", dir_fd=leases)
