"""Where the user's own codex home is, and who shares its transcripts.

Imports next to nothing: a search asks before all else.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum


class SessionMode(StrEnum):
    """Where an issue's transcripts go: to the user's own codex home, or to its own."""

    SHARED = "shared"
    ISSUE = "issue"


def users_codex_home(environ: Mapping[str, str]) -> str:
    """Return ``CODEX_HOME``, by default ``~/.codex``, with ``~`` expanded."""
    return os.path.expanduser(environ.get("CODEX_HOME") or "~/.codex")
