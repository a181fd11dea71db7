"""The next step of a run: one pure table of states, events and effects.

::

    RUNNING  --signal/limit/stop-->  ENDING    climb the ladder from its first rung
    RUNNING  --child exited------->  SWEEPING  count what it left
    ENDING   --child exited------->  SWEEPING
    ENDING   --rung over/signal--->  ENDING    next rung
    SWEEPING --nothing left------->  DONE      proven
    SWEEPING --something left----->  SWEEPING  ladder, from TERM to everything on
    any      --last rung over----->  DONE      what is left is reported as left

Nothing here reads a clock, a process or a descriptor.
"""

from __future__ import annotations

import signal
from enum import Enum

from ...kernel.values import frozen, replace
from .exit import EndReason, Reason
from .ladder import FIRST_FOR_ALL, Ladder, Target

# A request to end the run; other forwarded signals only pass through.
ENDING_SIGNALS = frozenset({signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM})


class Phase(Enum):
    """Where a run stands."""

    RUNNING = "running"
    ENDING = "ending"
    SWEEPING = "sweeping"
    DONE = "done"


@frozen
class State:
    """Everything that decides what happens next.

    :param rung: index of the rung in force, or None before the first.
    :param reason: why we ended the run, or None while nobody but the child did.
    :param received: the signal that began the end, forwarded on the first rung.
    :param exited: whether the agent itself has ended.
    :param swept: how many processes outlived it, at the first look.
    :param left: how many members there were at the last look; None before it.
    """

    phase: Phase = Phase.RUNNING
    rung: int | None = None
    reason: EndReason | None = None
    received: int = signal.SIGTERM
    exited: bool = False
    swept: int | None = None
    left: int | None = None


@frozen
class SignalReceived:
    """Somebody sent the guardian a signal."""

    signum: int


@frozen
class EndRequested:
    """A limit was reached, or the caller in-process wants the run to end."""

    reason: EndReason


@frozen
class ChildExited:
    """The agent ended."""


@frozen
class RungOver:
    """The wait after a rung passed."""

    rung: int


@frozen
class MembersCounted:
    """The kernel was read: so many processes of the run are left."""

    count: int


Input = SignalReceived | EndRequested | ChildExited | RungOver | MembersCounted


@frozen
class Send:
    """Send a signal to the leader, or to every member."""

    target: Target
    signum: int


@frozen
class StartTimer:
    """Report RungOver(rung) after so many seconds."""

    rung: int
    seconds: float


@frozen
class CountMembers:
    """Read the kernel; report MembersCounted now and again when the last one ends."""


Effect = Send | StartTimer | CountMembers


def step(state: State, event: Input, ladder: Ladder) -> tuple[State, tuple[Effect, ...]]:
    """Return the next state and what is to be done for it."""
    if state.phase is Phase.DONE:
        return state, ()
    match event:
        case SignalReceived(signum):
            return _on_signal(state, signum, ladder)
        case EndRequested(reason):
            return _on_end_requested(state, reason, ladder)
        case ChildExited():
            return replace(state, exited=True, phase=Phase.SWEEPING), (CountMembers(),)
        case RungOver(rung):
            return _on_rung_over(state, rung, ladder)
        case MembersCounted(count):
            return _on_counted(state, count, ladder)


def _on_signal(state: State, signum: int, ladder: Ladder) -> tuple[State, tuple[Effect, ...]]:
    if signum not in ENDING_SIGNALS:
        return state, () if state.exited else (Send(Target.LEADER, signum),)
    if state.phase is Phase.RUNNING:
        ending = replace(state, reason=Reason.CANCELLED, received=signum)
        return _climb(ending, 0, ladder)
    return _next_rung(state, ladder)


def _on_end_requested(
    state: State, reason: EndReason, ladder: Ladder
) -> tuple[State, tuple[Effect, ...]]:
    if state.phase is not Phase.RUNNING:
        return state, ()
    return _climb(replace(state, reason=reason), 0, ladder)


def _on_rung_over(state: State, rung: int, ladder: Ladder) -> tuple[State, tuple[Effect, ...]]:
    if rung != state.rung:
        return state, ()
    if rung + 1 < len(ladder):
        return _next_rung(state, ladder)
    return replace(state, phase=Phase.DONE), ()


def _on_counted(state: State, count: int, ladder: Ladder) -> tuple[State, tuple[Effect, ...]]:
    swept = count if state.swept is None else state.swept
    counted = replace(state, swept=swept, left=count)
    if count == 0 and state.exited:
        return replace(counted, phase=Phase.DONE), ()
    if state.rung is None or state.rung < FIRST_FOR_ALL:
        return _climb(counted, FIRST_FOR_ALL, ladder)
    return counted, ()


def _next_rung(state: State, ladder: Ladder) -> tuple[State, tuple[Effect, ...]]:
    following = 0 if state.rung is None else state.rung + 1
    if state.exited:
        following = max(following, FIRST_FOR_ALL)
    return (state, ()) if following >= len(ladder) else _climb(state, following, ladder)


def _climb(state: State, rung: int, ladder: Ladder) -> tuple[State, tuple[Effect, ...]]:
    step_ = ladder[rung]
    signum = state.received if step_.signum is None else step_.signum
    phase = Phase.SWEEPING if state.exited else Phase.ENDING
    effects: list[Effect] = [Send(step_.target, signum), StartTimer(rung, step_.wait)]
    return replace(state, phase=phase, rung=rung), tuple(effects)
