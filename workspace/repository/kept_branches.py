"""Branches of removed workspaces that stayed because only they hold some commits.

Remembered in our own state directory, beside the repository's lock. So a later task on the
issue goes on there, instead of finding a branch of unknown origin.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ...kernel.files.atomic import replace_file
from ...kernel.files.regular_file import read_regular
from ..fs import directory


def remember_branch(repo: Path, branch: str, workspace: Path, state_dir: Path) -> None:
    """Note that a workspace left its branch behind. The repository's lock must be held."""
    with directory(state_dir, "repositories", create=True) as fd:
        replace_file(_name(repo, branch), os.fsencode(workspace), dir_fd=fd, durable=False)


def remembered_for(repo: Path, branch: str, state_dir: Path) -> str | None:
    """Return the workspace that left the branch behind, or None when none did."""
    try:
        note = state_dir / "repositories" / _name(repo, branch)
        return os.fsdecode(read_regular(note))
    except OSError:
        return None


def _name(repo: Path, branch: str) -> str:
    status = os.stat(repo)
    digest = hashlib.sha256(branch.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return f"{status.st_dev:x}-{status.st_ino:x}.{digest}.branch"
