"""The variables that keep a program in a home of its own, and those that name another's."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOREIGN: Final = ("CODEX", "OPENAI_", "ANTHROPIC_", "CLAUDE", "GIT_", "XDG_")
"""How the variables begin that lead to places or accounts of whoever starts the tests."""


def private_places(home: Path, *, runtime: Path, temporary: Path) -> dict[str, str]:
    """Return HOME, TMPDIR and the XDG directories, all of them in these three places."""
    return {
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "XDG_RUNTIME_DIR": str(runtime),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_STATE_HOME": str(home / ".local/state"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_DATA_HOME": str(home / ".local/share"),
    }
