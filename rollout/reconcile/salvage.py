"""Append a kept file's own lines to the thread, each exactly once, crash or not.

The offset at which its lines begin in the plain file is made durable first. A process that
finds such a note follows a crash or a full disk. If the plain file is still a prefix of the
kept one, appending goes on at the very byte where it was cut short. Otherwise the lines
that stand in the plain file behind the offset, in their order, are there already. A line
that was cut short is written again, whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from ...kernel.files.lease import LeaseAnswer
from ..operations.file_ops import FileOps
from ..operations.journal import Journal
from ..operations.journal_entry import JournalEntry
from ..operations.journal_line import KeptKind
from ..reading.snapshot import open_regular
from ..store.rollout_ref import RolloutRef
from .append import ends_torn
from .compare import compare

_PIECE = 1 << 20


def salvage(
    journal: Journal, entry: JournalEntry, kept: str, rollout: RolloutRef, ops: FileOps
) -> int | None:
    """Append a kept file's own lines to the plain form, then unlink it.

    The caller holds the thread's lease, and the plain form exists.

    :returns: the bytes appended, or None when somebody can still write to it.
    """
    fd = open_regular(kept)
    try:
        before = os.fstat(fd).st_size
        if not _is_unwritten(fd, kept, ops):
            return None
        added = _append_missing(journal, entry, fd, rollout, ops)
        if not _is_unwritten(fd, kept, ops) or os.fstat(fd).st_size != before:
            return None
        ops.drop(kept)
        return added
    finally:
        ops.release_read_lease(fd)
        os.close(fd)


def _is_unwritten(fd: int, path: str, ops: FileOps) -> bool:
    """Take the lease, or find it unbroken; a scan where there is none to be had."""
    if ops.is_read_lease_unbroken(fd):
        return True
    match ops.take_read_lease(fd):
        case LeaseAnswer.GRANTED:
            return True
        case LeaseAnswer.BUSY:
            return False
        case LeaseAnswer.UNAVAILABLE:
            return not ops.has_writers(path)


def _append_missing(
    journal: Journal, entry: JournalEntry, kept: int, rollout: RolloutRef, ops: FileOps
) -> int:
    """Append what the plain file lacks of the kept one; return how many bytes."""
    plain = open_regular(rollout.path, os.O_RDWR | os.O_APPEND)
    try:
        start, joined = _start(entry, kept, plain)
        lines = _lines(kept, start)
        if entry.append_at is None:
            journal.note_append(entry, os.fstat(plain).st_size)
        elif not joined:
            lines = _missing(lines, plain, entry.append_at)
        return _append(plain, lines, joined, ops)
    finally:
        os.close(plain)


def _start(entry: JournalEntry, kept: int, plain: int) -> tuple[int, bool]:
    """Return where the kept file's own lines begin, and whether they go on a torn one.

    A shadow is all its own. A retired file's own part follows what both share: from
    the first line that differs, or, where the plain file ends within it, from there.
    """
    if entry.kind is KeptKind.SHADOW:
        return 0, False
    shared = compare(kept, plain)
    if shared.common == shared.right:
        return shared.common, True
    return shared.lines, False


def _lines(fd: int, offset: int) -> Iterator[bytes]:
    """Yield the lines from ``offset`` on; the last one perhaps without its line feed."""
    rest = b""
    while data := os.pread(fd, _PIECE, offset):
        offset += len(data)
        *whole, rest = (rest + data).split(b"\n")
        yield from (line + b"\n" for line in whole)
    if rest:
        yield rest


def _missing(lines: Iterator[bytes], plain: int, offset: int) -> Iterator[bytes]:
    """Leave out the leading lines that stand in the plain file after ``offset``, in order."""
    wanted = next(lines, None)
    for there in _lines(plain, offset):
        if wanted is not None and there.rstrip(b"\n") == wanted.rstrip(b"\n"):
            wanted = next(lines, None)
    if wanted is not None:
        yield wanted
        yield from lines


def _append(plain: int, lines: Iterator[bytes], joined: bool, ops: FileOps) -> int:
    """Append in pieces of whole lines, the last line ended, and make it durable."""
    piece = b"" if joined or not ends_torn(plain) else b"\n"
    added = 0
    for line in lines:
        piece += line if line.endswith(b"\n") else line + b"\n"
        if len(piece) >= _PIECE:
            ops.append(plain, piece)
            added, piece = added + len(piece), b""
    if piece.strip(b"\n"):
        ops.append(plain, piece)
        added += len(piece)
    ops.sync_file(plain)
    return added
