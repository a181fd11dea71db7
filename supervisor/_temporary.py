"""A run's temp directory: short, private, gone afterwards.

Short because an AF_UNIX path ends at 107 bytes (unix(7)), and agents' tools
make sockets below TMPDIR.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from ._errors import PlaceUnusable


def choose_temporary(environ: Mapping[str, str]) -> str:
    """Return a path ``codexlab-<uid>/<8 hex>`` below XDG_RUNTIME_DIR or the system's temp.

    Nothing is made: the path is written down before the directory exists, so
    that it can be found again after a crash at any moment.
    """
    base = environ.get("XDG_RUNTIME_DIR") or ""
    if not os.path.isabs(base) or not os.access(base, os.W_OK | os.X_OK):
        base = environ.get("TMPDIR") or "/tmp"
    return os.path.join(base, f"codexlab-{os.getuid()}", os.urandom(4).hex())


def create_temporary(path: str) -> None:
    """Make the chosen directory, 0700, and its parent where it is missing.

    :raises PlaceUnusable: the parent is somebody else's, or a link.
    """
    parent = os.path.dirname(path)
    try:
        os.makedirs(parent, mode=0o700, exist_ok=True)
        found = os.lstat(parent)
        private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
        if not private or found.st_uid != os.getuid():
            raise PlaceUnusable(
                "temp directory",
                parent,
                "is not a private directory of this user",
                "remove it or set XDG_RUNTIME_DIR",
            )
        os.mkdir(path, 0o700)
    except OSError as error:
        raise PlaceUnusable(
            "temp directory", parent, error.strerror or "", "set XDG_RUNTIME_DIR or make room"
        ) from None


def remove_temporary(path: str) -> None:
    """Remove the run's temp directory; only after nothing of the run is seen."""
    import shutil

    shutil.rmtree(path, ignore_errors=True)
