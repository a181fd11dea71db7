"""One line, or one JSON object, about each run that a command ended or waited for."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import click

from ....kernel.process.identity import is_running
from ....kernel.values import asdict, frozen
from ....supervisor.containment.proof import Proof, proof_of
from ....supervisor.history.lookup import find_past_run
from ....supervisor.history.run_entry import RunEntry
from ....supervisor.lifecycle.exit import EXIT_FAILED, Reason
from ....supervisor.records.registry import is_here, read_entry
from ....supervisor.records.runs import RunState, look_at_run
from ...context.foreign_runs import user_of
from ...ui.faults import Faults
from ...ui.terminal import on_one_line, one_line
from ..workspace.view import write_json

# Of these the exit status tells enough.
_PLAIN = (Reason.EXITED, Reason.SIGNALED, Reason.CANCELLED)


class Fate(StrEnum):
    """What became of a run by a command."""

    STOPPED = "stopped"
    WOULD_STOP = "would stop"
    ENDED = "ended"
    RUNNING = "running"
    FAILED = "failed"


@frozen
class RunResult:
    """A run, and what became of it.

    :param seconds: from the request to its end.
    :param problem: why nothing could be done.
    """

    entry: RunEntry
    action: Fate
    proof: Proof | None = None
    seconds: float | None = None
    problem: str | None = None

    @property
    def is_empty(self) -> bool:
        """Tell whether the run has ended, and nothing of it is left."""
        return self.proof is not None and self.proof.empty

    @property
    def status(self) -> int:
        """Return the exit status of the run; 125 where it has not ended in order."""
        known = None if self.proof is None else self.entry.exit_status
        return EXIT_FAILED if known is None else known


def is_live(entry: RunEntry) -> bool:
    """Tell whether somebody is there who sees a run to its end."""
    if entry.finished is not None or not is_here(entry):
        return False
    return is_running(entry.guardian) or look_at_run(entry).state is RunState.ENDING


def result_of(entry: RunEntry, action: Fate, seconds: float | None = None) -> RunResult:
    """Return what became of a run that is not live, by what it wrote down."""
    # Its end was written down since, and the entry may have gone into the history.
    view = look_at_run(read_entry(entry.run_id) or find_past_run(entry.run_id) or entry)
    match view.state:
        case RunState.FINISHED:
            return RunResult(view.entry, action, proof_of(view.entry), seconds)
        case RunState.DEAD:
            problem = "it was killed and may have left processes; codexlab reap ends them"
        case RunState.ELSEWHERE:
            problem = f"it is on another machine or in another container ({entry.place}); go there"
        case _:
            problem = view.problem or "it has ended and did not write down how; codexlab reap looks"
    return RunResult(entry, Fate.FAILED, None, seconds, problem)


def refusal_of(entry: RunEntry, error: Exception) -> RunResult:
    """Return that a run could not be asked for its end."""
    pid = entry.guardian.pid
    if isinstance(error, PermissionError):
        problem = f"it belongs to user {user_of(pid)}; expected a run of yours"
    else:
        problem = f"it was started with TERM, INT, QUIT and HUP ignored; kill -KILL {pid} ends it"
    return RunResult(entry, Fate.FAILED, problem=problem)


def name_of(entry: RunEntry) -> str:
    """Return a run in two words: its issue and its agent."""
    return f"{one_line(entry.issue, 40)} {entry.agent}"


def tell(result: RunResult, faults: Faults) -> None:
    """Write the line of one run: on stderr where nothing could be done."""
    name = name_of(result.entry)
    if result.problem is not None:
        faults.tell(name, result.problem)
    elif result.action is Fate.WOULD_STOP:
        click.echo(on_one_line(f"would stop {name}, run {result.entry.run_id}"))
    elif result.action is Fate.STOPPED:
        after = "" if result.seconds is None else f" after {result.seconds:.1f} s"
        click.echo(on_one_line(f"stopped {name}: {end_words(result)}{after}; {_rest(result)}"))
    elif result.action is Fate.ENDED:
        click.echo(on_one_line(f"{name} has ended: {end_words(result)}; {_rest(result)}"))


def say_goes_on(entries: Iterable[RunEntry]) -> None:
    """Say which runs nobody waits for any longer."""
    for entry in entries:
        line = f"{name_of(entry)} goes on; codexlab wait {entry.run_id} waits for its end"
        click.echo(f"codexlab: {on_one_line(line)}", err=True)


def write_results(results: Iterable[RunResult]) -> None:
    """Write all of them as JSON."""
    write_json([_describe(result) for result in results])


def end_words(result: RunResult) -> str:
    """Return how a run ended: its exit status, and why where that does not tell it."""
    entry = result.entry
    why = "" if entry.reason in _PLAIN else f" ({entry.reason})"
    return f"exit {result.status}{why}"


def _rest(result: RunResult) -> str:
    proof = result.proof or Proof(empty=False, proven=False)
    if proof.left:
        return f"{_processes(proof.left)} left; codexlab reap tries again"
    if not proof.empty:
        return "not proven empty; codexlab reap looks again"
    if not proof.proven:
        return "nothing of it is seen any more"
    if proof.mechanism is None:
        return "its record is gone" if result.entry.temporary else "no agent was started"
    swept = f"{_processes(proof.swept)} outlived it and ended; " if proof.swept else ""
    return f"{swept}nothing left running"


def _processes(count: int) -> str:
    return "1 process" if count == 1 else f"{count} processes"


def _describe(result: RunResult) -> dict[str, Any]:
    entry, proof = result.entry, result.proof
    return {
        "run_id": entry.run_id,
        "project": entry.project,
        "issue": entry.issue,
        "agent": entry.agent,
        "action": result.action,
        "seconds": None if result.seconds is None else round(result.seconds, 3),
        "finished": entry.finished,
        "reason": entry.reason,
        "exit_status": entry.exit_status,
        "contained": None if proof is None or proof.mechanism is None else asdict(proof),
        "empty": result.is_empty,
        "problem": result.problem,
    }
