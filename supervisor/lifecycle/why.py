"""Why a run did not end well, in a few words for a person."""

from __future__ import annotations

import re
import signal

from .attempt_end import AttemptEnd
from .exit import AgentOutcome, Reason

LONGEST = 160
LONGEST_MESSAGE = 2000
# What a program writes to move the cursor or to colour: sequences of ECMA-48, and controls.
_NOT_TEXT = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x1f\x7f-\x9f]"
)


def one_line(text: str, longest: int = LONGEST) -> str:
    """Return a text on one line, cut, without what a terminal would obey."""
    line = " ".join(_NOT_TEXT.sub(" ", text[: 4 * longest]).split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def last_line(said: bytes) -> str | None:
    """Return the last line of an output that says anything."""
    for line in reversed(said.decode(errors="replace").splitlines()):
        if shown := one_line(line):
            return shown
    return None


def explain(
    end: AttemptEnd,
    outcome: AgentOutcome,
    said: str | None,
    *,
    timeout: float | None,
    idle_timeout: float | None,
) -> str | None:
    """Say why an agent's work was not done; None if it may have been.

    :param said: the agent's own words about it, on one line.
    :param timeout: the run's limit in seconds, or None.
    :param idle_timeout: its limit of silence in seconds, or None.
    """
    if outcome is not AgentOutcome.FAILED:
        return None
    match end.exit.reason:
        case Reason.TIMEOUT:
            return f"the time limit of {duration(timeout or 0)} was over"
        case Reason.IDLE:
            return f"no output and no work for {duration(idle_timeout or 0)}"
        case Reason.MEMORY:
            return "it held more memory than the limit allows"
        case Reason.CANCELLED:
            return "codexlab-run was asked to end"
        case Reason.SIGNALED:
            return f"the agent died by {_name_of(end.exit.signal or 0)}"
        case Reason.EXITED:
            what = f"exit {end.exit.code}" if end.exit.code else "the agent says that it failed"
            return f"{what}: {said}" if said else what
        case _:
            return "nobody saw the agent's end"


def duration(seconds: float) -> str:
    """Return a duration in its two largest units, as ``1 h 5 min`` or ``3.2 s``."""
    if seconds < 9.95:
        return f"{max(seconds, 0.1):.1f} s".replace(".0 ", " ")
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s".removesuffix(" 0 s")
    return f"{whole // 3600} h {whole % 3600 // 60} min".removesuffix(" 0 min")


def _name_of(signum: int) -> str:
    try:
        return signal.Signals(signum).name
    except ValueError:  # a real-time signal
        return f"signal {signum}"
