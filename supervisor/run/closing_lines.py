"""The lines for the person at the terminal about a run's environment and its end."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ...env.policy.circumstances import LEFT_BEHIND
from ...env.policy.search_path import WhyOut
from ...env.policy.values import ChildEnvironment, ReceiptLine
from ..lifecycle.attempt_end import AttemptEnd
from ..lifecycle.exit import AgentOutcome, ExitReport, Reason

# Seconds within which a failing command probably never got to its work.
_QUICK_FAILURE = 2.0
_SHOWN = 3
_CAUSES: Mapping[Reason, str] = {
    Reason.TIMEOUT: "the time limit was over",
    Reason.IDLE: "it was idle for as long as the limit allows",
    Reason.MEMORY: "it held more memory than the limit allows",
    Reason.CANCELLED: "codexlab-run was asked to end",
}
_NAME = rb"[A-Za-z_][A-Za-z0-9_]*"
_OF_THE_SHELL = frozenset({"_", "OLDPWD", "SHLVL", "PS1", "PS2", "PROMPT_COMMAND"})


def describe_ending(
    end: AttemptEnd, outcome: AgentOutcome, run_id: str, record: Path, *, verbose: bool
) -> Iterator[str]:
    """Yield a line when processes are left, and one on how it ended when asked for."""
    if end.left:
        yield (
            f"{end.left} processes of run {run_id} are left; the next launch of"
            f" this issue ends them first; see {record}"
        )
    if verbose:
        yield (
            f"{end.exit.reason}, status {end.exit.status}, {outcome}; {end.mechanism}:"
            f" {end.swept} swept, {end.left} left; see {record}"
        )


def describe_forced_end(run_exit: ExitReport, record: Path) -> Iterator[str]:
    """Yield a line when the agent did not end by itself."""
    if run_exit.reason is Reason.EXITED:
        return
    if run_exit.reason in _CAUSES:
        what = f"the agent was ended: {_CAUSES[run_exit.reason]}"
    elif run_exit.signal is not None:
        what = f"the agent died by {_name_of(run_exit.signal)}"
    else:
        what = "nobody saw the agent's end"
    yield f"{what} (status {run_exit.status}); see {record}"


def _name_of(signum: int) -> str:
    try:
        return signal.Signals(signum).name
    except ValueError:  # a real-time signal
        return f"signal {signum}"


def hint_at_dropped_names(
    run_exit: ExitReport, seconds: float, receipt: Iterable[ReceiptLine], said: bytes
) -> Iterator[str]:
    """Yield a line when a command failed at once and named a variable that it did not get.

    :param seconds: how long the run took.
    :param said: the end of what the command printed.
    """
    if seconds >= _QUICK_FAILURE or run_exit.reason is not Reason.EXITED or not run_exit.code:
        return
    words = set(re.findall(_NAME, said))
    missed = [
        verdict.name
        for verdict in receipt
        if verdict.rule == "not allowed"
        and verdict.name not in _OF_THE_SHELL
        and os.fsencode(verdict.name) in words
    ]
    if missed:
        flags = " ".join(f"--pass {name}" for name in missed)
        verb, what = ("was", "it") if len(missed) == 1 else ("were", "them")
        yield (
            f"it failed at once and named {', '.join(missed)}, which {verb} not passed on"
            f" ({flags} lets {what} in; codexlab env explain lists all)"
        )


def describe_left_behind(environment: ChildEnvironment) -> str | None:
    """Say which tools of the caller's checkout the agent does not get, if there are any."""
    entries = [each.entry for each in environment.taken_out if each.why is WhyOut.LEFT_BEHIND]
    names = [each.name for each in environment.receipt if each.rule == f"drop: {LEFT_BEHIND}"]
    if not entries and not names:
        return None
    found = [f"{entry} in PATH" for entry in entries[:_SHOWN]]
    if len(entries) > _SHOWN:
        found.append(f"{len(entries) - _SHOWN} more entries of PATH")
    flags = " ".join(f"--pass {name}" for name in (*(["PATH"] if entries else []), *names))
    return (
        f"not passed on, because the agent does not work in that checkout:"
        f" {', '.join((*found, *names))} ({flags} passes them)"
    )
