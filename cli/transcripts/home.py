"""The codex home whose transcripts a command reads."""

from __future__ import annotations

import os


def home_of(given: str | None) -> str:
    """Return the codex home: the given one, or the default."""
    return given or os.environ.get("CODEX_HOME") or os.path.expanduser("~/.codex")
