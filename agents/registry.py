"""Every agent that is known: what its commands are called, and where its adapter is.

An adapter is loaded only for its own agent's command, so a launch pays for one adapter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..kernel.values import frozen
from .agent_name import AgentName

if TYPE_CHECKING:
    from .adapter import Adapter


@frozen
class AgentRow:
    """One agent.

    :param packages: npm packages that install it; a script below them is the agent too.
    :param pattern: matches the whole path of the agent's program under another name, or None.
    :param load: imports its adapter.
    """

    name: AgentName
    packages: tuple[str, ...]
    pattern: str | None
    load: Callable[[], Adapter]


def _generic() -> Adapter:
    from .adapter import Adapter

    return Adapter()


def _codex() -> Adapter:
    from .codex.adapter import Codex

    return Codex()


def _claude() -> Adapter:
    from .claude.adapter import Claude

    return Claude()


ROWS = (
    # As published: codex-x86_64-unknown-linux-musl.
    AgentRow(
        AgentName.CODEX,
        ("codex", "@openai/codex"),
        r"(?:.*/)?codex-(?:x86_64|aarch64)-[a-z]+(?:-[a-z]+){1,2}(?:\.exe)?(?:\.js)?",
        _codex,
    ),
    # claude's installer keeps its versions so.
    AgentRow(
        AgentName.CLAUDE,
        ("claude", "@anthropic-ai/claude-code"),
        r"(?:.*/)?claude/versions/[0-9][^/]*",
        _claude,
    ),
)


def adapter_of(name: str) -> Adapter:
    """Return the adapter of an agent, or that of an unknown program where no row has the name."""
    row = next((row for row in ROWS if row.name == name), None)
    return _generic() if row is None else row.load()
