"""How one attempt ended, with the proof that is read from the kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from ...kernel.values import frozen
from .exit import ExitReport

if TYPE_CHECKING:
    from ...agents.adapter import AgentStatus
    from ...kernel.containment.membership import Mechanism


@frozen
class ResourceUsage:
    """The resources that the agent and the children it waited for used (getrusage(2))."""

    user_seconds: float
    system_seconds: float
    max_rss_kib: int


@frozen
class AttemptEnd:
    """How one attempt ended.

    :param agent_status: what the agent's own event stream said last.
    :param swept: how many processes outlived the agent.
    :param swept_names: what those that outlived it were called, and how many of each.
    :param left: how many are left, read from the kernel after the last signal.
    :param message: the agent's own last words for a person, from its event stream.
    :param asked_to_end: by a signal, be it after the agent had ended by itself.
    :param last_output: when the agent wrote last, on the event loop's clock.
    :param proven: that none is. False also if a hidden process could be left. Without its guardian
        a run is known by leaf and tag, and a process can shed both.
    """

    exit: ExitReport
    mechanism: Mechanism
    agent_status: AgentStatus
    swept: int
    left: int
    proven: bool
    usage: ResourceUsage | None
    peak_memory: int | None
    asked_to_end: bool = False
    last_output: float = 0.0
    message: str | None = None
    swept_names: Mapping[str, int] = field(default_factory=dict[str, int])

    def contained(self) -> dict[str, object]:
        """Return the proof, as record and event show it."""
        return {
            "mechanism": self.mechanism,
            "proven": self.proven,
            "swept": self.swept,
            "left": self.left,
            **({"swept_names": dict(self.swept_names)} if self.swept_names else {}),
        }
