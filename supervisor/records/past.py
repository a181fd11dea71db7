"""The runs that are over, from the registry and the history together."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from ..callbacks import Tell
from ..history.database import HistoryUnusable, peek_history, read_history
from ..history.past_runs import (
    RunName,
    RunQuery,
    issues_of_threads,
    known_ids,
    newest_first,
    run_names,
    runs_that_may_be,
    select_runs,
)
from ..history.run_entry import RunEntry
from .ended import FEW, move_ended
from .registry import read_entries, registered_roots

_T = TypeVar("_T")


def list_past_runs(
    query: RunQuery, ended: Sequence[RunEntry], roots: Iterable[Path], tell: Tell
) -> tuple[list[RunEntry], int]:
    """Return the runs that are over and asked for, newest first, and how many there are.

    :param ended: those that the registry had; read before, so that a run that moves meanwhile
        is seen in one of the two.
    :param roots: workspaces roots to look through if the history must be made anew.
    :param tell: takes one line for a person, about a damaged or unusable history.
    """
    here = [entry for entry in ended if query.takes(entry)]

    def find(database: sqlite3.Connection) -> tuple[list[RunEntry], int]:
        found, count = select_runs(database, query)
        twice = known_ids(database, (entry.run_id for entry in here))
        return found, count - len(twice)

    nothing: tuple[list[RunEntry], int] = ([], 0)
    found, count = _read(find, nothing, roots, tell)
    joined = {entry.run_id: entry for entry in (*found, *here)}
    return newest_first(joined.values())[: query.limit], count + len(here)


def tidy_registry(roots: Iterable[Path], tell: Tell) -> None:
    """Move what is over into the history, once some has gathered; what fails is tried again."""
    with suppress(HistoryUnusable):
        move_ended(roots, tell, least=FEW)


def past_names(roots: Iterable[Path], tell: Tell, names: Sequence[str] = ()) -> list[RunName]:
    """Return what the runs of the history can be called by.

    :param names: only runs that one of these may mean; empty: all.
    """

    def find(database: sqlite3.Connection) -> list[RunName]:
        found = [run for name in names for run in runs_that_may_be(database, name)]
        return list(dict.fromkeys(found)) if names else run_names(database)

    return _read(find, [], roots, tell)


def past_ids() -> list[str]:
    """Return the ids of the runs of the history, as far as it can be read now."""
    return [row[0] for row in peek_history(run_names) or ()]


def issues_of_known_threads() -> dict[str, str]:
    """Return the issue of each conversation that a run had, be its workspace there or not."""
    ours = {thread: entry.issue for entry in read_entries() for thread in _threads(entry)}
    return (peek_history(issues_of_threads) or {}) | ours


def _threads(entry: RunEntry) -> Iterator[str]:
    for thread in (*entry.facts.threads, entry.thread):
        if thread:
            yield thread.lower()


def _read(
    work: Callable[[sqlite3.Connection], _T], nothing: _T, roots: Iterable[Path], tell: Tell
) -> _T:
    def recover() -> Iterator[RunEntry]:
        from .recorded import recorded_runs  # here: it is seldom needed, and large

        return recorded_runs({*roots, *registered_roots()})

    try:
        return read_history(work, recover, tell)
    except HistoryUnusable as error:
        tell(str(error))
        return nothing
