"""Whether somebody uses a cargo target: a run that leased it, or cargo at work in it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from ..artifact_root import ArtifactRoot
from .leases import is_leased


def cargo_builds_in(target: Path) -> bool:
    """Tell whether cargo holds the lock of a profile below ``target`` right now.

    cargo locks ``<profile>/.cargo-lock`` with flock while it builds (cargo 1.95), below
    the target itself or below one more directory for a target triple.
    """
    return any(map(_is_locked, _cargo_locks(target)))


def _cargo_locks(target: Path) -> Iterator[Path]:
    for parent in (target, *_directories(target)):
        for profile in _directories(parent):
            yield profile / ".cargo-lock"


def _directories(path: Path) -> list[Path]:
    try:
        with os.scandir(path) as entries:
            return [Path(entry.path) for entry in entries if entry.is_dir()]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        # Another cleanup took it away meanwhile, or it is closed to cargo as well.
        return []


def _is_locked(path: Path) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def liveness_of(root: ArtifactRoot, target: Path, workdir: str | None) -> str:
    """Return in a word whether a target is leased, built in, retired with its workdir, or idle."""
    if is_leased(root, target):
        return "leased"
    if cargo_builds_in(target):
        return "building"
    if workdir is not None and not os.path.isdir(workdir):
        return "retired"
    return "idle"
