"""What removals of ours put into ``.trash``: on record in our state directory, before they did.

Anybody may have moved anything there. Only what is on record is deleted from there. The record
has the path of the entry, and the device and inode of the workspace that it was.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from pathlib import Path

from ...kernel.files.atomic import replace_file
from ...kernel.files.regular_file import read_regular
from ...kernel.json_object import parse_json_object
from ..errors import operator_errors
from ..fs import open_below
from .trash import TRASH

_WHERE, _LIMIT = "trashed", 64 * 1024
_DAY = 86400.0


def record_trashed(
    workspaces_root: Path, name: str, found: os.stat_result, state_dir: Path
) -> None:
    """Write down that a workspace is about to become an entry of the trash.

    :param found: its directory.
    :raises OperatorError: the state directory cannot be written.
    """
    where = state_dir / _WHERE
    fd = open_below(where, create=True)
    try:
        _drop_old(fd)
        entry = _entry(workspaces_root, name)
        values = {"v": 1, "entry": entry, "inode": [found.st_dev, found.st_ino]}
        with operator_errors(where):
            # Not durable: after a power cut an entry may be left that a line names.
            replace_file(_record(entry), json.dumps(values).encode(), dir_fd=fd, durable=False)
    finally:
        os.close(fd)


def is_trashed(workspaces_root: Path, name: str, trash_fd: int, state_dir: Path) -> bool:
    """Tell whether a removal of ours put an entry there, or was about to."""
    entry = _entry(workspaces_root, name)
    try:
        values = parse_json_object(read_regular(state_dir / _WHERE / _record(entry), _LIMIT))
        found = os.stat(name, dir_fd=trash_fd, follow_symlinks=False)
    except (OSError, ValueError):
        return False
    return values.get("entry") == entry and values.get("inode") == [found.st_dev, found.st_ino]


def forget_trashed(workspaces_root: Path, name: str, state_dir: Path) -> None:
    """Delete the record of an entry that is gone."""
    with contextlib.suppress(OSError):
        os.unlink(state_dir / _WHERE / _record(_entry(workspaces_root, name)))


def _drop_old(fd: int) -> None:
    """Delete what is left of removals that were killed just before or after they had an entry."""
    for name in os.listdir(fd):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            if time.time() - os.stat(name, dir_fd=fd, follow_symlinks=False).st_mtime < _DAY:
                continue
            entry = "" if name.endswith(".tmp") else _entry_of(name, fd)
            # Below a root that is not mounted now, the entry may be there again tomorrow.
            if not entry or (os.path.isdir(Path(entry).parent) and not os.path.lexists(entry)):
                os.unlink(name, dir_fd=fd)


def _entry_of(name: str, fd: int) -> str:
    return str(parse_json_object(read_regular(name, _LIMIT, dir_fd=fd))["entry"])


def _entry(workspaces_root: Path, name: str) -> str:
    return os.path.join(os.path.realpath(workspaces_root), TRASH, name)


def _record(entry: str) -> str:
    return hashlib.sha256(os.fsencode(entry)).hexdigest()[:32] + ".json"
