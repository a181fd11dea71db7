"""The reverse index: which project, issue and thread a target belongs to.

One small file per target, written whenever a run is routed there. It tells the owner and the last
use; it protects nothing (leases do). An entry that cannot be read is "unknown".
"""

from __future__ import annotations

import json
import os
import time
from math import isfinite
from pathlib import Path
from typing import cast

from ...kernel.files.dead_writers import replace_among_others, sweep_dead_writers
from ...kernel.files.regular_file import read_regular
from ...kernel.values import asdict, frozen
from .layout import BOOKS, below
from .leases import lease_name
from .root_dirs import Root, opened_below, path_of

INDEX = (*BOOKS, "index")
_ENTRY = r"[0-9a-f]{32}\.json"  # see `lease_name`
_LIMIT = 16 * 1024
_VERSION = 1
_TEXTS = ("target", "key", "project", "issue", "repo", "workdir")


@frozen
class TargetOwner:
    """The owner of a target.

    :param target: its place below the root, names joined by ``/``.
    :param last_used: seconds since the epoch.
    :param workdir: absolute; it may be gone by now.
    """

    target: str
    key: str
    project: str
    issue: str
    repo: str
    workdir: str
    last_used: float
    thread: str | None = None


def new_owner(
    root: Root,
    target: Path,
    *,
    key: str,
    project: str,
    issue: str,
    repo: str,
    workdir: Path,
    thread: str | None = None,
) -> TargetOwner:
    """Make the entry for a run that is about to build in ``target``, used now."""
    place = "/".join(below(path_of(root), target))
    return TargetOwner(place, key, project, issue, repo, str(workdir), time.time(), thread)


def record_owner(root: Root, owner: TargetOwner) -> None:
    """Write or refresh the entry of a target. The caller holds its lease.

    :raises TargetPathRefused: the books below the root are not what they must be.
    """
    name = f"{lease_name(root, path_of(root) / owner.target)}.json"
    data = json.dumps({"v": _VERSION, **asdict(owner)}).encode() + b"\n"
    with opened_below(root, INDEX, create=True) as index:
        replace_among_others(name, data, dir_fd=index, durable=False)
        sweep_dead_writers(_ENTRY, index)


def read_owner(root: Root, target: Path) -> TargetOwner | None:
    """Return who a target belongs to, or None when no readable entry says it."""
    name = f"{lease_name(root, target)}.json"
    try:
        with opened_below(root, INDEX) as index:
            owner = parse_owner(read_regular(name, _LIMIT, dir_fd=index))
    except OSError:
        return None
    return owner if owner and owner.target == "/".join(below(path_of(root), target)) else None


def forget_owner(root: Root, target: Path) -> None:
    """Drop the entry of a target that was removed. The caller holds its lease exclusively."""
    name = f"{lease_name(root, target)}.json"
    try:
        with opened_below(root, INDEX) as index:
            sweep_dead_writers(_ENTRY, index)
            os.unlink(name, dir_fd=index)
    except FileNotFoundError:
        return


def parse_owner(data: bytes) -> TargetOwner | None:
    """Read one entry; unknown keys are ignored, anything malformed is None.

    A time that is no finite number, or lies in the future, is malformed: no target may be called
    old because of it.
    """
    if len(data) > _LIMIT:
        return None
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    entry = cast("dict[str, object]", document)
    texts = {name: value for name in _TEXTS if isinstance(value := entry.get(name), str)}
    used, thread = entry.get("last_used"), entry.get("thread")
    if entry.get("v") != _VERSION or len(texts) != len(_TEXTS):
        return None
    if not isinstance(used, float | int) or not isfinite(used) or used > time.time() + 1:
        return None
    return TargetOwner(
        **texts, last_used=float(used), thread=thread if isinstance(thread, str) else None
    )
