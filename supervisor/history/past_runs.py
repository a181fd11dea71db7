"""The rows of the history: one for each run that is over, with its entry as the registry had it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from ...kernel.values import frozen
from .run_entry import RunEntry, encode_entry, parse_entry

VERSION = 1
KEPT_DAYS = 180
KEPT_RUNS = 20_000
# A later version keeps ``runs.entry``: that is all that is taken over from an earlier one.
_COLUMNS = ["run_id", "started", "project", "issue", "agent", "outcome", "reason", "root", "entry"]
CREATE = (
    (
        f"CREATE TABLE runs ({', '.join(f'{name} TEXT NOT NULL' for name in _COLUMNS)},"
        " PRIMARY KEY (run_id))"
    ),
    "CREATE INDEX runs_by_start ON runs (started)",
    (
        "CREATE TABLE threads (thread TEXT NOT NULL, run_id TEXT NOT NULL, issue TEXT NOT NULL,"
        " PRIMARY KEY (thread, run_id))"
    ),
    "CREATE INDEX threads_by_run ON threads (run_id)",
)
REFUSED = "refused"


@frozen
class RunQuery:
    """The runs that a person asks for; None stands for any.

    :param outcome: one of ``AgentOutcome``, or ``refused``: no agent was started.
    :param since: the earliest start, as an entry says it.
    :param limit: how many at most, the newest.
    """

    issue: str | None = None
    project: str | None = None
    agent: str | None = None
    outcome: str | None = None
    since: str | None = None
    limit: int | None = None

    def takes(self, entry: RunEntry) -> bool:
        """Tell whether a run is among them, but for the limit."""
        asked = (self.issue, self.project, self.agent, self.outcome)
        found = (entry.issue, entry.project, entry.agent, outcome_of(entry))
        named = all(one in (None, other) for one, other in zip(asked, found, strict=True))
        return named and (self.since is None or entry.started >= self.since)


def outcome_of(entry: RunEntry) -> str | None:
    """Return what became of a run's task, in one word; None while it goes on."""
    return entry.agent_outcome or (None if entry.finished is None else REFUSED)


def newest_first(entries: Iterable[RunEntry]) -> list[RunEntry]:
    """Return entries by the moment they began; the ids go by the second only."""
    return sorted(entries, key=lambda entry: (entry.started, entry.run_id), reverse=True)


def add_runs(database: sqlite3.Connection, entries: Iterable[RunEntry]) -> None:
    """Write runs down; a run that is there already is replaced."""
    for entry in entries:
        row = (
            entry.run_id,
            entry.started,
            *map(_text, (entry.project, entry.issue, entry.agent)),
            *map(_text, (outcome_of(entry) or "", entry.reason or "", root_of(entry))),
            encode_entry(entry),
        )
        database.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        threads = dict.fromkeys(filter(None, (*entry.facts.threads, entry.thread)))
        rows = [(_text(thread.lower()), entry.run_id, _text(entry.issue)) for thread in threads]
        database.executemany("INSERT OR REPLACE INTO threads VALUES (?, ?, ?)", rows)


def root_of(entry: RunEntry) -> str:
    """Return the workspaces root of a run, or an empty text."""
    parts = entry.workspace.rsplit("/", 3)
    return parts[0] if len(parts) == 4 else ""


def trim(database: sqlite3.Connection, now: datetime | None = None) -> None:
    """Let go of runs beyond the kept ones: the oldest, and those that are too old."""
    earliest = (now or datetime.now(UTC)) - timedelta(days=KEPT_DAYS)
    database.execute("DELETE FROM runs WHERE started < ?", (earliest.isoformat()[:19],))
    database.execute(
        "DELETE FROM runs WHERE run_id IN"
        " (SELECT run_id FROM runs ORDER BY started DESC, run_id DESC LIMIT -1 OFFSET ?)",
        (KEPT_RUNS,),
    )
    database.execute("DELETE FROM threads WHERE run_id NOT IN (SELECT run_id FROM runs)")


def select_runs(database: sqlite3.Connection, query: RunQuery) -> tuple[list[RunEntry], int]:
    """Return the newest of the runs that are asked for, and how many there are of them."""
    where, values = _condition(query)
    (count,) = database.execute(f"SELECT count(*) FROM runs{where}", values).fetchone()
    rows = database.execute(
        f"SELECT entry FROM runs{where} ORDER BY started DESC, run_id DESC LIMIT ?",
        (*values, -1 if query.limit is None else query.limit),
    )
    return list(entries_of(rows)), count


def _condition(query: RunQuery) -> tuple[str, tuple[str, ...]]:
    asked = {name: getattr(query, name) for name in ("issue", "project", "agent", "outcome")}
    terms = {f"{name} = ?": _text(value) for name, value in asked.items() if value is not None}
    if query.since is not None:
        terms["started >= ?"] = query.since
    return (" WHERE " + " AND ".join(terms) if terms else ""), tuple(terms.values())


def find_run(database: sqlite3.Connection, run_id: str) -> RunEntry | None:
    """Return one run, or None where there is none of that id."""
    rows = database.execute("SELECT entry FROM runs WHERE run_id = ?", (_text(run_id),))
    return next(entries_of(rows), None)


RunName = tuple[str, str, str, str, str, str]
"""Id, project, issue, agent, start and reason of a run."""
_NAMES = "SELECT run_id, project, issue, agent, started, reason FROM runs"


def run_names(database: sqlite3.Connection) -> list[RunName]:
    """Return what each run can be called by, newest first."""
    return database.execute(f"{_NAMES} ORDER BY started DESC").fetchall()


def runs_that_may_be(database: sqlite3.Connection, name: str) -> list[RunName]:
    """Return the runs that a name may mean, and perhaps some more; see `run_names` of the cli.

    :param name: the beginning of an id or of its part behind the date, or a text that holds an
        issue. ``-`` means the last run of each project.
    """
    if name == "-":
        # SQLite takes the other columns of a group from the row with the greatest value.
        last = _NAMES.replace("started", "max(started)")
        return database.execute(f"{last} GROUP BY project").fetchall()
    return database.execute(
        f"{_NAMES} WHERE instr(?1, issue) OR substr(run_id, 1, length(?1)) = ?1"
        " OR substr(run_id, instr(run_id, '-') + 1, length(?1)) = ?1",
        (_text(name),),
    ).fetchall()


def known_ids(database: sqlite3.Connection, run_ids: Iterable[str]) -> set[str]:
    """Return those of some ids that are in the history."""
    found = (database.execute("SELECT run_id FROM runs WHERE run_id = ?", (i,)) for i in run_ids)
    return {row[0] for rows in found for row in rows}


def issues_of_threads(database: sqlite3.Connection) -> dict[str, str]:
    """Return the issue of each conversation that a run of the history had, by its last run."""
    return dict(database.execute("SELECT thread, issue FROM threads ORDER BY run_id"))


def roots(database: sqlite3.Connection) -> list[str]:
    """Return the workspaces roots that runs of the history used."""
    return [root for (root,) in database.execute("SELECT DISTINCT root FROM runs") if root]


def entries_of(rows: Iterable[tuple[Any, ...]]) -> Iterator[RunEntry]:
    """Yield the entries of some rows; what is no entry is left out."""
    for (text,) in rows:
        entry = parse_entry(text.encode()) if isinstance(text, str) else None
        if entry is not None:
            yield entry


def _text(value: str) -> str:
    """Return a text that SQLite can hold: lone halves of characters spelt out."""
    return value.encode("utf-8", "backslashreplace").decode()
