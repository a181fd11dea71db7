"""The streams between an agent and its caller, with a terminal or without."""

from __future__ import annotations

from typing import Protocol

import anyio


class AgentStreams(Protocol):
    """The streams of one attempt: pipes, or a terminal of the agent's own."""

    @property
    def remark(self) -> str | None:
        """A line for the person at the end of the attempt, or None."""
        ...

    @property
    def agent_ends(self) -> tuple[int, ...]:
        """The descriptors that become the agent's stdin, stdout and stderr."""
        ...

    def last_output(self) -> float:
        """Return when the agent wrote last, in seconds of the monotonic clock."""
        ...

    def note_spawned(self) -> None:
        """Close our copies of the ends that the agent has."""
        ...

    def note_empty(self) -> None:
        """Expect no more output: no process of the attempt is left."""
        ...

    async def deliver(self, hurry: anyio.CancelScope) -> None:
        """Pass output on until its end, or until ``hurry`` is cancelled."""
        ...

    def close(self) -> None:
        """Close what is still open."""
        ...
