"""Compress cold rollouts: encode unlocked, then let each frame take its file's place.

Files go in chunks, so that many small ones share what makes them durable: their
writeback is started together, then awaited; one group's lines cover the chunk; and
a few at a time pass the critical section with one fsync of their directory.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat as stat_module
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice

import orjson

from ..kernel import LeaseAnswer, try_lock
from ._attributes import copy_attributes
from ._calls import Calls
from ._encode import EncodingError, encode
from ._manifest import Kind, begin, make_entry
from ._places import Places, Subject
from ._publish import Prepared, publish
from ._result import Outcome, Result

TEMPORARY_PREFIX = "rollout-compress-codexlab-"
TEMPORARY_SUFFIX = ".tmp"

# Two descriptors each: well below the usual limit of 1,024.
_CHUNK_FILES = 128
_CHUNK_BYTES = 64 << 20
# From here on flushing the whole filesystem once is cheaper than each file by itself.
_MANY = 16
# What one task of a worker takes: a hand-over costs as much as a small file.
_TASK = 8
# About 0.1 ms each, plus one fsync: codex waits for a few milliseconds at most.
_TOGETHER = 16
# File times advance with the kernel's tick: a write within the tick of the last one
# leaves no trace in them.
_TICK = 0.02
_HEAD_BYTES = 1 << 18
_HEAD_RECORDS = 10


@dataclass(frozen=True, slots=True)
class CompressOptions:
    """How to compress.

    :param strict: refuse where the kernel grants no leases.
    :param workers: threads that encode; the critical section is one thread's.
    :param dry_run: say what would be done, and change nothing.
    :param min_age: seconds since a file's last write; 0 when it was asked for by name.
    :param min_quiet: seconds since its last change of any kind (ctime).
    :param should_stop: asked between chunks; what was begun is finished.
    """

    strict: bool = False
    workers: int = 1
    dry_run: bool = False
    min_age: float = 0.0
    min_quiet: float = 0.0
    should_stop: Callable[[], bool] = lambda: False


class _Refused(Exception):
    """A file is no candidate, and why."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        self.outcome, self.reason = outcome, reason
        super().__init__(reason)


def compress(
    places: Places,
    subjects: Iterable[Subject],
    options: CompressOptions = CompressOptions(),
    calls: Calls | None = None,
) -> Iterator[Result]:
    """Compress rollouts, one result each, in order within a chunk.

    :param subjects: what to compress; whatever is not plain, or written to, is skipped.
    :param calls: the system calls; a test's own in a test.

    The plain files are kept for a grace (see :mod:`._settle`): nothing is unlinked
    and no space is free when this returns.
    """
    calls = calls or Calls()
    waiting = iter(subjects)
    with ThreadPoolExecutor(options.workers, "rollout-encode") as pool:
        while not options.should_stop() and (chunk := _next_chunk(waiting)):
            if options.dry_run:
                yield from (_would(subject, options, calls) for subject in chunk)
            else:
                yield from _compress_chunk(places, chunk, options, calls, pool)


def _next_chunk(subjects: Iterator[Subject]) -> list[Subject]:
    chunk: list[Subject] = []
    size = 0
    for subject in islice(subjects, _CHUNK_FILES):
        chunk.append(subject)
        size += _size(subject.plain)
        if size >= _CHUNK_BYTES:
            break
    return chunk


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def _would(subject: Subject, options: CompressOptions, calls: Calls) -> Result:
    try:
        fd, stat, _ = _open_candidate(subject, options, calls)
    except _Refused as refused:
        return Result(subject, refused.outcome, refused.reason)
    except OSError as error:
        return Result(subject, Outcome.FAILED, str(error))
    os.close(fd)
    return Result(subject, Outcome.WOULD, "would compress", stat.st_size)


def _compress_chunk(
    places: Places,
    chunk: Sequence[Subject],
    options: CompressOptions,
    calls: Calls,
    pool: ThreadPoolExecutor,
) -> Iterator[Result]:
    tasks = [chunk[start : start + _TASK] for start in range(0, len(chunk), _TASK)]
    done = pool.map(partial(_prepare_some, options=options, calls=calls), tasks)
    attempts = list(chain.from_iterable(done))
    prepared = [attempt for attempt in attempts if isinstance(attempt, Prepared)]
    try:
        _sync_frames(prepared, calls)
        yield from (attempt for attempt in attempts if isinstance(attempt, Result))
        yield from _take_places(places, prepared, options, calls)
    finally:
        for one in prepared:
            _clean_up(one, calls)


def _take_places(
    places: Places, prepared: Sequence[Prepared], options: CompressOptions, calls: Calls
) -> Iterator[Result]:
    if not prepared:
        return
    entries = [
        make_entry(Kind.RETIRED, number, one.subject, one.stat, leased=one.leased)
        for number, one in enumerate(prepared)
    ]
    group = begin(places, entries)
    try:
        pairs = list(zip(prepared, group.entries, strict=True))
        for start in range(0, len(pairs), _TOGETHER):
            batch = pairs[start : start + _TOGETHER]
            yield from publish(places, batch, calls, strict=options.strict)
    finally:
        group.close(places)


def _prepare_some(
    subjects: Sequence[Subject], options: CompressOptions, calls: Calls
) -> list[Prepared | Result]:
    return [_prepare(subject, options, calls) for subject in subjects]


def _prepare(subject: Subject, options: CompressOptions, calls: Calls) -> Prepared | Result:
    try:
        fd, stat, leased = _open_candidate(subject, options, calls)
    except _Refused as refused:
        return Result(subject, refused.outcome, refused.reason)
    except OSError as error:
        return Result(subject, Outcome.FAILED, str(error))
    try:
        path, target, frame = _encode_beside(subject, fd, stat, calls)
    except (OSError, EncodingError) as error:
        os.close(fd)
        outcome = Outcome.CHANGED if isinstance(error, EncodingError) else Outcome.FAILED
        return Result(subject, outcome, str(error), stat.st_size)
    identity = (frame.st_dev, frame.st_ino)
    return Prepared(subject, fd, stat, (path, target), identity, frame.st_size, leased)


def _open_candidate(
    subject: Subject, options: CompressOptions, calls: Calls
) -> tuple[int, os.stat_result, bool]:
    """Open a plain file that may be compressed, or refuse with the reason.

    :returns: descriptor, stat, and whether the kernel grants leases here.
    """
    if os.path.lexists(subject.compressed):
        raise _Refused(Outcome.SKIPPED, "a compressed form exists")
    try:
        fd = os.open(subject.plain, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise _Refused(Outcome.SKIPPED, "there is no plain form") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _Refused(Outcome.SKIPPED, "it is a symbolic link") from None
        raise
    try:
        stat = os.fstat(fd)
        _check_file(stat, options)
        _check_head(os.pread(fd, _HEAD_BYTES, 0))
        leased = _check_lease(fd, options, calls)
    except BaseException:
        os.close(fd)
        raise
    return fd, stat, leased


def _check_file(stat: os.stat_result, options: CompressOptions) -> None:
    now = time.time()
    if not stat_module.S_ISREG(stat.st_mode):
        raise _Refused(Outcome.SKIPPED, "it is no regular file")
    if stat.st_mtime > now + _TICK:
        raise _Refused(Outcome.SKIPPED, "its last write lies in the future")
    if now - stat.st_mtime < options.min_age:
        raise _Refused(Outcome.SKIPPED, "it is not cold yet")
    if now - stat.st_ctime < max(options.min_quiet, _TICK):
        raise _Refused(Outcome.SKIPPED, "it was changed just now")
    if os.geteuid() not in {0, stat.st_uid}:
        raise _Refused(Outcome.SKIPPED, "it belongs to another user")


def _check_head(head: bytes) -> None:
    """The record that names the thread must be among the first; bad lines may precede."""
    for line in head.removeprefix(b"\xef\xbb\xbf").split(b"\n", _HEAD_RECORDS)[:_HEAD_RECORDS]:
        if b'"session_meta"' in line and _is_session_meta(line):
            return
    raise _Refused(Outcome.SKIPPED, "no record at its beginning names a thread")


def _is_session_meta(line: bytes) -> bool:
    if len(line) >= _HEAD_BYTES - 1024:
        # Instructions may be longer than what was read; codex writes the type early.
        return b'"type":"session_meta"' in line[:_HEAD_BYTES]
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(record, dict) and record.get("type") == "session_meta"  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def _check_lease(fd: int, options: CompressOptions, calls: Calls) -> bool:
    """An idle but loaded thread is seen here, before any work."""
    answer = calls.take_lease(fd)
    calls.release_lease(fd)
    if answer is LeaseAnswer.BUSY:
        raise _Refused(Outcome.BUSY, "some process has it open for writing")
    if answer is LeaseAnswer.UNAVAILABLE and options.strict:
        raise _Refused(Outcome.SKIPPED, "no kernel lease to be had here (--strict)")
    return answer is LeaseAnswer.GRANTED


def _encode_beside(
    subject: Subject, fd: int, stat: os.stat_result, calls: Calls
) -> tuple[str, int, os.stat_result]:
    """Encode to a locked temporary file in the same directory.

    :returns: its path, descriptor and stat.
    """
    path = os.path.join(
        subject.directory, TEMPORARY_PREFIX + secrets.token_hex(4) + TEMPORARY_SUFFIX
    )
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    target = os.open(path, flags, 0o600)
    try:
        try_lock(target)
        encode(fd, target, stat.st_size)
        copy_attributes(fd, target)
        frame = os.fstat(target)
        # Starts the writeback (mm/fadvise.c); the fsync of the whole chunk awaits it.
        os.posix_fadvise(target, 0, 0, os.POSIX_FADV_DONTNEED)
    except BaseException:
        calls.discard(path)
        os.close(target)
        raise
    return path, target, frame


def _sync_frames(prepared: Sequence[Prepared], calls: Calls) -> None:
    """Make the frames durable; many small ones by one flush of the device, not one each."""
    targets = [one.temporary[1] for one in prepared if one.temporary is not None]
    if len(targets) >= _MANY:
        calls.sync_filesystem(targets[0])
        return
    for target in targets:
        calls.sync_file(target)


def _clean_up(prepared: Prepared, calls: Calls) -> None:
    """Discard the temporary name unless it became the frame's, and close."""
    if prepared.temporary is not None:
        calls.discard(prepared.temporary[0])
    prepared.close()
