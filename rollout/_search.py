"""Search the text of conversations, in both forms, with several processes.

::

    names and heads that fit  ->  candidate lines (ripgrep, or needle by needle)
                              ->  parsed, judged by role and time, matched  ->  hits
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from ._candidates import TOO_LONG, Candidate, Problems, candidates, is_unwanted
from ._directory import LogicalRollout
from ._entries import Entry, Role, all_text, entry_of
from ._excerpts import Excerpt, excerpts_of
from ._heads import head_of
from ._listing import Filters, select_rollouts
from ._names import RolloutForm
from ._plain_positions import plain_positions
from ._query import Query
from ._reader import MAX_LINE_BYTES
from ._records import is_object, parse_record, text_of
from ._ripgrep import Positions, ripgrep_positions
from ._snapshot import NoSuchRolloutError, NotARolloutFileError, RolloutSnapshot, open_snapshot
from ._store import UnreadableDirectory

_BATCH_BYTES = 32 << 20
_BATCH_FILES = 256
_WORTH_FORKING = 48 << 20
_COMPRESSED_WEIGHT = 8


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One entry with at least one match.

    :param rollout: where it is.
    :param line: number of its line, 1 for the first.
    :param entry: role, kind, time and tool; its ``text`` is left out.
    :param excerpts: one for each line of text with a match, 20 at most.
    :param matches: how many matches the entry holds.
    """

    rollout: LogicalRollout
    line: int
    entry: Entry
    excerpts: tuple[Excerpt, ...]
    matches: int


@dataclass(frozen=True, slots=True)
class SearchedRollout:
    """What came out of one rollout that has hits or problems.

    :param cwd: where its agent worked, "" when not known.
    :param hits: in order.
    :param problems: what kept parts of it from being searched.
    """

    rollout: LogicalRollout
    cwd: str
    hits: tuple[SearchHit, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Task:
    rollout: LogicalRollout
    positions: Positions | None
    weight: int


@dataclass(frozen=True, slots=True)
class _Job:
    """What a worker process needs for some rollouts."""

    tasks: list[_Task]
    query: Query
    filters: Filters


def search_rollouts(
    home: str | os.PathLike[str],
    query: Query,
    filters: Filters | None = None,
    *,
    processes: int = 1,
    ripgrep: str | None = None,
    on_unreadable: Callable[[UnreadableDirectory], object] | None = None,
) -> Iterator[SearchedRollout]:
    """Yield every rollout with a hit, newest first.

    A pattern is found within one text of an entry: a message, a tool's output, one
    argument of its call. Argument names, pictures and, unless asked for by role,
    what codex writes twice are not searched.

    :param processes: how many search at once. More than one forks this process,
        which then must not have other threads.
    :param on_unreadable: told of every directory that could not be searched.
    :param ripgrep: path of an ``rg`` that preselects lines of plain rollouts.

    Not promised: that lines written after the search began are found.
    """
    wanted = filters or Filters()
    found, unreadable = select_rollouts(home, wanted)
    if on_unreadable is not None:
        for directory in unreadable:
            on_unreadable(directory)
    found.sort(key=lambda rollout: rollout.name.order, reverse=True)
    jobs = list(_jobs(_tasks(found, query, ripgrep), query, wanted))
    worth = sum(task.weight for job in jobs for task in job.tasks) > _WORTH_FORKING
    if processes < 2 or not worth or len(jobs) < 2:
        for job in jobs:
            yield from _run(job)
        return
    import multiprocessing

    fork = multiprocessing.get_context("fork")
    with fork.Pool(min(processes, len(jobs)), _leave_interrupts_to_parent) as pool:
        for results in pool.imap(_run, jobs):
            yield from results


def _leave_interrupts_to_parent() -> None:
    # A terminal interrupts the whole group; the parent then ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _tasks(found: list[LogicalRollout], query: Query, ripgrep: str | None) -> Iterator[_Task]:
    # ripgrep's output has lines: a path with a line break is read here.
    plain = {r.path for r in found if r.plain and "\n" not in r.path} if ripgrep else set[str]()
    if ripgrep is None or not query.needle:
        plain.clear()
    positions = ripgrep_positions(ripgrep or "", sorted(plain), query)
    for rollout in found:
        if rollout.path in plain and rollout.path not in positions:
            continue
        known = positions.get(rollout.path)
        yield _Task(rollout, known, _weight(rollout) if known is None else len(known) << 12)


def _weight(rollout: LogicalRollout) -> int:
    """Estimate the bytes to be searched; nothing rests on it but the batches."""
    try:
        size = os.stat(rollout.current_path).st_size
    except OSError:
        return 1
    return size if rollout.plain else size * _COMPRESSED_WEIGHT


def _jobs(tasks: Iterator[_Task], query: Query, filters: Filters) -> Iterator[_Job]:
    batch: list[_Task] = []
    weight = 0
    for task in tasks:
        batch.append(task)
        weight += task.weight
        if weight > _BATCH_BYTES or len(batch) >= _BATCH_FILES:
            yield _Job(batch, query, filters)
            batch, weight = [], 0
    if batch:
        yield _Job(batch, query, filters)


def _run(job: _Job) -> list[SearchedRollout]:
    searched = (_search_one(task, job.query, job.filters) for task in job.tasks)
    return [result for result in searched if result is not None]


def _search_one(task: _Task, query: Query, filters: Filters) -> SearchedRollout | None:
    problems = Problems()
    hits: list[SearchHit] = []
    cwd = ""
    try:
        with open_snapshot(task.rollout.path, patience=0) as snapshot:
            if _is_out(snapshot, query, filters):
                return None
            for number, line in _candidates(snapshot, task.positions, query, problems):
                hit = _judge(task.rollout, number, line, query)
                if hit is not None:
                    hits.append(hit)
            cwd = _cwd(snapshot) if hits else ""
    except NoSuchRolloutError:
        return None  # deleted since it was listed
    except NotARolloutFileError as error:
        problems.note(str(error))
    except OSError as error:
        problems.note(error.strerror or str(error))
    if not hits and not problems.reasons:
        return None
    return SearchedRollout(task.rollout, cwd, tuple(hits), tuple(problems.reasons))


def _is_out(snapshot: RolloutSnapshot, query: Query, filters: Filters) -> bool:
    # No entry is newer than the file's last change.
    if query.since is not None and snapshot.mtime_ns < _nanoseconds(query.since):
        return True
    return filters.cwd is not None and not filters.fit_head(head_of(snapshot))


def _nanoseconds(timestamp: str) -> int:
    return int(datetime.fromisoformat(timestamp).timestamp()) * 10**9


def _cwd(snapshot: RolloutSnapshot) -> str:
    meta = head_of(snapshot).meta
    return "" if meta is None else meta.cwd


def _candidates(
    snapshot: RolloutSnapshot, positions: Positions | None, query: Query, problems: Problems
) -> Iterator[Candidate]:
    if snapshot.form is not RolloutForm.PLAIN or not query.needle:
        # Positions that ripgrep found in a plain form now gone mean nothing here.
        return candidates(snapshot, query, problems)
    found = plain_positions(snapshot, query) if positions is None else positions
    return _at_positions(snapshot, found, query, problems)


def _at_positions(
    snapshot: RolloutSnapshot,
    positions: Iterable[tuple[int, int]],
    query: Query,
    problems: Problems,
) -> Iterator[Candidate]:
    with open(snapshot.fd, "rb", buffering=1 << 14, closefd=False) as file:
        for number, offset in positions:
            file.seek(offset)
            line = file.readline(MAX_LINE_BYTES + 1).rstrip(b"\n")
            if len(line) > MAX_LINE_BYTES:
                problems.note(TOO_LONG)
            elif not is_unwanted(line, query):
                yield number, line


def _judge(rollout: LogicalRollout, number: int, line: bytes, query: Query) -> SearchHit | None:
    record = parse_record(line.removeprefix(b"\xef\xbb\xbf"))
    if record is None:
        record = parse_record(line.decode(errors="replace").encode())
    if record is None:
        return None
    entry = entry_of(record)
    if entry.role not in query.roles or not _in_time(entry.timestamp, query):
        return None
    excerpts, matches = excerpts_of(_searchable(record, entry), query.pattern, query.context)
    if not matches:
        return None
    bare = Entry(entry.role, entry.kind, entry.timestamp, "", entry.name, entry.call_id)
    return SearchHit(rollout, number, bare, excerpts, matches)


def _in_time(timestamp: str, query: Query) -> bool:
    return (query.since is None or timestamp >= query.since) and (
        query.until is None or timestamp < query.until
    )


def _searchable(record: dict[str, object], entry: Entry) -> str:
    """Return texts as the rollout holds them: a needle must not fail for our layout."""
    if entry.role is not Role.TOOL or entry.is_tool_output:
        return entry.text
    payload = record.get("payload")
    if not is_object(payload):
        return entry.text
    written = payload.get("arguments", payload.get("input", payload.get("action")))
    arguments = parse_record(text_of(written).encode()) if isinstance(written, str) else written
    return all_text(written if arguments is None else arguments)
