"""Whether git can read a repository's own files without waiting for ever.

git opens them as it finds them: a fifo as its ``index`` is waited for until somebody ends
git. What lies in the working tree (``.gitignore``, ``.gitattributes``) is not looked at:
it may be anywhere, so those calls are bounded by time alone.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ._dirs import kind_of
from ._errors import GitFailed

_LARGEST = 256 * 1024 * 1024
_OWN = ("HEAD", "index", "commondir", "config.worktree")
_COMMON = (
    "HEAD",
    "config",
    "packed-refs",
    "shallow",
    "info/attributes",
    "info/exclude",
    "info/grafts",
    "objects/info/alternates",
    "objects/info/commit-graph",
)


def check_git_files(git_dir: Path, common_dir: Path, action: str) -> None:
    """Refuse a repository of which a file is something else, or leads to something else.

    :param action: what git was to do, for the message.
    :raises GitFailed: git was not asked.
    """
    places = [git_dir / name for name in _OWN] + [common_dir / name for name in _COMMON]
    for path in places:
        try:
            found = os.stat(path)
        except OSError:
            continue  # git says so itself, and at once
        if not stat.S_ISREG(found.st_mode):
            kind = kind_of(str(path))
            raise GitFailed(action, git_dir, f"{path}: expected a file, found {kind}; remove it")
        if found.st_size > _LARGEST and path.name != "index":
            raise GitFailed(action, git_dir, f"{path}: larger than any such file; remove it")
