"""What lies in codex's home under a name of the user's own home, with content that is not there."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from ...kernel.files.regular_file import read_regular
from ..codex_home.credentials import AUTH, MCP, was_shared
from ..fs import directory, lstat_at
from ..paths import CONTROL, WorkspacePaths


def logins(paths: WorkspacePaths, shared: Path) -> list[str]:
    """Return one line for each login that would be lost with the workspace.

    :param shared: the user's own codex home.
    :raises OSError: codex's home cannot be looked into.
    """
    with suppress(FileNotFoundError), directory(paths.base, *paths.names, "codex-home") as home_fd:
        found = [name for name in (AUTH, MCP) if _is_of_its_own(name, home_fd, shared)]
        if MCP in found and not os.path.lexists(shared / MCP) and _is_logged_out(paths, home_fd):
            found.remove(MCP)
        return [f"codex-home/{name}, a login that only the workspace has" for name in found]
    return []


def _is_logged_out(paths: WorkspacePaths, home_fd: int) -> bool:
    """Tell whether these logins were the user's, who has logged out of every server since."""
    with suppress(FileNotFoundError), directory(paths.base, *paths.names, CONTROL) as control_fd:
        return was_shared(home_fd, control_fd)
    return False


def _is_of_its_own(name: str, dir_fd: int, shared: Path) -> bool:
    """Tell whether a file has content that the user's own of that name has not."""
    status = lstat_at(name, dir_fd)
    if status is None or stat.S_ISLNK(status.st_mode):
        return False
    if stat.S_ISREG(status.st_mode) and not status.st_size:
        return False
    try:
        return read_regular(name, dir_fd=dir_fd) != read_regular(shared / name, follow=True)
    except OSError:
        return True  # one of them is missing, or is no file that can be compared
