"""The two directories of a codex home below which its rollouts lie."""

from __future__ import annotations

from enum import StrEnum


class RootName(StrEnum):
    """The name of such a directory."""

    SESSIONS = "sessions"
    ARCHIVED = "archived_sessions"
