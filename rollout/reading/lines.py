"""Read a rollout line by line.

Nothing in a rollout aborts the reading of the rest. That holds for a byte order mark, CRLF,
invalid UTF-8, a torn tail, a line beyond all measure, and a damaged frame. What is wrong is
said with the line it touches. Lines are bytes; decoding is the caller's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Flag, auto

from ..codec.frame_damage import FrameDamage
from ..codec.measure import most_lines, say_too_many
from ..store.names import RolloutForm
from .plain_bytes import plain_chunks
from .snapshot import RolloutSnapshot

MAX_LINE_BYTES = 64 << 20
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class LineFault(Flag):
    """The faults of a line; it can have several."""

    NONE = 0
    BYTE_ORDER_MARK = auto()
    """It began with a byte order mark, which ``data`` leaves out; codex misses such threads."""
    INVALID_UTF8 = auto()
    UNTERMINATED = auto()
    """The last line has no newline: torn, or being written just now."""
    TOO_LONG = auto()
    """It is longer than the limit; ``data`` is its beginning."""
    DAMAGED = auto()
    """The bytes behind ``data`` could not be decoded, or were not read."""
    REFUSED = auto()
    """Together with `DAMAGED`: no codex writes the bytes that came there."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a rollout.

    :param number: 1 for the first.
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
        line = _make_line(self.number, self._offset, data, fault, detail)
        ended = not fault & (LineFault.UNTERMINATED | LineFault.DAMAGED)
        self._offset += self.length + ended
        self._parts.clear()
        self._kept = self.length = 0
        return line


def _make_line(
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
