"""Decode a compressed rollout in pieces, past every damaged frame.

The strict decoder beside this one stops at the first damage; a reader wants what
is behind it too.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import zstandard

from ..codec.decode import MAX_WINDOW
from ..codec.frame_damage import FrameDamage
from ..codec.frames import FRAME_MAGIC, MOST_WALKED, frame_damage, frame_end
from ..codec.measure import Allowance, first_hole, is_hollow, is_usual, say_hollow
from .snapshot import RolloutSnapshot

_SCAN = 1 << 20
_SMALL_FRAME = 256 << 10
_SMALL_CONTENT = 4 << 20


def decoded_chunks(snapshot: RolloutSnapshot, chunk: int) -> Iterator[bytes | FrameDamage]:
    """Yield the contents of a compressed snapshot's frames, and each damage in its place."""
    yield from _bounded(snapshot, partial(_all_frames, chunk=chunk))


def _bounded(
    snapshot: RolloutSnapshot,
    decode: Callable[[RolloutSnapshot], Iterator[bytes | FrameDamage]],
) -> Iterator[bytes | FrameDamage]:
    """Decode up to the first of a hollow file's holes, and no more than codex writes."""
    whole = _at_once(snapshot)
    if whole is not None:
        yield whole
        return
    allowance = Allowance(snapshot.fd, snapshot.size)
    hollow = is_hollow(snapshot.fd, snapshot.size)
    end = first_hole(snapshot.fd, snapshot.size) if hollow else snapshot.size
    for piece in decode(replace(snapshot, size=end)):
        excess = allowance.excess(piece) if isinstance(piece, bytes) else ""
        if excess:
            yield FrameDamage(0, excess, refused=True)
            return
        if hollow and isinstance(piece, FrameDamage):
            break  # for the hole
        yield piece
    if hollow:
        yield FrameDamage(end, say_hollow(snapshot.size, end), refused=True)


def _all_frames(snapshot: RolloutSnapshot, chunk: int) -> Iterator[bytes | FrameDamage]:
    if snapshot.size == 0:
        yield FrameDamage(0, "the file is empty")
    offset = 0
    while offset < snapshot.size:
        end = frame_end(snapshot.fd, offset, snapshot.size)
        reason = end if isinstance(end, str) else None
        stop = snapshot.size if isinstance(end, str) else min(end, snapshot.size)
        if isinstance(end, int) and end > snapshot.size:
            reason = "the last frame is cut short"
        try:
            yield from _frame_chunks(snapshot.fd, offset, stop, chunk)
        except zstandard.ZstdError as error:
            reason = reason or str(error)
        if reason is not None:
            yield FrameDamage(offset, reason)
        offset = stop if isinstance(end, int) else _next_frame(snapshot, offset + 1)


class _Decoder(threading.local):
    """One decoder for each thread: making one costs more than a small rollout."""

    def __init__(self) -> None:
        self.decompress = zstandard.ZstdDecompressor().decompress


_decoder = _Decoder()


def _at_once(snapshot: RolloutSnapshot) -> bytes | None:
    """Decode a small file that is one whole frame; None when it is anything else."""
    if not 0 < snapshot.size <= _SMALL_FRAME:
        return None
    data = os.pread(snapshot.fd, snapshot.size, 0)
    try:
        # Of a frame that says it is empty the decoder returns nothing, whatever follows.
        size = zstandard.get_frame_parameters(data).content_size
        if not 0 < size <= _SMALL_CONTENT or not is_usual(snapshot.size, size):
            return None  # empty, large, or it does not say
        return _decoder.decompress(data, allow_extra_data=False)
    except zstandard.ZstdError:
        return None


def _frame_chunks(fd: int, start: int, stop: int, chunk: int) -> Iterator[bytes]:
    """Decode one frame, which ends before ``stop``; skippable ones decode to nothing."""
    decoder = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW)
    source = _Part(fd, start, stop)
    with decoder.stream_reader(source, closefd=False) as reader:  # type: ignore[arg-type]
        # Not read: what was decoded in front of a damaged place would be lost with it.
        while data := reader.read1(chunk):
            yield data


def head_chunks(snapshot: RolloutSnapshot, chunk: int) -> Iterator[bytes | FrameDamage]:
    """Yield plain bytes without looking ahead for damage; for who stops soon."""
    yield from _bounded(snapshot, partial(_first_frames, chunk=chunk))


def _first_frames(snapshot: RolloutSnapshot, chunk: int) -> Iterator[bytes | FrameDamage]:
    decoder = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW)
    source = _Part(snapshot.fd, 0, snapshot.size)
    try:
        with decoder.stream_reader(source, read_across_frames=True, closefd=False) as reader:  # type: ignore[arg-type]
            while data := reader.read1(chunk):
                yield data
    except zstandard.ZstdError as error:
        yield FrameDamage(0, str(error))
        return
    reason = frame_damage(snapshot.fd, snapshot.size)
    if reason is not None:
        yield FrameDamage(0, reason)


class _Part:
    """A range of a descriptor, readable in order without moving the file's offset."""

    def __init__(self, fd: int, start: int, stop: int) -> None:
        self._fd, self._at, self._stop = fd, start, stop

    def read(self, size: int) -> bytes:
        data = os.pread(self._fd, min(size, self._stop - self._at), self._at)
        self._at += len(data)
        return data


def _next_frame(snapshot: RolloutSnapshot, offset: int) -> int:
    """Find the next place where a whole frame begins, or the end of the file.

    What only looks like the beginning of a frame is walked too. By chance it is there once in 4
    GiB; else somebody put it there, perhaps everywhere.
    """
    overlap = len(FRAME_MAGIC) - 1
    walked: set[int] = set()
    while offset < snapshot.size:
        block = os.pread(snapshot.fd, _SCAN + overlap, offset)
        at = block.find(FRAME_MAGIC)
        while at != -1:
            end = frame_end(snapshot.fd, offset + at, snapshot.size, walked)
            if isinstance(end, int) and end <= snapshot.size:
                return offset + at
            if len(walked) >= MOST_WALKED:
                return snapshot.size
            at = block.find(FRAME_MAGIC, at + 1)
        offset += _SCAN
    return snapshot.size
