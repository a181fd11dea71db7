"""Compress cold rollouts: encode unlocked, then let each frame take its file's place.

Files go in chunks, so that many small ones share the steps that make them durable.
Their writeback is started together, then awaited. One journal covers the chunk. The
chunk passes the critical section with one fsync of each directory.
"""

from __future__ import annotations

import os
import secrets
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice

from ...kernel.files.flock import try_lock
from ..codec.encode import Encoder, EncodingError
from ..operations.attributes import copy_attributes, give_owner
from ..operations.file_ops import FileOps
from ..operations.handle import StoreHandle
from ..operations.journal import Journal, create_journal, new_token
from ..operations.journal_entry import describe_kept
from ..operations.journal_line import KeptKind
from ..operations.result import Outcome, Result
from ..store.rollout_ref import RolloutRef
from .candidate import CompressOptions, RefusedError, open_candidate
from .prepared import Prepared
from .publish import publish

TEMPORARY_PREFIX = "rollout-compress-codexlab-"
TEMPORARY_SUFFIX = ".tmp"

# Two descriptors each: well below the usual limit of 1,024.
_CHUNK_FILES = 128
_CHUNK_BYTES = 64 << 20
# From here on flushing the whole filesystem once is cheaper than each file by itself.
_MANY = 16
# What one task of a worker takes: a hand-over costs as much as a small file.
_TASK = 8
_DEFAULT = CompressOptions()

_Chunk = list[Future[list[Prepared | Result]]]


def compress(
    store: StoreHandle,
    rollouts: Iterable[RolloutRef],
    options: CompressOptions = _DEFAULT,
) -> Iterator[Result]:
    """Compress rollouts, one result each, in order within a chunk.

    :param rollouts: what to compress; whatever is not plain, or written to, is skipped.

    The plain files are kept for a grace (see `reconcile.retired`). Nothing is unlinked
    and no space is free when this returns.
    """
    waiting = iter(rollouts)
    if options.dry_run:
        yield from (_would(rollout, options, store.ops) for rollout in waiting)
        return
    encoder = Encoder()
    with ThreadPoolExecutor(options.workers, "rollout-encode") as pool:
        begun: deque[_Chunk] = deque()
        try:
            while not options.should_stop():
                # When space is low, publish the finished chunk before encoding another.
                while begun and options.room() is not None:
                    yield from _finish_chunk(store, begun.popleft(), options)
                if not (chunk := _next_chunk(waiting, options.room())):
                    break
                if len(chunk) == _CHUNK_FILES:  # small ones, and more of them may follow
                    encoder.give_back()
                # One chunk is encoded while the one before it is published.
                begun.append(_begin_chunk(chunk, encoder, options, store.ops, pool))
                if len(begun) > 1:
                    yield from _finish_chunk(store, begun.popleft(), options)
            while begun:
                yield from _finish_chunk(store, begun.popleft(), options)
        finally:
            for rest in begun:
                _clean_up(_prepared(rest), store.ops)


def _next_chunk(rollouts: Iterator[RolloutRef], room: int | None) -> list[RolloutRef]:
    chunk: list[RolloutRef] = []
    size = 0
    most = _CHUNK_BYTES if room is None else min(room, _CHUNK_BYTES)
    for rollout in islice(rollouts, _CHUNK_FILES):
        chunk.append(rollout)
        size += _size(rollout.path)
        if size >= most:
            break
    return chunk


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def _would(rollout: RolloutRef, options: CompressOptions, ops: FileOps) -> Result:
    try:
        fd, stat, _ = open_candidate(rollout, options, ops)
    except RefusedError as refused:
        return Result(rollout, refused.outcome, refused.reason)
    except OSError as error:
        return Result(rollout, Outcome.FAILED, str(error))
    os.close(fd)
    return Result(rollout, Outcome.WOULD, "would compress", stat.st_size)


def _begin_chunk(
    chunk: Sequence[RolloutRef],
    encoder: Encoder,
    options: CompressOptions,
    ops: FileOps,
    pool: ThreadPoolExecutor,
) -> _Chunk:
    def work(task: Sequence[RolloutRef]) -> list[Prepared | Result]:
        return [_prepare(rollout, encoder, options, ops) for rollout in task]

    tasks = (chunk[start : start + _TASK] for start in range(0, len(chunk), _TASK))
    return [pool.submit(work, task) for task in tasks]


def _prepared(chunk: _Chunk) -> list[Prepared]:
    return [one for task in chunk for one in task.result() if isinstance(one, Prepared)]


def _finish_chunk(store: StoreHandle, chunk: _Chunk, options: CompressOptions) -> Iterator[Result]:
    prepared = _prepared(chunk)
    try:
        yield from (one for task in chunk for one in task.result() if isinstance(one, Result))
        if prepared:
            yield from _take_places(store, prepared, options)
    finally:
        _clean_up(prepared, store.ops)


def _take_places(
    store: StoreHandle, prepared: Sequence[Prepared], options: CompressOptions
) -> Iterator[Result]:
    try:
        journal = _write_journal(store, prepared)
    except OSError as error:
        yield from (one.result(Outcome.FAILED, str(error)) for one in prepared)
        return
    try:
        batch = list(zip(prepared, journal.entries, strict=True))
        results = publish(store, batch, strict=options.strict)
    finally:
        journal.close(store)
    # Only now: who gets a result may settle what it replaced, which needs the journal.
    yield from results


def _write_journal(store: StoreHandle, prepared: Sequence[Prepared]) -> Journal:
    """Make the frames and the lines about their plain files durable.

    Many small ones by one flush of the device, not one each.
    """
    token = new_token()
    entries = [
        describe_kept(
            store, KeptKind.RETIRED, f"{token}.{number}", one.rollout, one.stat, leased=one.leased
        )
        for number, one in enumerate(prepared)
    ]
    frames = [one.temporary[1] for one in prepared if one.temporary is not None]
    if len(frames) >= _MANY:
        return create_journal(store, token, entries, flush=partial(_flush, frames, store.ops))
    for frame in frames:
        store.ops.sync_file(frame)
    return create_journal(store, token, entries)


def _flush(frames: Sequence[int], ops: FileOps, journal: int) -> None:
    """Flush every filesystem that holds one of these files, once."""
    for fd in {os.fstat(fd).st_dev: fd for fd in (*frames, journal)}.values():
        ops.sync_filesystem(fd)


def _prepare(
    rollout: RolloutRef, encoder: Encoder, options: CompressOptions, ops: FileOps
) -> Prepared | Result:
    try:
        fd, stat, leased = open_candidate(rollout, options, ops)
    except RefusedError as refused:
        return Result(rollout, refused.outcome, refused.reason)
    except OSError as error:
        return Result(rollout, Outcome.FAILED, str(error))
    try:
        path, target, frame = _encode_beside(rollout, fd, stat, encoder, ops)
    except RefusedError as refused:
        os.close(fd)
        return Result(rollout, refused.outcome, refused.reason)
    except (OSError, EncodingError) as error:
        os.close(fd)
        outcome = Outcome.CHANGED if isinstance(error, EncodingError) else Outcome.FAILED
        return Result(rollout, outcome, str(error), stat.st_size)
    identity = (frame.st_dev, frame.st_ino)
    return Prepared(rollout, fd, stat, (path, target), identity, frame.st_size, leased)


def _encode_beside(
    rollout: RolloutRef, fd: int, stat: os.stat_result, encoder: Encoder, ops: FileOps
) -> tuple[str, int, os.stat_result]:
    """Encode to a locked temporary file in the same directory.

    :returns: its path, descriptor and stat.
    :raises RefusedError: the owner and group of the plain file cannot be given to it.
    """
    name = f"{TEMPORARY_PREFIX}{secrets.token_hex(4)}{TEMPORARY_SUFFIX}"
    path = os.path.join(rollout.directory, name)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    target = os.open(path, flags, 0o600)
    try:
        try_lock(target)
        _give_owner(target, stat)
        encoder.encode(fd, target, stat.st_size)
        frame = os.fstat(target)
        copy_attributes(fd, stat, target, frame)
        # Starts the writeback (mm/fadvise.c); the fsync of the whole chunk awaits it.
        os.posix_fadvise(target, 0, 0, os.POSIX_FADV_DONTNEED)
    except BaseException:
        ops.discard(path)
        os.close(target)
        raise
    return path, target, frame


def _give_owner(target: int, stat: os.stat_result) -> None:
    """Refuse before any work is done on a file whose frame could not be its owner's."""
    try:
        give_owner(target, os.fstat(target), stat)
    except PermissionError:
        reason = f"its frame cannot be given to user {stat.st_uid}, group {stat.st_gid}"
        raise RefusedError(Outcome.SKIPPED, reason) from None


def _clean_up(prepared: Iterable[Prepared], ops: FileOps) -> None:
    """Discard each temporary name unless it became a frame's, and close."""
    for one in prepared:
        if one.temporary is not None and not one.is_named:
            ops.discard(one.temporary[0])
        one.close()
