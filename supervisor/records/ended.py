"""Finish the entries of runs that are over, and move them from the registry into the history.

Invariant: an entry is removed only once the history has it for good. A mover that is killed in
between leaves it in both places, where the registry's is believed, and the next mover replaces the
other. So no run is lost, and none is shown twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...kernel.process.identity import is_running
from ...kernel.values import replace
from ..callbacks import Tell
from ..clock import now_text
from ..history.run_entry import RunEntry
from ..lifecycle.exit import EXIT_FAILED, AgentOutcome, Reason
from .facts import facts_of_record, log_size
from .record_file import read_record
from .registry import (
    count_entries,
    finish,
    forget,
    is_here,
    prune,
    read_entries,
    read_entry,
    registered_roots,
)

if TYPE_CHECKING:
    import sqlite3

# So many may gather before a launch's end spends time on them; readers move a few.
_MANY, FEW = 500, 32


def move_if_many() -> None:
    """Move them at a launch's end, and only many: it takes a while.

    Where the history cannot be changed now, the oldest entries go: there is a bound to them.
    """
    if count_entries() < _MANY:
        return
    from ...kernel.errors import OperatorError

    with suppress(OperatorError):
        move_ended((), _say_nothing, patience=0.0)
    prune(_is_over)


def move_ended(
    roots: Iterable[Path], tell: Tell, *, least: int = 1, patience: float | None = None
) -> None:
    """Move the entries of all runs that are over.

    :param roots: workspaces roots to look through if the history must be made anew, beside
        those of the registry.
    :param tell: takes one line for a person, about a damaged history.
    :param least: move nothing where fewer are over.
    :param patience: seconds to wait for others that use the history.
    :raises HistoryUnusable: it cannot be changed now; every entry stays.
    """
    if count_entries() < least or len(ended_entries()) < least:
        return
    # Here: a launch's end, which seldom moves anything, does not load SQLite.
    from ..history.database import PATIENCE, change_history
    from .recorded import recorded_runs

    def move(database: sqlite3.Connection) -> None:
        _move(database, ended_entries())

    wait = PATIENCE if patience is None else patience
    change_history(move, lambda: recorded_runs({*roots, *registered_roots()}), tell, patience=wait)


def _move(database: sqlite3.Connection, entries: Iterable[RunEntry]) -> None:
    from ..history.past_runs import add_runs, trim

    with database:
        database.execute("BEGIN IMMEDIATE")
        add_runs(database, entries)
        trim(database)
    for entry in entries:
        forget(entry.run_id)


def ended_entries() -> list[RunEntry]:
    """Return the entries of the registry whose runs ended and whose guardians are gone."""
    return [entry for entry in read_entries() if entry.finished is not None and _is_gone(entry)]


def _is_gone(entry: RunEntry) -> bool:
    return not is_here(entry) or not is_running(entry.guardian)


def _is_over(entry: RunEntry) -> bool:
    return is_here(entry) and not is_running(entry.guardian)


def finish_by_record(entry: RunEntry) -> RunEntry:
    """Finish the entry of a run that is over, by its own record where it has one."""
    record = read_record(Path(entry.record).parent, _base(entry)) or {}
    if not isinstance(record.get("reason"), str):
        record = {"reason": Reason.SUPERVISOR_LOST, "exit_status": EXIT_FAILED}
    status = record.get("exit_status")
    end: dict[str, Any] = {
        "finished": _text(record, "finished") or now_text(),
        "reason": _text(record, "reason"),
        "exit_status": status if isinstance(status, int) else None,
        "agent_outcome": _text(record, "agent_outcome") or AgentOutcome.FAILED,
        "thread": _text(record, "thread"),
        "error": _text(record, "error"),
    }
    told = facts_of_record(record, log_size=log_size(Path(entry.record).parent))
    # An agent may have written that record. What was to be run, and where, was noted before.
    facts = replace(told, command=entry.facts.command, workdir=entry.facts.workdir)
    # Where it cannot be written, whoever looks next comes to the same result.
    with suppress(OSError):
        finish(entry.run_id, end, facts)
    return replace(entry, **end, facts=facts if record.get("command") else entry.facts)


def finish_dead_run(run_id: str) -> None:
    """Finish the entry of a run whose processes were ended, unless it says its end already."""
    entry = read_entry(run_id)
    if entry is None or entry.finished is not None or not is_here(entry):
        return
    if not is_running(entry.guardian):
        finish_by_record(entry)


def _text(record: Mapping[str, Any], name: str) -> str | None:
    """Return a text of a record, which an agent may have written."""
    value = record.get(name)
    return value if isinstance(value, str) else None


def _base(entry: RunEntry) -> Path | None:
    """Return the workspaces root of a run: no link is followed below it."""
    parents = Path(entry.workspace).parents
    return parents[2] if len(parents) > 3 else None


def _say_nothing(line: str) -> None:
    """Take no line: a launch that ends has nothing to say of other runs."""
    del line
