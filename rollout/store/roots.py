"""The two directories of a codex home below which its rollouts lie."""

from __future__ import annotations

SESSIONS = "sessions"
ARCHIVED_SESSIONS = "archived_sessions"
