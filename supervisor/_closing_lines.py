"""What the person at the terminal is told of a run that has ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ..env import Verdict
from ._attempt import AttemptEnd
from ._exit import ExitReport

# Seconds within which a failing command probably never got to its work.
_QUICK_FAILURE = 2.0
_OF_THE_SHELL = frozenset({"_", "OLDPWD", "SHLVL", "PS1", "PS2", "PROMPT_COMMAND"})


def describe_ending(
    end: AttemptEnd, outcome: str, run_id: str, record: Path, *, verbose: bool
) -> Iterator[str]:
    """Yield a line when processes are left, and one on how it ended when asked for."""
    if end.left:
        yield (
            f"{end.left} processes of run {run_id} are left; the next launch of"
            f" this issue ends them first; see {record}"
        )
    if verbose:
        yield (
            f"{end.report.reason}, status {end.report.status}, {outcome}; {end.mechanism}:"
            f" {end.swept} swept, {end.left} left; see {record}"
        )


def hint_at_dropped_names(
    report: ExitReport, seconds: float, receipt: Iterable[Verdict]
) -> Iterator[str]:
    """Yield a line when a command failed at once and may miss a variable of the caller's.

    :param seconds: how long the run took.
    """
    missed = [
        verdict.name
        for verdict in receipt
        if verdict.rule == "not allowed" and verdict.name not in _OF_THE_SHELL
    ]
    if seconds < _QUICK_FAILURE and missed and report.reason == "exited" and report.code:
        yield (
            f"it failed at once; {len(missed)} of your variables were not passed on"
            " (codexlab env explain lists them, --pass NAME lets one in)"
        )
