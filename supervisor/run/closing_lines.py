"""The lines for the person at the terminal about a run's environment and its end."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ...agents.network import Network
from ...env.policy.circumstances import LEFT_BEHIND
from ...env.policy.search_path import WhyOut
from ...env.policy.values import ChildEnvironment, ReceiptLine
from ...kernel.values import frozen
from ...workspace.workdir.prepare import Workdir
from ..lifecycle.attempt_end import AttemptEnd
from ..lifecycle.exit import AgentOutcome, ExitReport, Reason
from ..lifecycle.why import duration
from ..prepare.network import describe_network

# Seconds within which a failing command probably never got to its work.
_QUICK_FAILURE = 2.0
_SHOWN = 3
_HEADS: Mapping[Reason, str] = {
    Reason.TIMEOUT: "timed out",
    Reason.IDLE: "ended while idle",
    Reason.MEMORY: "ended for its memory",
    Reason.CANCELLED: "stopped",
    Reason.SIGNALED: "killed",
    Reason.SUPERVISOR_LOST: "lost",
}
_NAME = rb"[A-Za-z_][A-Za-z0-9_]*"
_OF_THE_SHELL = frozenset({"_", "OLDPWD", "SHLVL", "PS1", "PS2", "PROMPT_COMMAND"})


def describe_start(workdir: Workdir, cwd: str, network: Network | None) -> str:
    """Say where the agent works, from which commit, and what is opened for it.

    :param cwd: the directory it starts in.
    """
    line = f"working in {cwd} ({workdir.kind}"
    if workdir.branch:
        line += f", branch {workdir.branch}"
    line += f", at commit {workdir.head[:9]})" if workdir.head else ")"
    return "; ".join(filter(None, (line, describe_network(network))))


@frozen
class Ending:
    """The end of a run, as far as a person is told of it.

    :param why: why the agent's work was not done; None if it may have been.
    :param seconds: how long the run took.
    :param git: the record's facts of the workdir, before and after; None outside of git.
    """

    end: AttemptEnd
    outcome: AgentOutcome
    why: str | None
    seconds: float
    git: Mapping[str, Any] | None


def describe_left(end: AttemptEnd, run_id: str, record: Path) -> Iterator[str]:
    """Yield a line when processes are left."""
    if end.left:
        yield (
            f"{end.left} processes of run {run_id} are left; the next launch of"
            f" this issue ends them first; see {record}"
        )


def describe_ending(ending: Ending, issue: str, record: Path, *, verbose: bool) -> str:
    """Return the closing line: how the run ended, what changed, and where to look next.

    :param verbose: name the record too.
    """
    status, name = ending.end.exit.status, shlex.quote(issue)
    head, changes = _HEADS.get(ending.end.exit.reason, "failed"), _changes(ending.git)
    if ending.why is None:
        head = f"done in {duration(ending.seconds)}, exit {status}"
    else:
        why = ending.why if ending.why.startswith("exit ") else f"exit {status}: {ending.why}"
        head = f"{head} after {duration(ending.seconds)}, {why}"
    parts = [head, *([changes] if changes else []), _proof(ending.end)]
    line = "; ".join(parts) + "."
    if ending.why is not None:
        line += f" Output: codexlab logs {name}"
    elif changes:
        line += f" Next: codexlab diff {name}"
    return f"{line} [{record}]" if verbose else line


def _changes(git: Mapping[str, Any] | None) -> str | None:
    """Say what is new in the workdir; None if nothing is, or nobody knows."""
    after = None if git is None else git.get("after")
    if not after:
        return None
    commits = after.get("ahead")
    parts = [f"{commits} {'commit' if commits == 1 else 'commits'}"] if commits else []
    return " and ".join([*parts, *(["uncommitted changes"] if after.get("dirty") else [])]) or None


def _proof(end: AttemptEnd) -> str:
    processes = "process" if end.swept == 1 else "processes"
    swept = f"{end.swept} leftover {processes} ended, " if end.swept else ""
    if end.left:
        return f"{swept}{end.left} processes are left"
    return f"{swept}nothing left running" if end.proven else f"{swept}nothing found running"


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
