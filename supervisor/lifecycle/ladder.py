"""The escalation ladder, as data: who gets which signal, and how long to wait after it."""

from __future__ import annotations

import signal
from enum import Enum

from ...kernel.values import frozen

DEFAULT_GRACE = 10.0
TERMINATE_WAIT = 3.0
KILL_WAIT = 10.0


class Target(Enum):
    """Whom a rung speaks to."""

    LEADER = "leader"
    ALL = "all"


@frozen
class Rung:
    """One step of the ladder.

    :param signum: the signal, or None for the one that was received from outside.
    :param wait: seconds until the next rung; after the last, until what is left
        is reported as left.
    """

    target: Target
    signum: int | None
    wait: float


Ladder = tuple[Rung, ...]

# Where what the agent left behind starts: its leader is gone, so nobody is spoken to alone.
FIRST_FOR_ALL = 1


def build_ladder(grace: float = DEFAULT_GRACE) -> Ladder:
    """Return forward, TERM to everything, KILL to everything.

    :param grace: seconds the agent has to end by itself after the first signal.
    """
    return (
        Rung(Target.LEADER, None, grace),
        Rung(Target.ALL, signal.SIGTERM, TERMINATE_WAIT),
        Rung(Target.ALL, signal.SIGKILL, KILL_WAIT),
    )
