"""``.codex/config.toml`` of a project, which codex reads above the user's where it is trusted.

An agent could have written it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ...kernel.files.regular_file import read_regular
from ...kernel.toml import decode_toml, parse_toml

_SANDBOX = ("sandbox_mode", "sandbox_workspace_write", "default_permissions", "permissions")
_KEYS = frozenset((*_SANDBOX, "profile", "profiles"))


def sandbox_of_project(cwd: Path) -> Path | None:
    """Return the file of a project that says something of codex's sandbox, or None.

    One that cannot be read or understood here counts too.

    :param cwd: the directory that codex starts in.
    """
    for directory in _up_to_the_root(cwd):
        path = directory / ".codex" / "config.toml"
        if os.path.lexists(path) and _may_say(path):
            return path
    return None


def _up_to_the_root(cwd: Path) -> Iterator[Path]:
    """Yield the directories that codex looks into: up to the one with ``.git``, else the first."""
    levels = [cwd, *cwd.parents]
    roots = (number for number, level in enumerate(levels) if os.path.lexists(level / ".git"))
    yield from levels[: next(roots, 0) + 1]


def _may_say(path: Path) -> bool:
    try:
        # codex follows a link as well.
        return not _KEYS.isdisjoint(parse_toml(decode_toml(read_regular(path, follow=True))))
    except (OSError, ValueError):
        return True
