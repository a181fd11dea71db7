"""Notice when the tests touch what is the developer's own.

Each test has a home of its own; a program that finds the real one all the same, by the user
database or a variable that a test forgot, writes there. Looked at are the places that codexlab
and codex keep, not the whole home: it changes by itself.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path

# Where the product writes when nothing tells it otherwise; a few names deep is enough.
_PLACES = ("codexlab", ".config/codexlab", ".local/state/codexlab", ".cache/codexlab")
_MADE_BY_AGENTS = (".codex", ".claude", ".claude.json")
_DEEP = 3


def developers_own() -> dict[str, int]:
    """Describe the developer's own places: paths, and when what they hold last changed.

    Of an agent's home only whether it exists: the developer may be using the agent.
    """
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    found: dict[str, int] = {
        str(home / name): 0 for name in _MADE_BY_AGENTS if (home / name).exists()
    }
    for place in _PLACES:
        found |= _listed(home / place, _DEEP)
    return found


def _listed(path: Path, deep: int) -> dict[str, int]:
    try:
        found: dict[str, int] = {str(path): path.lstat().st_mtime_ns}
        if deep and path.is_dir() and not path.is_symlink():
            for child in path.iterdir():
                found |= _listed(child, deep - 1)
    except OSError:
        return {}
    return found


def changes(before: dict[str, int]) -> list[str]:
    """Name what came, went or changed since ``before`` was read."""
    after = developers_own()
    return sorted(
        path for path in before.keys() | after.keys() if before.get(path) != after.get(path)
    )
