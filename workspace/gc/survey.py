"""List the workspaces with a few small reads each; nothing is locked."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar, cast

from ...kernel.files.held_locks import FileId, file_id, held_locks
from ...kernel.values import frozen
from ...kernel.xdg import state_directory
from ..owner import DamagedRecord, OwnerRecord, owner_from
from ..paths import (
    CONTROL,
    WorkspaceKey,
    WorkspacePaths,
    belongs_at,
    directory_name,
    key_of_place,
    paths_at,
)
from ..records.provenance import Provenance, provenance_from
from ..records.small_object import read_object
from ..records.witness import look_up, place_of

Tell = Callable[[str, OSError], None]
_Made = TypeVar("_Made")
_EARLIEST, _LATEST = 0.0, 250_000_000_000.0


class SurveyState(StrEnum):
    """What a workspace is in, as it looks from outside."""

    BUSY = "busy"
    DAMAGED = "damaged"
    MOVED = "moved"
    DEAD = "dead"
    FREE = "free"


@frozen
class Survey:
    """One workspace as it looks from outside.

    :param place: path of its directory; text, for there may be thousands.
    :param provenance: None when its record is missing or damaged.
    :param busy: somebody holds the lock right now.
    :param owner: the run that holds it, else the last one. Our state directory tells which,
        where it knows of a run that was not proven empty. Else the record in the workspace
        does.
    :param used: seconds since the epoch it was last used.
    :param record: the last run's ``record.json``; empty when there is none.
    """

    place: str
    provenance: Provenance | None
    busy: bool
    owner: OwnerRecord | None
    used: float
    record: dict[str, Any]

    @property
    def root(self) -> Path:
        """Return its directory."""
        return Path(self.place)

    @property
    def paths(self) -> WorkspacePaths:
        """Return the workspace's places."""
        return paths_at(self.root)

    @property
    def is_cut_removal(self) -> bool:
        """Tell whether somebody was killed while removing it."""
        return not self.busy and self.provenance is not None and self.provenance.removing

    @property
    def state(self) -> SurveyState:
        """Return what it is in: held, without its record, where another belongs, or neither.

        ``dead`` means that the last run was not proven contained: the next launch, or
        ``codexlab reap``, ends what is left of it.
        """
        if self.busy:
            return SurveyState.BUSY
        if self.provenance is None:
            return SurveyState.DAMAGED
        if not belongs_at(self.provenance.key, self.place.split("/")[-3:]):
            return SurveyState.MOVED
        return SurveyState.FREE if self.owner is None or self.owner.contained else SurveyState.DEAD

    @property
    def key(self) -> WorkspaceKey:
        """Return the key that its record says, for the claim alone: an agent can forge it.

        Where there is no record, it is what the directory names say.
        """
        if self.provenance is not None:
            return self.provenance.key
        return WorkspaceKey(*self.paths.names)

    @property
    def place_key(self) -> WorkspaceKey:
        """Return the key of the place: its record's where that belongs here, else the names."""
        return key_of_place(self.paths, self.key)

    def is_of(self, project: str | None, issue: str | None, agent: str | None) -> bool:
        """Tell whether a key leads to this place, or its names say it; None stands for any."""
        asked = zip((project, issue, agent), self.place.split("/")[-3:], strict=True)
        return all(part is None or name in (part, directory_name(part)) for part, name in asked)


def survey_workspaces(workspaces_root: Path, tell: Tell | None = None) -> list[Survey]:
    """Return every workspace below a root, by project, issue and agent.

    Directories that are no workspaces are left out, unreadable ones too.

    :param tell: takes the path and the error of each directory that cannot be read.
    """
    look = _Look(held_locks(), os.path.realpath(workspaces_root), state_directory())
    found = (_survey_any(root, look, tell) for root in _roots(workspaces_root, tell))
    return [survey for survey in found if survey is not None]


@frozen
class _Look:
    """Facts that all workspaces of one survey have in common.

    :param base: the workspaces root, resolved.
    """

    held: Mapping[FileId, list[int]]
    base: str
    state_dir: Path


def _survey_any(root: str, look: _Look, tell: Tell | None) -> Survey | None:
    """Look at one; whatever an agent put there, it is a damaged workspace among the others."""
    try:
        return _survey(root, look)
    except PermissionError as error:
        if tell is not None:
            tell(root, error)
        return None
    except Exception:
        # As if just used: nothing of it may be called old.
        return Survey(root, None, False, None, time.time(), {})


def survey_workspace(paths: WorkspacePaths) -> Survey | None:
    """Look at one workspace, or return None when there is none.

    :raises PermissionError: it cannot be told whether there is one.
    """
    look = _Look(held_locks(), os.path.realpath(paths.base), state_directory())
    return _survey(str(paths.root), look)


def _survey(root: str, look: _Look) -> Survey | None:
    control = f"{root}/{CONTROL}"
    try:
        lock = os.lstat(f"{control}/lock")
    except PermissionError:
        raise
    except OSError:
        return None
    busy = file_id(lock) in look.held
    owner = _last(_made(owner_from, f"{control}/owner.json"), root, look, busy=busy)
    run = f"{control}/runs/{owner.run_id}" if owner is not None else ""
    return Survey(
        place=root,
        provenance=_made(provenance_from, f"{control}/workspace.json"),
        busy=busy,
        owner=owner,
        used=_used(control, lock.st_mtime),
        record=cast("dict[str, Any]", read_object(f"{run}/record.json") if run else {}),
    )


def _roots(workspaces_root: Path, tell: Tell | None) -> Iterator[str]:
    for project in _directories(str(workspaces_root), tell):
        for issue in _directories(project, tell):
            yield from _directories(issue, tell)


def _directories(path: str, tell: Tell | None) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return sorted(
                entry.path
                for entry in entries
                if entry.name[0] != "." and entry.is_dir(follow_symlinks=False)
            )
    except OSError as error:
        # It may be gone by now, and the root need not exist yet.
        if tell is not None and not isinstance(error, FileNotFoundError):
            tell(path, error)
        return []


def _used(control: str, used: float) -> float:
    for name in ("owner.json", "threads.json"):
        try:
            used = max(used, os.lstat(f"{control}/{name}").st_mtime)
        except OSError:
            continue
    # utimensat(2) takes years that no calendar of Python's has.
    return max(_EARLIEST, min(used, _LATEST))


def _last(own: OwnerRecord | None, root: str, look: _Look, *, busy: bool) -> OwnerRecord | None:
    """Return the last run: its own agent may have written that nothing of it was left."""
    if own is not None and not own.contained and not busy:
        return own
    known = look_up(place_of(look.base, tuple(root.split("/")[-3:])), look.state_dir)
    if known is None:
        return own
    return known.owner if own is None or not known.owner.contained else own


def _made(make: Callable[[Mapping[str, object]], _Made], path: str) -> _Made | None:
    """Return the record in a small file, or None where it is missing or damaged."""
    try:
        return make(read_object(path))
    except DamagedRecord:
        return None
