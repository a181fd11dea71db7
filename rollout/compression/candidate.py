"""Decide from a file itself, before any work on it, whether it may be compressed."""

from __future__ import annotations

import errno
import os
import stat as stat_module
import time
from collections.abc import Callable
from dataclasses import dataclass

from ...kernel.files.lease import LeaseAnswer
from ..codec.measure import is_hollow
from ..operations.file_ops import FileOps
from ..operations.result import Outcome
from ..reading.entries import is_old_head
from ..reading.records import parse_record, text_of
from ..reading.session_meta import OLD_FORMAT
from ..store.rollout_ref import RolloutRef

# File times advance with the kernel's tick: a write within the tick of the last one
# leaves no trace in them.
_TICK = 0.02
_HEAD_BYTES = 1 << 18
_HEAD_RECORDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressOptions:
    """Options of compressing.

    :param strict: refuse where the kernel grants no leases.
    :param workers: threads that encode; the critical section is one thread's.
    :param dry_run: say what would be done, and change nothing.
    :param min_age: seconds since a file's last write; 0 when it was asked for by name.
    :param min_quiet: seconds since its last change of any kind (ctime).
    :param should_stop: asked between chunks; what was begun is finished.
    :param room: asked between chunks for the plain bytes that may be begun before all
        earlier results were given out. So the caller can free space. None means no limit.
        One file is always begun.
    """

    strict: bool = False
    workers: int = 1
    dry_run: bool = False
    min_age: float = 0.0
    min_quiet: float = 0.0
    should_stop: Callable[[], bool] = lambda: False
    room: Callable[[], int | None] = lambda: None


class RefusedError(Exception):
    """A file is no candidate, and why."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        self.outcome, self.reason = outcome, reason
        super().__init__(reason)


def open_candidate(
    rollout: RolloutRef, options: CompressOptions, ops: FileOps
) -> tuple[int, os.stat_result, bool]:
    """Open a plain file that may be compressed, or refuse with the reason.

    :returns: descriptor, stat, and whether the kernel grants leases here.
    """
    if os.path.lexists(rollout.compressed_path):
        raise RefusedError(Outcome.SKIPPED, "a compressed form exists")
    try:
        fd = os.open(rollout.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise RefusedError(Outcome.SKIPPED, "there is no plain form") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise RefusedError(Outcome.SKIPPED, "it is a symbolic link") from None
        raise
    try:
        stat = os.fstat(fd)
        _check_file(stat, options)
        _check_bytes(fd, stat)
        _check_head(os.pread(fd, min(stat.st_size, _HEAD_BYTES), 0), rollout.thread_id)
        leased = _check_read_lease(fd, options, ops)
    except BaseException:
        os.close(fd)
        raise
    return fd, stat, leased


def _check_file(stat: os.stat_result, options: CompressOptions) -> None:
    now = time.time()
    if not stat_module.S_ISREG(stat.st_mode):
        raise RefusedError(Outcome.SKIPPED, "it is not a regular file")
    if stat.st_mtime > now + _TICK:
        raise RefusedError(Outcome.SKIPPED, "its last write lies in the future")
    if now - stat.st_mtime < options.min_age:
        raise RefusedError(Outcome.SKIPPED, "it is not cold yet")
    if now - stat.st_ctime < max(options.min_quiet, _TICK):
        raise RefusedError(Outcome.SKIPPED, "it was changed just now")
    if os.geteuid() not in {0, stat.st_uid}:
        raise RefusedError(Outcome.SKIPPED, "it belongs to another user")


def _check_bytes(fd: int, stat: os.stat_result) -> None:
    if is_hollow(fd, stat.st_size):
        reason = "much of it was never written, and codex leaves no holes"
        raise RefusedError(Outcome.SKIPPED, reason)
    if stat.st_nlink > 1:
        reason = "the file has another name (a hard link), so compressing it frees nothing"
        raise RefusedError(Outcome.SKIPPED, reason)


def _check_head(head: bytes, thread: str) -> None:
    """The record that names the thread must be among the first; bad lines may precede.

    A rollout from before September 2025 has none: its first line is an object with the thread's
    id. No codex of today reads such a file in either form. So its compressed form must keep its
    bytes, and nothing else.
    """
    lines = head.removeprefix(b"\xef\xbb\xbf").split(b"\n", _HEAD_RECORDS)[:_HEAD_RECORDS]
    for line in lines:
        if b'"session_meta"' in line and _is_session_meta(line):
            return
    _check_old_head(lines[0], thread)


def _check_old_head(line: bytes, thread: str) -> None:
    record = parse_record(line)
    if record is None or not is_old_head(record):
        raise RefusedError(Outcome.SKIPPED, "no record at its beginning names a thread")
    if text_of(record["id"]).lower() != thread:
        reason = f"it is {OLD_FORMAT}, and its first line names another thread than its file"
        raise RefusedError(Outcome.SKIPPED, reason)


def _is_session_meta(line: bytes) -> bool:
    if len(line) >= _HEAD_BYTES - 1024:
        # Instructions may be longer than what was read; codex writes the type early.
        return b'"type":"session_meta"' in line[:_HEAD_BYTES]
    record = parse_record(line)
    return record is not None and record.get("type") == "session_meta"


def _check_read_lease(fd: int, options: CompressOptions, ops: FileOps) -> bool:
    """An idle but loaded thread is seen here, before any work."""
    answer = ops.take_read_lease(fd)
    ops.release_read_lease(fd)
    if answer is LeaseAnswer.BUSY:
        raise RefusedError(Outcome.BUSY, "some process has it open for writing")
    if answer is LeaseAnswer.UNAVAILABLE and options.strict:
        raise RefusedError(Outcome.SKIPPED, "the kernel grants no file lease here (--strict)")
    return answer is LeaseAnswer.GRANTED
