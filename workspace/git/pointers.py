"""What leads git from a worktree's entry to configuration, kept as it was over a run.

``--git-write`` opens the entry to the agent's sandbox, because git makes ``index.lock`` and
``HEAD.lock`` beside these files. Rewritten, they would make the *user's* next ``git status``
in the workdir start a program outside of the sandbox.

Invariant: what they said lies in our state directory, where no sandbox writes, from before
the agent's start until it is put back. So after a crash the next launch in that directory,
``codexlab reap`` or a removal puts it back.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from ...kernel.errors import CodexlabError
from ...kernel.files.atomic import replace_file
from ...kernel.files.regular_file import read_regular
from ...kernel.files.tree import remove_tree
from ...kernel.json_object import parse_json_object
from ...kernel.values import frozen
from ..errors import PathRefused, operator_errors
from ..fs import directory, open_below, read_small

_NAMES = ("commondir", "gitdir", "config.worktree")
# A path each, and a few settings. What is kept must not fill the disk.
_LIMIT = 64 * 1024
Identity = tuple[int, int]


@frozen
class Pointers:
    """What the files of a worktree's entry said; None for what was missing.

    :param identity: device and inode of the entry.
    :param record: where this is written down.
    """

    git_dir: str
    identity: Identity
    files: Mapping[str, str | None]
    record: Path


def keep_pointers(state_dir: Path, workdir: Path, git_dir: Path) -> Pointers:
    """Write down what these files say, before an agent may write them.

    :raises OperatorError: they cannot be read, or it cannot be written down.
    """
    status = os.stat(workdir)
    record = _record_of(state_dir, (status.st_dev, status.st_ino))
    with directory(git_dir) as fd:
        found = os.fstat(fd)
        files = {name: _content(name, fd, git_dir) for name in _NAMES}
    kept = Pointers(os.fspath(git_dir), (found.st_dev, found.st_ino), files, record)
    data = json.dumps({"v": 1, "git_dir": kept.git_dir, "inode": kept.identity, "files": files})
    record_fd = open_below(record.parent, create=True)
    try:
        with operator_errors(record):
            replace_file(record.name, data.encode(), dir_fd=record_fd, durable=False)
    finally:
        os.close(record_fd)
    return kept


def kept_pointers(state_dir: Path, workdir: Identity | None) -> Pointers | None:
    """Return the pointers that are written down for a workdir, and not put back yet."""
    if workdir is None:
        return None
    record = _record_of(state_dir, workdir)
    try:
        values = parse_json_object(read_regular(record, 8 * _LIMIT))
        files = cast("dict[str, str | None]", values["files"])
        device, inode = cast("list[int]", values["inode"])
        return Pointers(str(values["git_dir"]), (device, inode), files, record)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def changed_pointers(kept: Pointers) -> list[str]:
    """Return the files that no longer say what they said; none where the entry is gone."""
    try:
        with directory(Path(kept.git_dir)) as fd:
            found = os.fstat(fd)
            if (found.st_dev, found.st_ino) != kept.identity:
                return []
            return [name for name in _NAMES if _says(name, fd) != kept.files.get(name)]
    except (FileNotFoundError, CodexlabError):
        return []


def restore_pointers(kept: Pointers) -> list[str]:
    """Put back what differs, whatever lies there now, and forget what was written down.

    The claim on the workdir must be held, and nothing of its last run be left.

    :returns: a line for each that was put back.
    :raises OperatorError: the filesystem refuses.
    """
    lines: list[str] = []
    if changed := changed_pointers(kept):
        with directory(Path(kept.git_dir)) as fd, operator_errors(Path(kept.git_dir)):
            for name in changed:
                content = kept.files.get(name)
                remove_tree(name, fd)
                if content is not None:
                    data = content.encode("latin-1")
                    replace_file(name, data, dir_fd=fd, mode=0o644, durable=False)
                lines.append(f"{kept.git_dir}/{name} was changed by the run and is put back")
    with operator_errors(kept.record):
        kept.record.unlink(missing_ok=True)
    return lines


def restore_left(state_dir: Path, workdir: Identity | None) -> list[str]:
    """Put back what a run that was killed left changed in a workdir; see `restore_pointers`."""
    kept = kept_pointers(state_dir, workdir)
    return [] if kept is None else restore_pointers(kept)


def _record_of(state_dir: Path, workdir: Identity) -> Path:
    return state_dir / "workdirs" / f"{workdir[0]:x}-{workdir[1]:x}.git.json"


def _content(name: str, fd: int, git_dir: Path) -> str | None:
    data = read_small(name, fd, git_dir / name)
    if data is not None and len(data) > _LIMIT:
        raise PathRefused(git_dir / name, "at most 64 KiB", "a larger file")
    return None if data is None else data.decode("latin-1")


def _says(name: str, fd: int) -> str | None:
    try:
        data = read_small(name, fd, Path(name))
    except CodexlabError:
        return "\0"  # no regular file: never what was there
    return None if data is None else data.decode("latin-1")
