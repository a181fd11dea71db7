"""What workspaces there are, at a glance: a few small reads each, nothing locked."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from .._owner import DamagedRecord, OwnerRecord, parse_owner
from .._paths import CONTROL, WorkspaceKey, WorkspacePaths, paths_at
from .._provenance import Provenance, parse_provenance
from ._held_locks import held_locks, lock_name

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_FIRST, _LIMIT = 16 * 1024, 1024 * 1024


@dataclass(frozen=True, slots=True)
class Survey:
    """One workspace as it looks from outside.

    :param provenance: None when its record is missing or damaged.
    :param busy: somebody holds the lock right now.
    :param owner: the run that holds it, else the last one.
    :param used: seconds since the epoch it was last used.
    :param record: the last run's ``record.json``; empty when there is none.
    """

    root: Path
    provenance: Provenance | None
    busy: bool
    owner: OwnerRecord | None
    used: float
    record: dict[str, Any]

    @property
    def paths(self) -> WorkspacePaths:
        """Return the workspace's places."""
        return paths_at(self.root)

    @property
    def key(self) -> WorkspaceKey:
        """Return the exact key, or what the directory names say where it is not known."""
        if self.provenance is not None:
            return self.provenance.key
        return WorkspaceKey(*self.paths.names)


def survey_workspaces(workspaces_root: Path) -> list[Survey]:
    """Return every workspace below a root, by project, issue and agent.

    Directories that are no workspaces are left out, unreadable ones too.
    """
    held = held_locks()
    found = (_survey(root, held) for root in _roots(workspaces_root))
    return [survey for survey in found if survey is not None]


def survey_workspace(paths: WorkspacePaths) -> Survey | None:
    """Look at one workspace, or return None when there is none."""
    return _survey(str(paths.root), held_locks())


def _survey(root: str, held: frozenset[tuple[int, int, int]]) -> Survey | None:
    control = f"{root}/{CONTROL}"
    try:
        lock = os.lstat(f"{control}/lock")
    except OSError:
        return None
    owner = _owner(f"{control}/owner.json")
    record = _record(f"{control}/runs/{owner.run_id}/record.json") if owner is not None else {}
    return Survey(
        root=Path(root),
        provenance=_provenance(f"{control}/workspace.json"),
        busy=lock_name(lock) in held,
        owner=owner,
        used=_used(control, lock.st_mtime),
        record=record,
    )


def _roots(workspaces_root: Path) -> Iterator[str]:
    for project in _directories(str(workspaces_root)):
        for issue in _directories(project):
            yield from _directories(issue)


def _directories(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return sorted(
                entry.path
                for entry in entries
                if entry.name[0] != "." and entry.is_dir(follow_symlinks=False)
            )
    except OSError:
        return []


def _used(control: str, created: float) -> float:
    times = [created]
    for name in ("owner.json", "threads.json"):
        with contextlib.suppress(OSError):
            times.append(os.lstat(f"{control}/{name}").st_mtime)
    return max(times)


def _owner(path: str) -> OwnerRecord | None:
    try:
        return parse_owner(_read(path))
    except (DamagedRecord, OSError):
        return None


def _provenance(path: str) -> Provenance | None:
    try:
        return parse_provenance(_read(path))
    except (DamagedRecord, OSError):
        return None


def _record(path: str) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        value = json.loads(_read(path))
        if isinstance(value, dict):
            return cast("dict[str, Any]", value)
    return {}


def _read(path: str) -> bytes:
    fd = os.open(path, _FLAGS)
    try:
        data = os.read(fd, _FIRST)
        return data if len(data) < _FIRST else data + os.read(fd, _LIMIT)
    finally:
        os.close(fd)
