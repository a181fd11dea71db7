"""Whether git can read a repository's own files without waiting for ever.

git opens them as it finds them: a fifo as its ``index`` is waited for until somebody ends git.
So it is with each worktree's entry, each reference and each pack. What lies in the working tree
(``.gitignore``, ``.gitattributes``) is not looked at, nor is each object: they may be anywhere.
So git itself is looked at while it runs (`codexlab.kernel.errands.stuck_git`).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ..errors import GitFailed
from ..fs import kind_of

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


# A listing tells the kind, so that this many take a few hundredths of a second.
_MOST = 20_000


def check_git_files(git_dir: Path, common_dir: Path, action: str) -> None:
    """Refuse a repository of which a file is something else, or leads to something else.

    :param action: what git was to do, for the message.
    :raises GitFailed: git was not asked.
    """
    # Plain texts: joining a Path takes longer than the look.
    for where, names in ((git_dir, _OWN), (common_dir, _COMMON)):
        for name in names:
            _check_file(f"{where}/{name}", git_dir, action)


def check_shared_files(common_dir: Path, action: str) -> None:
    """Refuse a repository in which git would wait for a file when it makes a worktree.

    Of a directory with very many names only so many are looked at.

    :raises GitFailed: git was not asked.
    """
    check_git_files(common_dir, common_dir, action)
    _check_below(common_dir, ("refs", "objects/pack", "objects/info", "worktrees"), action)


def _check_file(path: str, git_dir: Path, action: str) -> None:
    try:
        found = os.stat(path)
    except OSError:
        return  # git says so itself, and at once
    if not stat.S_ISREG(found.st_mode):
        kind = kind_of(path)
        raise GitFailed(action, git_dir, f"{path}: expected a file, found {kind}; remove it")
    if found.st_size > _LARGEST and not path.endswith("/index"):
        raise GitFailed(action, git_dir, f"{path}: too large for a file of git; remove it")


def _check_below(common_dir: Path, names: tuple[str, ...], action: str) -> None:
    """Refuse what is neither file nor directory, where links lead too, as git follows them."""
    for name in names:
        waiting, left = [os.path.join(common_dir, name)], _MOST
        while waiting and left > 0:
            try:
                found = os.scandir(waiting.pop())
            except OSError:
                continue  # git says so itself, and at once
            with found:
                for item in found:
                    left -= 1
                    if left <= 0:
                        break
                    if _is_directory(item):
                        waiting.append(item.path)
                    elif not _is_plain(item):
                        kind = kind_of(item.path)
                        detail = f"{item.path}: expected a file, found {kind}; remove it"
                        raise GitFailed(action, common_dir, detail)


def _is_directory(item: os.DirEntry[str]) -> bool:
    try:
        return item.is_dir()
    except OSError:
        return False


def _is_plain(item: os.DirEntry[str]) -> bool:
    """Tell whether opening it ends: a dead link and a socket are answered at once."""
    try:
        return item.is_file() or stat.S_ISSOCK(item.stat().st_mode)
    except OSError:
        return True
