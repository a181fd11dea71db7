"""Free-space floors: a launch does not begin when too little is free.

A snapshot, neither quota nor reservation: two launches that look at the same moment
both pass.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from ...kernel.values import frozen
from ..artifact_root import FLOOR_VARIABLES
from .errors import FloorError, TargetPathRefused, TooLittleSpace

_CANONICAL = r"[1-9][0-9]*"
_LARGEST = 2**63 - 1


@frozen
class Floors:
    """The space that must be free, in bytes and inodes; None asks for nothing.

    :param root_bytes: on the filesystem of the artifact root.
    :param target_bytes: on the filesystem where cargo builds.
    :param inodes: on both.
    """

    root_bytes: int | None = None
    target_bytes: int | None = None
    inodes: int | None = None


def read_floors(environment: Mapping[str, str]) -> Floors:
    """Read the floors, under codex-lab's names and ours for inodes.

    :raises FloorError: a floor is set, even to nothing, and is no canonical decimal.
    """
    values = (_floor(environment, name) for name in FLOOR_VARIABLES)
    return Floors(*values)


def check_floors(floors: Floors, root: Path | None, target: Path) -> None:
    """Refuse when less is free than the floors ask for; exactly as much is enough.

    :param target: the directory that cargo builds in; if it is missing, its nearest existing parent
        counts.
    :raises TooLittleSpace: which filesystem, how much, and the floor.
    :raises TargetPathRefused: the place cannot be looked at: ``..``, a dangling or looping link.
    """
    if root is not None:
        _check(root, floors.root_bytes, floors.inodes)
    _check(target, floors.target_bytes, floors.inodes)


def _floor(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name)
    if text is None:
        return None
    if not re.fullmatch(_CANONICAL, text) or int(text) > _LARGEST:
        raise FloorError(name, text)
    return int(text)


def _check(path: Path, minimum_bytes: int | None, minimum_inodes: int | None) -> None:
    if minimum_bytes is None and minimum_inodes is None:
        return
    place = _nearest_existing(path)
    stat = os.statvfs(place)
    free = stat.f_bavail * stat.f_frsize
    if minimum_bytes is not None and free < minimum_bytes:
        raise TooLittleSpace(str(place), "bytes", free, minimum_bytes)
    # A filesystem that makes inodes as it needs them (btrfs) reports none at all.
    if minimum_inodes is not None and stat.f_files and stat.f_favail < minimum_inodes:
        raise TooLittleSpace(str(place), "inodes", stat.f_favail, minimum_inodes)


def _nearest_existing(path: Path) -> Path:
    """Walk up to what exists.

    ``..`` after a missing name has no meaning, and a dangling link leads to nothing that can be
    measured. Both are refused.
    """
    if ".." in path.parts:
        raise TargetPathRefused(str(path), "holds '..'")
    existing = next(candidate for candidate in (path, *path.parents) if os.path.lexists(candidate))
    try:
        os.stat(existing)
    except OSError as error:
        raise TargetPathRefused(str(existing), (error.strerror or str(error)).lower()) from None
    return existing
