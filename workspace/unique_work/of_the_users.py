"""What lies in codex's home under a name of the user's own home, with content that is not there.

What codex makes under such a name does not count, nor does a link, nor an empty file.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from pathlib import Path

from ...kernel.files.below import open_directory
from ...kernel.files.regular_file import read_regular
from ..checkouts.git_files import Unjudged, git_directories, is_store
from ..checkouts.words import shown
from ..codex_config.file import is_profile
from ..codex_home.credentials import AUTH, MCP, was_shared
from ..codex_home.shared_entries import LINKED
from ..fs import directory, lstat_at
from ..paths import CONTROL, WorkspacePaths

# What codex 0.100 to 0.171 reads in its home, and does not write; plugins it installs itself.
_READ = frozenset({*LINKED, "managed_config.toml", "worktrees"}) - {"plugins"}
_CODEXS_SKILLS = "skills/.system"
# What codex adds to when somebody allows a command for good.
_CODEXS_RULES = "rules/default.rules"
_ALLOWED = rb'(prefix_rule\(pattern=\[.*\], decision="allow"|network_rule\(host=".*)\)'
_MOST_NAMES, _DEEPEST = 10_000, 32


def logins(paths: WorkspacePaths, shared: Path) -> list[str]:
    """Return one line for each login that would be lost with the workspace.

    :param shared: the user's own codex home.
    :raises OSError: codex's home cannot be looked into.
    """
    with suppress(FileNotFoundError), directory(paths.base, *paths.names, "codex-home") as home_fd:
        found = [name for name in (AUTH, MCP) if _is_of_its_own(name, home_fd, shared / name)]
        if MCP in found and not os.path.lexists(shared / MCP) and _is_logged_out(paths, home_fd):
            found.remove(MCP)
        return [f"codex-home/{name}, a login that only the workspace has" for name in found]
    return []


def made_here(paths: WorkspacePaths, shared: Path) -> list[str]:
    """Return one line for each name that codex only reads, and the first file that is new there.

    :param shared: the user's own codex home.
    :raises OSError: codex's home cannot be looked into.
    """
    with suppress(FileNotFoundError), directory(paths.base, *paths.names, "codex-home") as home_fd:
        names = sorted(name for name in os.listdir(home_fd) if _is_read(name, shared))
        look = _Look(paths.codex_home, shared)
        found = (look.first(name, home_fd) for name in names)
        return [f"codex-home/{shown(where)}" for where in found if where is not None]
    return []


def is_judged_by_git(place: Path) -> bool:
    """Tell whether a directory is a checkout or a repository: what is in it is looked at there."""
    try:
        return is_store(place) or git_directories(place) is not None
    except Unjudged:
        return os.path.lexists(place / ".git")  # and says so there


def _is_read(name: str, shared: Path) -> bool:
    # A profile that the user does not have is nobody's name.
    return name in _READ or (is_profile(name) and os.path.lexists(shared / name))


class _Look:
    """A walk through both homes, which ends at the first content that is here alone."""

    def __init__(self, home: Path, shared: Path) -> None:
        self._home, self._shared = home, shared
        self._names_left = _MOST_NAMES

    def first(self, where: str, dir_fd: int) -> str | None:
        """Return the path of such a file, or of what cannot be judged; None without either.

        :param where: a path in codex's home; its last part is a name in ``dir_fd``.
        """
        name = where.rpartition("/")[2]
        self._names_left -= 1
        if self._names_left < 0 or where.count("/") > _DEEPEST:
            return where
        try:
            if stat.S_ISDIR(os.stat(name, dir_fd=dir_fd, follow_symlinks=False).st_mode):
                return self._first_in(where, name, dir_fd)
            if where == _CODEXS_RULES and _are_codexs_rules(name, dir_fd):
                return None
        except OSError:
            return where
        return where if _is_of_its_own(name, dir_fd, self._shared / where) else None

    def _first_in(self, where: str, name: str, dir_fd: int) -> str | None:
        if where == _CODEXS_SKILLS or is_judged_by_git(self._home / where):
            return None
        fd = open_directory(name, dir_fd)
        try:
            found = (self.first(f"{where}/{inner}", fd) for inner in sorted(os.listdir(fd)))
            return next((each for each in found if each is not None), None)
        finally:
            os.close(fd)


def _are_codexs_rules(name: str, dir_fd: int) -> bool:
    lines = read_regular(name, dir_fd=dir_fd).splitlines()
    return all(not line or re.fullmatch(_ALLOWED, line) for line in lines)


def _is_logged_out(paths: WorkspacePaths, home_fd: int) -> bool:
    """Tell whether these logins were the user's, who has logged out of every server since."""
    with suppress(FileNotFoundError), directory(paths.base, *paths.names, CONTROL) as control_fd:
        return was_shared(home_fd, control_fd)
    return False


def _is_of_its_own(name: str, dir_fd: int, theirs: Path) -> bool:
    """Tell whether a name here has content that a file of the user's has not."""
    status = lstat_at(name, dir_fd)
    if status is None or stat.S_ISLNK(status.st_mode):
        return False
    if stat.S_ISREG(status.st_mode) and not status.st_size:
        return False
    try:
        if os.stat(theirs).st_size != status.st_size:
            return True
        return read_regular(name, dir_fd=dir_fd) != read_regular(theirs, follow=True)
    except OSError:
        return True  # one of them is missing, or is no file that can be compared
