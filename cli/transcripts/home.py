"""The codex home whose transcripts a command reads."""

from __future__ import annotations

import os

from ...workspace.users_codex_home import users_codex_home


def home_of(given: str | None) -> str:
    """Return the codex home: the given one, or the default."""
    return given or users_codex_home(os.environ)
