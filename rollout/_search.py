"""Search the text of conversations, in both forms, with several processes.

::

    names and heads that fit  ->  candidate lines (ripgrep, or needle by needle)
                              ->  parsed, judged by role and time, matched  ->  hits
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from ._directory import LogicalRollout
from ._query import Query
from ._ripgrep import Positions, ripgrep_positions
from ._select import Filters, select_rollouts
from ._store import UnreadableDirectory

if TYPE_CHECKING:
    from ._search_one import SearchedRollout

_BATCH_BYTES = 32 << 20
_BATCH_FILES = 256
_WORTH_FORKING = 48 << 20
_COMPRESSED_WEIGHT = 8


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
    tasks = list(_tasks(found, query, ripgrep))
    tasks.sort(key=lambda task: task.rollout.name.order, reverse=True)
    jobs = list(_jobs(tasks, query, wanted))
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
    paths = [rollout.path for rollout in found]
    asked: list[str] = []
    if ripgrep is not None and query.needle:
        both = zip(paths, found, strict=True)
        asked = [path for path, rollout in both if rollout.plain and "\n" not in path]
    positions = ripgrep_positions(ripgrep or "", asked, query, _load_the_rest)
    passed = frozenset(asked).difference(positions)
    for path, rollout in zip(paths, found, strict=True):
        if path in passed:
            continue
        known = positions.get(path)
        yield _Task(rollout, known, _weight(rollout) if known is None else len(known) << 12)


def _load_the_rest() -> None:
    """Import what looks at candidates while ripgrep is looking for them."""
    for module in ("codexlab.rollout._search_one", "orjson"):
        import_module(module)


def _weight(rollout: LogicalRollout) -> int:
    """Estimate the bytes to be searched; nothing rests on it but the batches."""
    try:
        size = os.stat(rollout.current_path).st_size
    except OSError:
        return 1
    return size if rollout.plain else size * _COMPRESSED_WEIGHT


def _jobs(tasks: list[_Task], query: Query, filters: Filters) -> Iterator[_Job]:
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
    from ._search_one import search_one

    searched = (
        search_one(task.rollout, task.positions, job.query, job.filters) for task in job.tasks
    )
    return [result for result in searched if result is not None]
