"""In which directory the last run of a workspace worked: not by its own records alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ..paths import WorkspacePaths
from .witness import Witness


def directory_used(paths: WorkspacePaths, witness: Witness | None) -> Path | None:
    """Return that directory, if it is there and still the same one.

    Our own workdir is known by its place, where no link is followed. Any other is known by
    our state directory alone, and by its device and inode.

    :param witness: what our state directory knows; None where the run was another one's.
    """
    if witness is None or witness.workdir in (None, os.fspath(paths.workdir)):
        return paths.workdir if _is_directory(paths.workdir) else None
    used = Path(str(witness.workdir))
    try:
        found = os.stat(used)
    except OSError:
        return None
    is_same = stat.S_ISDIR(found.st_mode) and (found.st_dev, found.st_ino) == witness.inode
    return used if is_same else None


def _is_directory(path: Path) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False
