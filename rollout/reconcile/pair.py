"""Settle a rollout of which both forms exist: what a crash, or a lost writer, left.

**Invariant.** A form is taken away only while the other one holds all of its bytes: just
compared, and still the same file. A plain file is never unlinked.

A codex at work also makes a pair for a moment. It compresses (publishes, then unlinks plain) or
materializes (links plain, then unlinks the frame). A codex of this home is kept out by its locks. A
codex of a home that is not linked to this one is not. Were we to take the other form away in
that moment, both would be gone. So a pair must have been at rest for a while; a shadow need
not, for nobody makes one on purpose.
"""

from __future__ import annotations

import os

from ...kernel.files.lease import LeaseAnswer
from ..compression.prepared import Prepared
from ..compression.publish import publish
from ..operations.file_ops import rename_away
from ..operations.handle import StoreHandle
from ..operations.journal import create_journal, new_token
from ..operations.journal_entry import describe_kept
from ..operations.journal_line import KeptKind
from ..operations.result import Outcome, Result
from ..reading.snapshot import open_regular
from ..store.rollout_ref import RolloutRef
from .decide import Action, decide_pair, describe_relation
from .inspect import PAIR_REST, Inspection, fingerprint, idle_seconds, inspect, is_durable
from .materialize import materialize
from .salvage import salvage


def resolve_pair(store: StoreHandle, rollout: RolloutRef, *, rest: float = PAIR_REST) -> Result:
    """Leave one form of a rollout that has two.

    :param rest: seconds for which neither form must have changed, see above.

    :returns: the outcome. Both forms stay where they disagree in a way that no step of
        ours leaves. They also stay while somebody is at work on them.
    :raises CoordinationBusyError: coordination could not be had.
    :raises ThreadBusyError: the thread has a writer where one must not be.
    :raises OSError: a file cannot be read or renamed.
    """
    seen = inspect(rollout.path, rollout.compressed_path, 0, store.ops)
    if seen is None:
        return Result(rollout, Outcome.CHANGED, "it changed form meanwhile")
    action = planned_for(seen)
    if action in {Action.FINISH, Action.WITHDRAW} and idle_seconds(rollout) < rest:
        return Result(rollout, Outcome.WAITING, "both forms are too new to be a leftover")
    match action:
        case Action.FINISH:
            return _finish(store, rollout, seen)
        case Action.WITHDRAW:
            return _drop_frame(store, rollout, seen)
        case Action.SET_ASIDE:
            return _set_aside(store, rollout, seen)
        case Action.WAIT:
            return Result(rollout, Outcome.WAITING, "some process writes the plain form")
        case _:
            reason = (
                f"the plain form {describe_relation(seen.relation)} the compressed one; both stay"
            )
            return Result(rollout, Outcome.REPORTED, reason)


def planned_for(seen: Inspection) -> Action:
    """Return the decision about a pair that was looked at."""
    return decide_pair(seen.relation, written=seen.written, empty=seen.file[2] == 0)


def _finish(store: StoreHandle, rollout: RolloutRef, seen: Inspection) -> Result:
    """Retire the plain file exactly as compressing does after publishing."""
    # Who made the frame may have left it to the page cache.
    if not is_durable(rollout.compressed_path, seen.other, store.ops):
        return Result(rollout, Outcome.CHANGED, "it changed form meanwhile")
    try:
        fd = open_regular(rollout.path)
    except FileNotFoundError:
        return Result(rollout, Outcome.CHANGED, "it changed form meanwhile")
    frame = (seen.other[0], seen.other[1])
    prepared = Prepared(rollout, fd, os.fstat(fd), None, frame, seen.other[2])
    try:
        prepared.leased = store.ops.take_read_lease(fd) is LeaseAnswer.GRANTED
        store.ops.release_read_lease(fd)
        if fingerprint(fd) != seen.file:
            return prepared.result(Outcome.CHANGED, "it was written to meanwhile")
        token = new_token()
        name = f"{token}.0"
        entry = describe_kept(
            store, KeptKind.RETIRED, name, rollout, prepared.stat, leased=prepared.leased
        )
        journal = create_journal(store, token, [entry])
        try:
            batch = [(prepared, journal.entries[0])]
            return publish(store, batch, strict=False)[0]
        finally:
            journal.close(store)
    finally:
        prepared.close()


def _drop_frame(store: StoreHandle, rollout: RolloutRef, seen: Inspection) -> Result:
    if not is_durable(rollout.path, seen.file, store.ops):
        return Result(rollout, Outcome.CHANGED, "it changed form meanwhile")
    with store.exclusive() as coordination:
        if coordination.is_writer_active(rollout.thread_id):
            return Result(rollout, Outcome.WAITING, "the thread has an active writer")
        plain = fingerprint(rollout.path)
        if plain is None or plain[:2] != seen.file[:2] or plain[2] < seen.file[2]:
            return Result(rollout, Outcome.CHANGED, "it changed form meanwhile")
        if fingerprint(rollout.compressed_path) == seen.other:
            store.ops.withdraw(rollout.compressed_path)
    return Result(rollout, Outcome.SETTLED, "the plain form holds all", seen.other[2], plain[2])


def _set_aside(store: StoreHandle, rollout: RolloutRef, seen: Inspection) -> Result:
    """Take the name from a shadow, restore the history under it, append its lines."""
    stat = os.lstat(rollout.path)
    token = new_token()
    entry = describe_kept(store, KeptKind.SHADOW, f"{token}.0", rollout, stat, leased=True)
    journal = create_journal(store, token, [entry])
    try:
        with store.exclusive() as coordination:
            if coordination.is_writer_active(rollout.thread_id):
                return Result(rollout, Outcome.WAITING, "the thread has an active writer")
            now = fingerprint(rollout.path)
            if now is None or now[:2] != seen.file[:2]:
                return Result(rollout, Outcome.CHANGED, "it changed form meanwhile")
            kept = rename_away(store.ops.set_aside, rollout.path, entry.candidates(store))
        with store.locks.lease(rollout.thread_id) as lease:
            materialize(store, rollout, lease)
            # At once, so that what its writer adds to the plain form comes after.
            added = salvage(journal, entry, kept, rollout, store.ops)
    finally:
        journal.close(store)
    if added is None:
        return Result(rollout, Outcome.WAITING, "a file that hid the history is still written to")
    return Result(
        rollout, Outcome.SALVAGED, "a file that hid the history was joined to it", 0, added
    )
