"""Let an issue with sessions of its own go on with one thread of the shared store."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import HomeRefused, operator_errors
from ..fs import lstat_at, open_below
from ..paths import WorkspacePaths
from .links import replace_link
from .stores import STORES


def expose_rollout(paths: WorkspacePaths, shared_home: Path, rollout: Path) -> Path:
    """Link one rollout of the shared home into the issue's own; the claim must be held.

    codex then reads and appends to the shared file itself, under the thread lock both
    homes share. The file must be plain: codex would create what a link lacks.

    :param rollout: a plain rollout below the shared home's sessions.
    :returns: where it is seen. In a home that shares its sessions that is where it was.
    :raises HomeRefused: it is no plain rollout of that home.
    """
    real = Path(os.path.realpath(rollout))
    store = Path(os.path.realpath(shared_home / STORES[0]))
    if not real.is_file() or real.suffix != ".jsonl" or store not in real.parents:
        raise HomeRefused(rollout, f"expected a plain rollout below {store}")
    place = paths.codex_home / STORES[0] / real.relative_to(store)
    if (paths.codex_home / STORES[0]).is_symlink() or _is_same(place, real):
        return place
    with operator_errors(place):
        parent_fd = open_below(place.parent, create=True)
        try:
            if lstat_at(place.name, parent_fd) is not None and not place.is_symlink():
                raise HomeRefused(place, "another rollout of that name is here")
            replace_link(place.name, parent_fd, real)
        finally:
            os.close(parent_fd)
    return place


def _is_same(place: Path, real: Path) -> bool:
    return place.exists() and os.path.samefile(place, real)
