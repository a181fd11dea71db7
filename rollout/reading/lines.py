"""Read a rollout line by line, from the beginning or from the end.

Nothing in a rollout aborts the reading of the rest: a byte order mark, CRLF,
invalid UTF-8, a torn tail, a line beyond all measure, a damaged frame. What is
wrong is said with the line it touches. Lines are bytes; decoding is the caller's.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Flag, auto

from ..codec.frame_damage import FrameDamage
from ..codec.measure import most_lines, say_too_many
from ..store.names import RolloutForm
from .plain_bytes import SeekableBytes, new_spool, open_seekable, plain_chunks
from .snapshot import RolloutSnapshot

MAX_LINE_BYTES = 64 << 20
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BACK_STEP = 64 << 10


class LineFault(Flag):
    """What is wrong with a line; several can be."""

    NONE = 0
    BYTE_ORDER_MARK = auto()
    """It began with a byte order mark, which ``data`` leaves out; codex misses such threads."""
    INVALID_UTF8 = auto()
    UNTERMINATED = auto()
    """The last line has no newline: torn, or being written just now."""
    TOO_LONG = auto()
    """It is longer than the limit; ``data`` is its beginning."""
    DAMAGED = auto()
    """What came after ``data`` could not be decoded, or was not read."""
    REFUSED = auto()
    """Together with the one before: no codex writes what came there."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a rollout.

    :param number: 1 for the first; when read from the end, -1 for the last.
    :param offset: of its first byte in the plain form; behind damage, in what was decoded.
    :param data: without line ending and byte order mark.
    :param fault: what is wrong with it.
    :param detail: zstd's words when it is damaged, else "".
    """

    number: int
    offset: int
    data: bytes
    fault: LineFault
    detail: str = ""


def iter_lines(
    snapshot: RolloutSnapshot, *, max_line_bytes: int = MAX_LINE_BYTES, most: int | None = None
) -> Iterator[Line]:
    """Yield every line from the beginning, blank ones too.

    Memory stays below ``max_line_bytes``, a few chunks and the frame's window.

    :param max_line_bytes: longer lines are cut to this length and say so.
    :param most: read no more than about so many bytes; a line that is cut so is left out.
    """
    assembly, allowed = _Assembly(max_line_bytes), _lines_allowed(snapshot)
    read = 0
    for piece in plain_chunks(snapshot):
        if (most is not None and read > most) or assembly.number > allowed:
            break
        if isinstance(piece, FrameDamage):
            refused = LineFault.REFUSED if piece.refused else LineFault.NONE
            yield assembly.finish(LineFault.DAMAGED | refused, piece.reason)
            continue
        read += len(piece)
        first, *rest = piece.split(b"\n")
        assembly.add(first)
        for part in rest:
            yield assembly.finish()
            assembly.add(part)
    else:
        if assembly.length:
            yield assembly.finish(LineFault.UNTERMINATED)
        return
    if assembly.number > allowed:
        yield assembly.finish(LineFault.DAMAGED | LineFault.REFUSED, say_too_many(int(allowed)))


def _lines_allowed(snapshot: RolloutSnapshot) -> float:
    if snapshot.form is RolloutForm.PLAIN:
        return math.inf
    return most_lines(snapshot.fd, snapshot.size)


class _Assembly:
    """The line under way, which may span pieces."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._kept = 0
        self.number = 0
        self._offset = 0
        self.length = 0

    def add(self, part: bytes) -> None:
        self.length += len(part)
        room = self._limit - self._kept
        if part and room:
            self._parts.append(part[:room])
            self._kept += min(room, len(part))

    def finish(self, fault: LineFault = LineFault.NONE, detail: str = "") -> Line:
        if self.length > self._limit:
            fault |= LineFault.TOO_LONG
        self.number += 1
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        line = make_line(self.number, self._offset, data, fault, detail)
        ended = not fault & (LineFault.UNTERMINATED | LineFault.DAMAGED)
        self._offset += self.length + ended
        self._parts.clear()
        self._kept = self.length = 0
        return line


def make_line(
    number: int, offset: int, data: bytes, fault: LineFault = LineFault.NONE, detail: str = ""
) -> Line:
    """Judge the bytes of one line, given without their newline."""
    if data.endswith(b"\r"):
        data = data[:-1]
    if offset == 0 and data.startswith(BYTE_ORDER_MARK):
        data = data[len(BYTE_ORDER_MARK) :]
        fault |= LineFault.BYTE_ORDER_MARK
    if not data.isascii() and not fault & LineFault.TOO_LONG and not _is_utf8(data):
        fault |= LineFault.INVALID_UTF8
    return Line(number, offset, data, fault, detail)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def iter_lines_reversed(
    snapshot: RolloutSnapshot, *, end: int | None = None, max_line_bytes: int = MAX_LINE_BYTES
) -> Iterator[Line]:
    """Yield lines from the end backwards.

    A plain rollout is read from its end only; a compressed one is decoded once
    into an anonymous temporary file.

    :param end: stop the view at this plain offset, as if nothing followed.
    :param max_line_bytes: longer lines are cut to this length and say so.
    """
    with new_spool() as spool:
        source = open_seekable(snapshot, spool)
        stop = source.size if end is None else min(end, source.size)
        number = 0
        for start, limit, damage in _segments_reversed(source, stop):
            raw_lines = _split_reversed(
                source, start, limit, dangling=damage is not None, keep=max_line_bytes
            )
            for offset, raw, terminated in raw_lines:
                number -= 1
                fault, detail = LineFault.NONE, ""
                if not terminated:
                    fault = LineFault.DAMAGED if damage else LineFault.UNTERMINATED
                    if damage and damage.refused:
                        fault |= LineFault.REFUSED
                    detail = damage.reason if damage else ""
                if len(raw) > max_line_bytes:
                    fault, raw = fault | LineFault.TOO_LONG, raw[:max_line_bytes]
                yield make_line(number, offset, raw, fault, detail)


def _segments_reversed(
    source: SeekableBytes, stop: int
) -> Iterator[tuple[int, int, FrameDamage | None]]:
    """Cut at the holes: ``(start, end, the damage behind it)``, last first."""
    limit, damage = stop, None
    for offset, hole in reversed(source.holes):
        if offset > stop:
            continue
        yield offset, limit, damage
        limit, damage = offset, hole
    yield 0, limit, damage


def _split_reversed(
    source: SeekableBytes, start: int, limit: int, *, dangling: bool, keep: int
) -> Iterator[tuple[int, bytes, bool]]:
    """Yield ``(offset, raw line, it had a newline)`` of a range, last first.

    :param dangling: the range ends in the middle of a line, an empty one if need be.
    :param keep: remember at most about this many bytes of a line, its first ones.
    """
    tail = _Backwards(keep)
    position, terminated = limit, False
    while position > start:
        step = min(_BACK_STEP, position - start)
        position -= step
        block = source.read_at(position, step)
        end = len(block)
        while (at := block.rfind(b"\n", 0, end)) != -1:
            tail.prepend(block[at + 1 : end])
            if terminated or tail.length or dangling:
                yield position + at + 1, tail.take(), terminated
            terminated, dangling, end = True, False, at
        tail.prepend(block[:end])
    if terminated or tail.length or dangling:
        yield start, tail.take(), terminated


class _Backwards:
    """A line put together from its end, of which only the beginning is kept."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._parts: deque[bytes] = deque()
        self.length = 0

    def prepend(self, part: bytes) -> None:
        self._parts.appendleft(part)
        self.length += len(part)
        while self.length - len(self._parts[-1]) > self._keep:
            self.length -= len(self._parts.pop())

    def take(self) -> bytes:
        line = b"".join(self._parts)
        self._parts.clear()
        self.length = 0
        return line
