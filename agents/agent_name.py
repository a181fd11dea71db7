"""The names of the agents that have an adapter."""

from __future__ import annotations

from enum import StrEnum


class AgentName(StrEnum):
    """An agent; ``generic`` is any program that is none of the others."""

    CODEX = "codex"
    CLAUDE = "claude"
    GENERIC = "generic"
