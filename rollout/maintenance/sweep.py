"""Sweep a store: finish what was left, compress what is cold, settle what is due.

A sweep keeps no record: a file that has a compressed form is no candidate any more. So
a sweep that follows a stopped one goes on where that ended.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..compression.candidate import CompressOptions
from ..compression.compress import compress
from ..locks.store import sweep_locks
from ..locks.sweep_marker import note_swept
from ..operations.handle import StoreHandle
from ..operations.journal import journal_paths, read_entries
from ..operations.result import Outcome, Result
from ..reconcile.recover import recover
from ..reconcile.retired import RETIRED_GRACE, SettleOptions, seconds_left, settle
from ..store.rollout_ref import RolloutRef
from ..store.scan import StoreScan, UnreadableDirectory, scan_store
from .budget import Budget, Cold

COLD_AGE = 7 * 86400.0
QUIET = 3600.0
LOW_SPACE = 2 << 30
_PAUSE = 0.5
# When space is low, this share of it is encoded before any is freed.
_SHARE = 4
# The next sweep may do better with these. A cold rollout that is open stays open for long.
_UNFINISHED = frozenset({Outcome.WAITING, Outcome.CHANGED, Outcome.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepOptions:
    """Options of a sweep.

    :param cold_age: seconds since the last write; younger files stay plain.
    :param max_bytes: plain bytes to compress at most; None for no limit. A file that cannot
        be compressed spends nothing. A file larger than the rest of the budget is passed over.
    :param max_files: files to compress at most.
    :param max_seconds: begin no more files after so many seconds.
    :param workers: threads that encode.
    :param strict: leave files alone where the kernel grants no leases.
    :param dry_run: say what would be done, and change nothing.
    :param grace: seconds for which a plain file is kept after it was replaced.
    :param wait: stay until what this sweep replaced is settled.
    :param low_space: with fewer free bytes than this, kept files are settled at once. Until
        then the sweep encodes only as much as the free space surely holds.
    :param should_stop: asked between chunks of files and while waiting.
    :param on_begin: told once, before the first file is compressed, the number of cold
        files within the budgets and their bytes.
    :param on_unreadable: told of each directory that cannot be read; nothing in it is swept.
    """

    cold_age: float = COLD_AGE
    max_bytes: int | None = None
    max_files: int | None = None
    max_seconds: float | None = None
    workers: int = 1
    strict: bool = False
    dry_run: bool = False
    grace: float = RETIRED_GRACE
    wait: bool = True
    low_space: int = LOW_SPACE
    should_stop: Callable[[], bool] = lambda: False
    on_begin: Callable[[int, int], None] = lambda _files, _bytes: None
    on_unreadable: Callable[[UnreadableDirectory], None] = lambda _directory: None

    @property
    def is_partial(self) -> bool:
        """Tell whether it may leave something cold as it is."""
        budgets = (self.max_bytes, self.max_files, self.max_seconds)
        return self.strict or budgets != (None, None, None)


def sweep(
    store: StoreHandle,
    options: SweepOptions = SweepOptions(),
) -> Iterator[Result]:
    """Sweep the store of a home, archived rollouts first, old ones before new ones.

    :returns: a result for all that was found unfinished, each candidate, and all that
        was settled; files that are not cold are passed over in silence.
    :raises SweeperBusyError: another sweep, ours or codex's, is at work.
    """
    if options.dry_run:
        yield from _sweep(store, options, _scan(store, options))
        return
    with sweep_locks(store.maintenance_lock, store.sweep_lock):
        with store.ops.coordination(store.locks) as coordination:
            coordination.sweep()  # lock files of killed writers, as codex does at its start
        scan = _scan(store, options)
        is_complete = not (options.is_partial or scan.unreadable)
        reported: set[str] = set()
        for result in _sweep(store, options, scan):
            is_complete &= result.outcome not in _UNFINISHED
            if result.outcome is Outcome.REPORTED:
                reported.add(result.path)
            yield result
        for result in _wait_and_settle(store, options):
            is_complete &= result.outcome not in _UNFINISHED
            is_news = result.outcome is not Outcome.REPORTED or result.path not in reported
            if is_news and (result.outcome is not Outcome.WAITING or options.wait):
                yield result
        if is_complete and not options.should_stop():
            note_swept(store.sweep_lock, options.cold_age)


def _scan(store: StoreHandle, options: SweepOptions) -> StoreScan:
    scan = scan_store(store.home)
    for directory in scan.unreadable:
        options.on_unreadable(directory)
    return scan


def _sweep(store: StoreHandle, options: SweepOptions, scan: StoreScan) -> Iterator[Result]:
    began = time.monotonic()

    def should_stop() -> bool:
        late = options.max_seconds is not None
        late = late and time.monotonic() - began >= (options.max_seconds or 0.0)
        return late or options.should_stop()

    settle_options = SettleOptions(grace=options.grace, dry_run=options.dry_run)
    yield from recover(store, settle_options, scan)
    compress_options = CompressOptions(
        strict=options.strict,
        workers=options.workers,
        dry_run=options.dry_run,
        min_age=options.cold_age,
        min_quiet=min(QUIET, options.cold_age),
        should_stop=should_stop,
        room=lambda: _room(store, options),
    )
    budget = Budget(options.max_files, options.max_bytes)
    chosen, later = budget.choose(list(_cold(store, scan.rollouts, options)))
    options.on_begin(len(chosen), sum(size for _, size in chosen))
    while chosen and not should_stop():
        sizes = {rollout.path: size for rollout, size in chosen}
        for result in compress(store, [rollout for rollout, _ in chosen], compress_options):
            yield result
            if result.outcome in (Outcome.COMPRESSED, Outcome.WOULD):
                budget.spend(sizes[result.path])
            if result.outcome is Outcome.COMPRESSED and _room(store, options) is not None:
                yield from settle(store, SettleOptions(grace=0))
        chosen, later = budget.choose(later)


def _cold(store: StoreHandle, rollouts: list[RolloutRef], options: SweepOptions) -> Iterator[Cold]:
    """Yield cold plain files, archived ones first, old ones before new ones."""
    oldest = time.time() - options.cold_age
    for found in sorted(rollouts, key=lambda each: (not each.archived, each.name.order)):
        stat = None if found.compressed_seen or not found.plain_seen else _lstat(found.path)
        if stat is None or stat.st_mtime > oldest:
            continue
        yield store.rollout(found.path), stat.st_size


def _lstat(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError:
        return None


def _room(store: StoreHandle, options: SweepOptions) -> int | None:
    """Return how many plain bytes may be begun before some are freed; None for plenty."""
    # Either root may be a link to another filesystem, and need not be there.
    roots = filter(os.path.isdir, (store.sessions, store.archived))
    free = min(map(_free_bytes, roots), default=options.low_space)
    return None if free >= options.low_space else free // _SHARE


def _free_bytes(path: str) -> int:
    space = os.statvfs(path)
    return space.f_bavail * space.f_frsize


def _wait_and_settle(store: StoreHandle, options: SweepOptions) -> Iterator[Result]:
    """Wait for the grace of what was kept, unless told not to, and settle what is due."""
    while options.wait and (left := _longest_wait(store, options)) > 0:
        if options.should_stop():
            return
        time.sleep(min(left, _PAUSE))
    yield from settle(store, SettleOptions(grace=options.grace))


def _longest_wait(store: StoreHandle, options: SweepOptions) -> float:
    """Return the seconds until everything kept is due; a longer grace is not waited for."""
    waits = [0.0]
    for path in journal_paths(store):
        for entry in read_entries(path):
            kept = entry.find(store)
            # Between the two looks somebody else may settle it.
            with contextlib.suppress(FileNotFoundError):
                left = seconds_left(entry, kept, options.grace) if kept is not None else 0.0
                waits.append(left if left <= options.grace else 0.0)
    return max(waits)
