"""The git directory that a user's directory had at the last launch in it.

Its agent may have put another one there, whose configuration starts programs in the *user's*
next ``git status``. The project's name comes from the repository too, so the next launch may
be in another workspace. So this is noted in our state directory, by the directory itself, and
what a workspace's own record says counts only where nothing is noted.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import cast

from ...kernel.files.atomic import replace_file
from ...kernel.files.regular_file import read_regular
from ...kernel.json_object import parse_json_object
from ...kernel.values import frozen
from ..errors import operator_errors
from ..fs import open_below
from ..records.provenance import Provenance
from .checkout import Checkout

_LIMIT = 64 * 1024
Identity = tuple[int, int]


@frozen
class KnownGitDir:
    """A git directory: where it was, and its device and inode."""

    path: str
    identity: Identity


def known_git_dir(
    state_dir: Path, workdir: Path, stored: Provenance | None = None
) -> KnownGitDir | None:
    """Return the record of a directory of the user's, or None where there is none.

    :param stored: what a workspace that used it last says, if that may be asked.
    """
    try:
        values = parse_json_object(read_regular(_record(state_dir, workdir), _LIMIT))
        # Another directory may have got its number.
        if values["workdir"] == os.fspath(workdir):
            device, inode = cast("list[int]", values["inode"])
            return KnownGitDir(str(values["git_dir"]), (device, inode))
    except (OSError, ValueError, KeyError, TypeError):
        pass
    if stored is None or stored.workdir != os.fspath(workdir) or stored.git_inode is None:
        return None
    return KnownGitDir(stored.git_dir or "", stored.git_inode)


def git_dir_now(found: Checkout) -> KnownGitDir | None:
    """Return the git directory that a directory has now, or None where it has none."""
    if found.git_dir is None:
        return None
    try:
        status = os.stat(found.git_dir)
    except OSError:
        return None
    return KnownGitDir(os.fspath(found.git_dir), (status.st_dev, status.st_ino))


def remember_git_dir(state_dir: Path, workdir: Path, now: KnownGitDir | None) -> None:
    """Note what a directory has from now on.

    :raises OperatorError: the filesystem refuses.
    """
    record = _record(state_dir, workdir)
    if now is None:
        with operator_errors(record):
            record.unlink(missing_ok=True)
        return
    values = {"v": 1, "workdir": os.fspath(workdir), "git_dir": now.path, "inode": now.identity}
    fd = open_below(record.parent, create=True)
    try:
        with operator_errors(record):
            replace_file(record.name, json.dumps(values).encode(), dir_fd=fd, durable=False)
    finally:
        os.close(fd)


def change_since(workdir: Path, known: KnownGitDir | None, now: KnownGitDir | None) -> str | None:
    """Say, for a launch that goes on, that a directory has another one than the last time."""
    if known is None or (now is not None and now.identity == known.identity):
        return None
    here = "gone" if now is None else now.path
    return (
        f"{workdir}: its git directory was {known.path} at the last launch, and is {here} now."
        " Unless you changed that, an agent did: check its config and hooks before you use git"
    )


def _record(state_dir: Path, workdir: Path) -> Path:
    status = os.stat(workdir)
    return state_dir / "workdirs" / f"{status.st_dev:x}-{status.st_ino:x}.yours.json"
