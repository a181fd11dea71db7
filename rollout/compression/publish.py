"""Let a verified frame take a plain file's place: the critical section.

**Invariant.** At every instant, and after a crash at any, the thread's name leads to
every line written to it. It leads to the plain file, to a frame proven to decode to
that file, or to both. Nothing is unlinked here but a frame of our own whose plain file has its name
again.

The steps hold two locks. Under codex's coordination lock no codex of this home starts
or ends a writer. Under the store's own lock no other codexlab changes the store through
another home. The journal is durable before the first step. The order:

1. the thread has no writer;
2. the kernel grants a read lease on the plain file: nobody can write to it. A process
   that opens it for writing from now on waits;
3. the file is, by name, inode, size and times, what was encoded;
4. the frame gets its name, never replacing one. The locks are given back while the
   directory is made durable, for a disk may take long. Both forms exist meanwhile and
   say the same. Then steps 1 to 3 are repeated under the locks, or the frame is withdrawn;
5. the plain name goes: the file is renamed to its kept name;
6. the kept name leads to the leased inode at its size, and the lease is unbroken.
   After its release the lease can be had once more with the size unchanged. A writer
   that had looked the name up before 5 shows in one of these. If not: *put back*.
7. Where put back finds another plain file in its place, all three stay, for settle.

A writer that looked the name up before 5 and opens it only after 6 writes to the
kept file. That is seen when it is settled, a grace later, and its lines are kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial

from ...kernel.errors import BusyError
from ...kernel.files.lease import LeaseAnswer
from ..operations.file_ops import FileOps, rename_away
from ..operations.handle import StoreHandle
from ..operations.journal_entry import JournalEntry
from ..operations.result import Outcome, Result
from .prepared import Prepared

# About 0.1 ms each: codex waits for a millisecond or two.
_TOGETHER = 16


Pair = tuple[Prepared, JournalEntry]
WriterCheck = Callable[[str], bool]
Step = Callable[[Prepared, JournalEntry, WriterCheck], Result | None]


def publish(store: StoreHandle, batch: Sequence[Pair], *, strict: bool) -> list[Result]:
    """Let prepared files' frames take their places.

    :param batch: each file with its line in a journal that is open, locked and durable.
    :param strict: refuse where the kernel grants no leases.
    :returns: one result for each file, in order.
    """
    results: dict[str, Result] = {}

    def give(prepared: Prepared, _entry: JournalEntry, has_writer: WriterCheck) -> Result | None:
        return _admit(prepared, has_writer, store.ops, strict) or _name_frame(prepared, store.ops)

    published = _under_locks(store, batch, results, give)
    unsynced = _sync_directories(published, store.ops)

    def take(prepared: Prepared, entry: JournalEntry, has_writer: WriterCheck) -> Result | None:
        refusal = _undo_unsynced(prepared, unsynced) or _admit_again(
            prepared, has_writer, store.ops, strict
        )
        if refusal is None:
            return _retire(prepared, entry.candidates(store), store.ops)
        if not _is_kept_by_another(prepared, store):
            _take_frame_away(prepared, store.ops)
        return refusal

    for prepared, _ in _under_locks(store, published, results, take):
        results[prepared.rollout.path] = prepared.result(Outcome.COMPRESSED)
    return [results[prepared.rollout.path] for prepared, _ in batch]


def _under_locks(
    store: StoreHandle,
    batch: Sequence[Pair],
    results: dict[str, Result],
    step: Step,
) -> list[Pair]:
    """Do a step for all, a few at a time under the locks; return those it did not end."""
    for start in range(0, len(batch), _TOGETHER):
        few = batch[start : start + _TOGETHER]
        try:
            with store.exclusive() as held:
                has_writer = held.writer_check()
                for prepared, entry in few:
                    ended = _attempt(
                        prepared, partial(step, prepared, entry, has_writer), store.ops
                    )
                    if ended is not None:
                        results[prepared.rollout.path] = ended
        except (BusyError, OSError) as error:
            outcome = Outcome.BUSY if isinstance(error, BusyError) else Outcome.FAILED
            for prepared, _ in few:
                results[prepared.rollout.path] = prepared.result(outcome, str(error))
    return [pair for pair in batch if pair[0].rollout.path not in results]


def _attempt(prepared: Prepared, step: Callable[[], Result | None], ops: FileOps) -> Result | None:
    """Turn an error of one file into its result, so that the others go on."""
    try:
        return step()
    except OSError as error:
        return prepared.result(Outcome.FAILED, str(error))
    finally:
        ops.release_read_lease(prepared.plain_fd)


def _admit_again(
    prepared: Prepared, has_writer: WriterCheck, ops: FileOps, strict: bool
) -> Result | None:
    """Steps 1 to 3 once more, and the frame must have the name it was given."""
    if not prepared.is_frame_there():
        return prepared.result(Outcome.CHANGED, "its compressed form went away")
    return _admit(prepared, has_writer, ops, strict)


def _admit(
    prepared: Prepared, has_writer: WriterCheck, ops: FileOps, strict: bool
) -> Result | None:
    """Steps 1 to 3; None means go on."""
    if has_writer(prepared.rollout.thread_id):
        return prepared.result(Outcome.BUSY, "the thread has an active writer")
    answer = ops.take_read_lease(prepared.plain_fd, granted_before=prepared.leased)
    prepared.leased = answer is LeaseAnswer.GRANTED
    if answer is LeaseAnswer.BUSY:
        return prepared.result(Outcome.BUSY, "some process has it open for writing")
    if answer is LeaseAnswer.UNAVAILABLE and strict:
        return prepared.result(Outcome.SKIPPED, "the kernel grants no file lease here (--strict)")
    if answer is LeaseAnswer.UNAVAILABLE and ops.has_writers(prepared.rollout.path):
        return prepared.result(Outcome.BUSY, "some process has it open for writing")
    if not prepared.is_unchanged():
        return prepared.result(Outcome.CHANGED, "it changed while it was encoded")
    return None


def _name_frame(prepared: Prepared, ops: FileOps) -> Result | None:
    """Step 4, but for the directory."""
    if prepared.temporary is None:
        return None
    path, fd = prepared.temporary
    # Only now: a temporary file with an old mtime is swept away by codex.
    ops.set_times(fd, prepared.stat)
    try:
        ops.name_frame(path, prepared.rollout.compressed_path)
    except FileExistsError:
        return prepared.result(Outcome.CHANGED, "another compressed form appeared")
    except FileNotFoundError:
        return prepared.result(Outcome.CHANGED, "the temporary file was swept away")
    prepared.is_named = True
    return None


def _sync_directories(published: Sequence[Pair], ops: FileOps) -> dict[str, str]:
    """Make the new names durable; return the directories where that failed, and why."""
    failed: dict[str, str] = {}
    for directory in {prepared.rollout.directory for prepared, _ in published}:
        try:
            ops.sync_directory(directory)
        except OSError as error:
            failed[directory] = str(error)
    return failed


def _undo_unsynced(prepared: Prepared, unsynced: dict[str, str]) -> Result | None:
    """Keep the plain name where a power cut could still take the frame's away."""
    reason = unsynced.get(prepared.rollout.directory)
    return None if reason is None else prepared.result(Outcome.FAILED, reason)


def _is_kept_by_another(prepared: Prepared, store: StoreHandle) -> bool:
    """Tell whether somebody finished our pair meanwhile: then only the frame has the name.

    Only possible if this process was stopped for seconds between steps 4 and 5.
    """
    if os.path.lexists(prepared.rollout.path):
        return False
    for directory in (store.kept, prepared.rollout.directory):
        with os.scandir(directory) as entries:
            if any(entry.inode() == prepared.stat.st_ino for entry in entries):
                return True
    return False


def _retire(prepared: Prepared, candidates: tuple[str, str], ops: FileOps) -> Result | None:
    """Steps 5 to 7; None means that the frame has taken the plain file's place."""
    try:
        kept = rename_away(ops.retire, prepared.rollout.path, candidates)
    except FileNotFoundError:
        # Moved or deleted by its owner: our frame must not keep it alive.
        _take_frame_away(prepared, ops)
        return prepared.result(Outcome.CHANGED, "its owner moved or deleted it")
    except OSError:
        _take_frame_away(prepared, ops)
        raise
    if _is_certain(prepared, kept, ops):
        return None
    return _give_name_back(prepared, kept, ops)


def _is_certain(prepared: Prepared, kept: str, ops: FileOps) -> bool:
    """Step 6: look again, from the name and from the file."""
    fd = prepared.plain_fd
    if not prepared.is_as_leased(kept):
        return False
    if not prepared.leased:
        return not ops.has_writers(kept) and prepared.is_as_leased(kept)
    if not ops.is_read_lease_unbroken(fd):
        return False
    ops.release_read_lease(fd)
    again = ops.take_read_lease_again(fd)
    # A writer that came and went between the two leases has left its bytes.
    return again is LeaseAnswer.GRANTED and prepared.is_as_leased(kept)


def _give_name_back(prepared: Prepared, kept: str, ops: FileOps) -> Result:
    """Step 7: first the plain name, then the frame's, so that one always leads there."""
    if not prepared.is_frame_there():
        return prepared.result(Outcome.WAITING, "its owner deleted or restored it meanwhile")
    try:
        ops.put_back(kept, prepared.rollout.path)
    except FileExistsError:
        return prepared.result(Outcome.WAITING, "another plain file appeared; settle decides")
    _take_frame_away(prepared, ops)
    return prepared.result(Outcome.BUSY, "a writer came; it was put back")


def _take_frame_away(prepared: Prepared, ops: FileOps) -> None:
    """Take our own frame away. One that was there before us may hold more than we know."""
    if prepared.temporary is not None and prepared.is_frame_there():
        ops.withdraw(prepared.rollout.compressed_path)
