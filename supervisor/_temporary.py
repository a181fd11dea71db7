"""A run's temp directory: short, private, gone afterwards.

Short because an AF_UNIX path ends at 107 bytes (unix(7)), and agents' tools
make sockets below TMPDIR.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Mapping

from ._errors import PlaceUnusable


def create_temporary(environ: Mapping[str, str]) -> str:
    """Make ``codexlab-<uid>/<8 hex>`` below XDG_RUNTIME_DIR or the system's temp.

    :raises PlaceUnusable: the parent is somebody else's, or a link.
    """
    base = environ.get("XDG_RUNTIME_DIR") or ""
    if not os.path.isabs(base) or not os.access(base, os.W_OK | os.X_OK):
        base = tempfile.gettempdir()
    parent = os.path.join(base, f"codexlab-{os.getuid()}")
    try:
        os.makedirs(parent, mode=0o700, exist_ok=True)
    except OSError as error:
        raise PlaceUnusable(
            "temp directory", parent, error.strerror or "", "set XDG_RUNTIME_DIR or make room"
        ) from None
    found = os.lstat(parent)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PlaceUnusable(
            "temp directory",
            parent,
            "is not a private directory of this user",
            "remove it or set XDG_RUNTIME_DIR",
        )
    path = os.path.join(parent, secrets.token_hex(4))
    os.mkdir(path, 0o700)
    return path


def remove_temporary(path: str) -> None:
    """Remove the run's temp directory; only after the run is proven empty."""
    shutil.rmtree(path, ignore_errors=True)
