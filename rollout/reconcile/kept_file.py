"""A kept file under consideration, and what is done to it once that is decided.

It is unlinked, given its name again, or joined to the thread. A change takes the locks in their
order (coordination, thread, file). It first makes sure that the names still lead to the files
that were compared. If they do not, the file waits for the next sweep.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from ...kernel.files.lease import LeaseAnswer
from ..operations.handle import StoreHandle
from ..operations.journal import Journal
from ..operations.journal_entry import JournalEntry
from ..operations.result import Outcome, Result
from ..reading.snapshot import open_regular
from ..store.rollout_ref import RolloutRef
from .decide import Forms, Relation
from .inspect import Inspection, fingerprint, forms_of, is_durable
from .materialize import materialize
from .salvage import salvage


@dataclass(frozen=True, slots=True)
class KeptFile:
    """One kept file under consideration."""

    store: StoreHandle
    journal: Journal
    entry: JournalEntry
    kept: str
    rollout: RolloutRef
    forms: Forms

    @property
    def present(self) -> str:
        """The path of the thread's present form."""
        return self.rollout.path if self.forms is Forms.PLAIN else self.rollout.compressed_path

    def result(self, outcome: Outcome, reason: str = "", after: int = 0) -> Result:
        """Return the result of this kept file."""
        return Result(self.rollout, outcome, reason, self.entry.size, after)


def waits(case: KeptFile) -> Result:
    """Return the result of a file that cannot be settled yet."""
    return case.result(Outcome.WAITING, "some process has the kept file open for writing")


def drop(case: KeptFile, seen: Inspection) -> Result:
    """Unlink a kept file all of whose bytes the thread holds."""
    if not _is_durably_there(case, seen) or not unlink_leased(case, seen.file):
        return case.result(Outcome.WAITING, "it changed while it was compared")
    return case.result(Outcome.SETTLED, after=seen.other[2])


def _is_durably_there(case: KeptFile, seen: Inspection) -> bool:
    """The form that holds all is the file that was compared, and outlives a power cut."""
    if case.forms is Forms.PLAIN:
        return is_durable(case.present, seen.other, case.store.ops)
    # A frame was made durable before it got its name.
    return fingerprint(case.present) == seen.other


def unlink_leased(case: KeptFile, wanted: tuple[int, int, int] | None) -> bool:
    """Unlink the kept file if it is what was looked at and nobody can write to it."""
    ops = case.store.ops
    fd = open_regular(case.kept)
    try:
        answer = ops.take_read_lease(fd)
        if answer is LeaseAnswer.BUSY or fingerprint(fd) != wanted:
            return False
        if answer is LeaseAnswer.UNAVAILABLE:
            if ops.has_writers(case.kept):
                return False
        elif not ops.is_read_lease_unbroken(fd):
            return False
        ops.drop(case.kept)
        return True
    finally:
        ops.release_read_lease(fd)
        os.close(fd)


def give_name_back(case: KeptFile, seen: Inspection) -> Result:
    """Give the file its name again, then withdraw the frame that holds less."""
    rollout, ops = case.rollout, case.store.ops
    if not is_durable(case.kept, seen.file, ops):
        return case.result(Outcome.WAITING, "it changed while it was compared")
    with case.store.exclusive() as coordination:
        if coordination.is_writer_active(rollout.thread_id):
            return case.result(Outcome.WAITING, "the thread has an active writer")
        if forms_of(rollout) is not Forms.COMPRESSED or not _is_same_frame(rollout, seen):
            return case.result(Outcome.WAITING, "it changed form meanwhile")
        try:
            ops.put_back(case.kept, rollout.path)
        except FileExistsError:
            return case.result(Outcome.WAITING, "another plain file appeared")
        ops.sync_directory(rollout.directory)
        if seen.relation is not Relation.UNREADABLE and _is_same_frame(rollout, seen):
            ops.withdraw(rollout.compressed_path)
    return case.result(Outcome.PUT_BACK, "it had grown or was being written", seen.file[2])


def _is_same_frame(rollout: RolloutRef, seen: Inspection) -> bool:
    return fingerprint(rollout.compressed_path) == seen.other


def join(case: KeptFile) -> Result:
    """Append the kept file's own lines under the thread's writer lease, then drop it."""
    with case.store.locks.lease(case.rollout.thread_id) as lease:
        materialize(case.store, case.rollout, lease)
        added = salvage(case.journal, case.entry, case.kept, case.rollout, case.store.ops)
    if added is None:
        return waits(case)
    return case.result(Outcome.SALVAGED, f"{added} bytes appended", added)
