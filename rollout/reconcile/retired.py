"""Settle kept files: unlink what the thread holds, give back what it does not.

**Invariant.** A kept file is unlinked only while a lease says that nobody can write to it.
Before that, its every byte was found in the thread's present form. Both files are checked again
in between. In every other case its bytes go back into the thread, or are kept.

Files are compared without locks, because that reads whole files. `kept_file` makes the changes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...kernel.errors import BusyError, CodexlabError
from ..operations.handle import StoreHandle
from ..operations.journal import Journal, open_journals
from ..operations.journal_entry import JournalEntry
from ..operations.journal_line import KeptKind
from ..operations.result import DoubtedJournal, Outcome, Result
from .decide import Action, Forms, Relation, decide_kept, describe_relation
from .inspect import (
    PAIR_REST,
    Inspection,
    can_be_written,
    fingerprint,
    inspect,
    locate,
)
from .kept_file import KeptFile, drop, give_name_back, join, unlink_leased, waits
from .materialize import DisagreementError
from .pair import resolve_pair
from .proof import doubt_of, is_behind_link

# Seconds that a retired file is kept: usually, after a scan only, and where the thread was deleted.
# `codexlab rollout sweep --grace` sets the first, which is 0 where space is low.
RETIRED_GRACE = 60.0
# Without leases only a scan of descriptors said that nobody writes.
UNLEASED_GRACE = 600.0
_DELETED_DAYS = 7
DELETED_EXPIRY = _DELETED_DAYS * 86400.0
_GIVES_BACK = frozenset({Action.PUT_BACK, Action.APPEND, Action.MATERIALIZE})


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleOptions:
    """When kept files are due.

    :param grace: seconds since a file was taken away; 0 when space is low.
    :param rest: seconds for which both forms must have stayed unchanged. A codex of a
        home that is not linked to this one may be about to remove one of them.
    :param dry_run: say what would be done, and change nothing.
    """

    grace: float = RETIRED_GRACE
    rest: float = PAIR_REST
    dry_run: bool = False


def settle(
    store: StoreHandle,
    options: SettleOptions = SettleOptions(),
) -> Iterator[Result]:
    """Settle every kept file whose grace is over, ours and those of a dead process.

    :returns: a result for each kept file that there is, also for those that wait.
    """
    for journal in open_journals(store):
        try:
            if journal.doubts:
                yield _doubted(journal.path, journal.doubts)
            for entry in journal.entries:
                kept = entry.find(store)
                if kept is not None:
                    yield _settle_one(store, journal, entry, kept, options)
        finally:
            if options.dry_run:
                journal.release()
            else:
                journal.close(store)


def _doubted(path: str, doubts: Sequence[str]) -> Result:
    """Report a journal of which a line is not believed."""
    more = f", and {len(doubts) - 1} more lines are like it" if len(doubts) > 1 else ""
    return Result(
        DoubtedJournal(path),
        Outcome.REPORTED,
        f"{path}: {doubts[0]}{more}; the file that it names was left alone;"
        " look at that file, then remove the line",
    )


def seconds_left(entry: JournalEntry, kept: str, grace: float) -> float:
    """Return how long a kept file still has to wait; 0 or less when it is due.

    The clock since boot decides. The rename and every later write set the file's ctime,
    which can only make the wait longer. It counts for nothing if the wall clock was set back.
    """
    if entry.kind is KeptKind.SHADOW:
        return 0.0
    wanted = grace if entry.leased or grace == 0 else max(grace, UNLEASED_GRACE)
    changed = time.time() - os.lstat(kept).st_ctime
    since = entry.age() if changed < 0 else min(entry.age(), changed)
    return wanted - since


def _settle_one(
    store: StoreHandle,
    journal: Journal,
    entry: JournalEntry,
    kept: str,
    options: SettleOptions,
) -> Result:
    rollout = store.recorded(entry.root, entry.relative)
    try:
        if seconds_left(entry, kept, options.grace) > 0:
            return Result(rollout, Outcome.WAITING, "its grace is not over", entry.size)
        if is_behind_link(store, rollout):
            return _behind_link(journal, entry)
        rollout, forms = locate(store, rollout)
        if forms is Forms.BOTH and not options.dry_run and not is_behind_link(store, rollout):
            resolve_pair(store, rollout, rest=options.rest)
            rollout, forms = locate(store, rollout)
        if is_behind_link(store, rollout):
            return _behind_link(journal, entry)
        case = KeptFile(store, journal, entry, kept, rollout, forms)
        return _decide_and_act(case, options)
    except (OSError, CodexlabError) as error:
        later = isinstance(error, BusyError | DisagreementError)
        outcome = Outcome.WAITING if later else Outcome.FAILED
        return Result(rollout, outcome, str(error), entry.size)


def _behind_link(journal: Journal, entry: JournalEntry) -> Result:
    return _doubted(journal.path, [f"{entry.relative} lies behind a link"])


def _decide_and_act(case: KeptFile, options: SettleOptions) -> Result:
    if case.forms is Forms.BOTH:
        return case.result(Outcome.WAITING, "both forms exist and are not settled yet")
    if case.forms is Forms.NONE:
        written = can_be_written(case.kept, case.store.ops)
        action = decide_kept(case.entry.kind, case.forms, Relation.ALIEN, written=written)
        return _expire(case, options) if action is Action.DELETED else waits(case)
    seen = inspect(case.kept, case.present, case.entry.size, case.store.ops)
    if seen is None:
        return case.result(Outcome.WAITING, "it changed form meanwhile")
    action = decide_kept(case.entry.kind, case.forms, seen.relation, written=seen.written)
    if action in _GIVES_BACK:
        doubt = doubt_of(case.kept, case.present, case.rollout.thread_id, seen.comparison)
        if doubt is not None:
            return case.result(Outcome.REPORTED, doubt)
    if options.dry_run and action not in {Action.WAIT, Action.REPORT}:
        return case.result(Outcome.WOULD, f"would {action}")
    return _act(case, seen, action)


def _act(case: KeptFile, seen: Inspection, action: Action) -> Result:
    match action:
        case Action.DROP:
            return drop(case, seen)
        case Action.PUT_BACK:
            return give_name_back(case, seen)
        case Action.APPEND | Action.MATERIALIZE:
            return join(case)
        case Action.WAIT:
            return waits(case)
        case _:
            reason = f"it {describe_relation(seen.relation)} the thread; every byte is kept"
            return case.result(Outcome.REPORTED, reason)


def _expire(case: KeptFile, options: SettleOptions) -> Result:
    """A deleted thread stays deleted; what was kept of it is not for ever."""
    age = time.time() - os.lstat(case.kept).st_ctime
    if age < DELETED_EXPIRY or options.dry_run:
        reason = f"its owner deleted the thread; kept for {_DELETED_DAYS} days"
        return case.result(Outcome.DELETED, reason)
    if not unlink_leased(case, fingerprint(case.kept)):
        return waits(case)
    return case.result(Outcome.SETTLED, f"its owner deleted the thread {_DELETED_DAYS} days ago")
