"""What leads git from a worktree's entry to configuration, kept as it was over a run.

``--git-write`` opens the entry to the agent's sandbox, because git makes ``index.lock`` and
``HEAD.lock`` beside these files. Rewritten, they would make the *user's* next ``git status``
in the workdir start a program outside of the sandbox.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ..kernel import CodexlabError, remove_tree, replace_file
from ._dirs import directory, read_small
from ._errors import operator_errors

_NAMES = ("commondir", "gitdir", "config.worktree")
Pointers = Mapping[str, bytes | None]


def read_pointers(git_dir: Path) -> Pointers:
    """Return what these files say before an agent may write them; None for what is missing."""
    with directory(git_dir) as fd:
        return {name: read_small(name, fd, git_dir / name) for name in _NAMES}


def restore_pointers(git_dir: Path, before: Pointers) -> list[str]:
    """Put back what differs, whatever lies there now.

    :returns: a line for each that was put back.
    :raises OperatorError: the filesystem refuses.
    """
    lines: list[str] = []
    with directory(git_dir) as fd, operator_errors(git_dir):
        for name, content in before.items():
            if _says(name, fd, git_dir) == content:
                continue
            remove_tree(name, fd)
            if content is not None:
                replace_file(name, content, dir_fd=fd, mode=0o644, durable=False)
            lines.append(f"{os.fspath(git_dir)}/{name} was changed by the run and is put back")
    return lines


def _says(name: str, fd: int, git_dir: Path) -> bytes | None:
    try:
        return read_small(name, fd, git_dir / name)
    except CodexlabError:
        return b"\0"  # no regular file: never what was there
