"""The two directories of a codex home below which its rollouts lie."""

from __future__ import annotations

from typing import Final, Literal

RootName = Literal["sessions", "archived_sessions"]
SESSIONS: Final = "sessions"
ARCHIVED_SESSIONS: Final = "archived_sessions"
