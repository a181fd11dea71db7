"""Search the text of conversations, in both forms, with several processes.

::

    names that fit  ->  candidate lines (ripgrep, or needle by needle)
                    ->  heads that fit, parsed, judged by role and time, matched  ->  hits
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from ...kernel.errors import OperatorError
from ...kernel.values import frozen
from ..catalog.filters import Chooser, Filters, select_rollouts
from ..catalog.pieces import Cut, Pieces, cuts_of, take_threads
from ..store.rollout_ref import RolloutRef
from ..store.scan import UnreadableDirectory, scan_store
from .match import SearchedRollout, search_one
from .query import Query
from .ripgrep_batch import ripgrep_positions
from .ripgrep_process import Positions

_BATCH_BYTES = 32 << 20
_BATCH_FILES = 256
_WORTH_FORKING = 48 << 20
_COMPRESSED_WEIGHT = 8
_BUNDLED_HITS = 256


@frozen
class _Task:
    rollout: RolloutRef
    positions: Positions | None
    weight: int


@frozen
class _Job:
    """The work of one worker process: some rollouts, and the search."""

    tasks: list[_Task]
    query: Query
    filters: Filters
    most: int | None
    cuts: dict[str, Cut]


class SearchBroken(OperatorError):
    """A process of the search was killed, as when memory runs out."""

    def __init__(self) -> None:
        super().__init__(
            "a process of the search was killed, so what it had left was not searched;"
            " search again, with -j 1 where memory is short"
        )


def search_rollouts(
    home: str | os.PathLike[str],
    query: Query,
    filters: Filters | None = None,
    *,
    processes: int = 1,
    ripgrep: str | None = None,
    most: int | None = None,
    on_unreadable: Callable[[UnreadableDirectory], object] | None = None,
) -> Iterator[SearchedRollout]:
    """Yield every rollout with a hit, newest first; one with very many in several parts.

    A pattern is found within one text of an entry: a message, a tool's output, one
    argument of its call. Argument names, pictures and, unless asked for by role,
    what codex writes twice are not searched.

    :param processes: how many search at once. More than one forks this process,
        which then must not have other threads.
    :param ripgrep: path of an ``rg`` that preselects lines of plain rollouts.
    :param most: leave a rollout after so many hits; the rest of it is not read.
    :param on_unreadable: told of every directory that could not be searched.
    :raises SearchBroken: a process of the search was killed.

    Not promised: that lines written after the search began are found.
    """
    wanted = filters or Filters()
    base = os.fspath(home)
    found, unreadable = select_rollouts(base, wanted)
    if on_unreadable is not None:
        for directory in unreadable:
            on_unreadable(directory)
    tasks = sorted(
        _tasks_of(found, query, ripgrep), key=lambda task: task.rollout.name.order, reverse=True
    )
    cuts = _cuts_of(base, tasks, found, wanted)
    jobs = [_Job(batch, query, wanted, most, cuts) for batch in _batches(tasks)]
    worth = sum(task.weight for job in jobs for task in job.tasks) > _WORTH_FORKING
    if processes < 2 or not worth or len(jobs) < 2:
        for job in jobs:
            yield from _run(job)
        return
    yield from _in_processes(jobs, min(processes, len(jobs)))


def _in_processes(jobs: list[_Job], processes: int) -> Iterator[SearchedRollout]:
    from .ordered_pool import WorkerLost, in_order

    try:
        for results in in_order(lambda number: _bundled(_run(jobs[number])), len(jobs), processes):
            yield from results
    except WorkerLost:
        raise SearchBroken from None


def _bundled(results: Iterator[SearchedRollout]) -> Iterator[list[SearchedRollout]]:
    """Put small results together: each bundle is a message between processes."""
    bundle: list[SearchedRollout] = []
    hits = 0
    for result in results:
        bundle.append(result)
        hits += 1 + len(result.hits)
        if hits >= _BUNDLED_HITS:
            yield bundle
            bundle, hits = [], 0
    if bundle:
        yield bundle


def _tasks_of(rollouts: list[RolloutRef], query: Query, ripgrep: str | None) -> Iterator[_Task]:
    # ripgrep's output has lines: a path with a line break is read here.
    asked: list[str] = []
    paths = [each.path for each in rollouts]
    if ripgrep is not None and query.needle:
        known_plain = (path for path, each in zip(paths, rollouts, strict=True) if each.plain_seen)
        asked = [path for path in known_plain if "\n" not in path]
    positions = ripgrep_positions(ripgrep or "", asked, query)
    passed = frozenset(asked).difference(positions)
    for path, rollout in zip(paths, rollouts, strict=True):
        known = positions.get(path)
        if known is not None:
            yield _Task(rollout, known, len(known) << 12)
        elif path not in passed:
            yield _Task(rollout, None, _weight(rollout))


def _weight(rollout: RolloutRef) -> int:
    """Estimate the bytes to be searched; nothing rests on it but the batches."""
    try:
        size = os.stat(rollout.current_path).st_size
    except OSError:
        return 1
    return size if rollout.plain_seen else size * _COMPRESSED_WEIGHT


def _batches(tasks: list[_Task]) -> Iterator[list[_Task]]:
    batch: list[_Task] = []
    weight = 0
    for task in tasks:
        batch.append(task)
        weight += task.weight
        if weight > _BATCH_BYTES or len(batch) >= _BATCH_FILES:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch


def _run(job: _Job) -> Iterator[SearchedRollout]:
    chooser = Chooser(job.filters)
    for task in job.tasks:
        rollout, cut = task.rollout, job.cuts.get(task.rollout.path)
        yield from search_one(rollout, task.positions, job.query, chooser, job.most, cut)


def _cuts_of(
    home: str, tasks: list[_Task], found: list[RolloutRef], wanted: Filters
) -> dict[str, Cut]:
    """Say of the files of threads that went on in a new one where what counts in them ends."""
    if not any("_" in each.name.plain_name for each in found):
        return {}
    searched = {task.rollout.thread_id for task in tasks}
    # A thread's other files, and those of what it is a fork of, need not be wanted.
    whole = found if wanted == Filters(cwd=wanted.cwd) else scan_store(home).rollouts
    several = take_threads([each for each in whole if each.thread_id in searched])
    return cuts_of(several, Pieces(home, whole))
