"""Find candidate lines of a plain rollout by offset, as ripgrep would give them.

Nothing is split into lines: most rollouts hold no match, and going through the
bytes is all they cost. Line numbers are counted up to the last match only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..reading.snapshot import RolloutSnapshot
from .needle import contains
from .query import Query

_CHUNK = 256 << 10
_STEP = 16 << 10


def candidate_positions(snapshot: RolloutSnapshot, query: Query) -> Iterator[tuple[int, int]]:
    """Yield number and byte offset of every line that holds the needle, in order.

    :param snapshot: of a plain form.
    :param query: with a needle.
    """
    numbers = _Numbers(snapshot.fd)
    # Pieces overlap by less than a needle, so that none is cut and none seen twice.
    overlap = len(query.needle) - 1
    offset = done = 0
    while offset + overlap < snapshot.size:
        piece = os.pread(snapshot.fd, min(_CHUNK, snapshot.size - offset), offset)
        if len(piece) <= overlap:
            return
        haystack = piece.lower() if query.fold else piece
        if contains(haystack, query.needle):
            at = haystack.find(query.needle, max(done - offset, 0))
            while at != -1:
                start = _line_start(snapshot.fd, offset + at)
                yield 1 + numbers.before(start), start
                done = _line_end(snapshot.fd, offset + at, snapshot.size)
                at = haystack.find(query.needle, min(done - offset, len(haystack)))
        offset += len(piece) - overlap


class _Numbers:
    """Counts the lines before ever later offsets."""

    def __init__(self, fd: int) -> None:
        self._fd, self._counted, self._lines = fd, 0, 0

    def before(self, offset: int) -> int:
        while self._counted < offset:
            data = os.pread(self._fd, min(_CHUNK, offset - self._counted), self._counted)
            if not data:
                break
            self._lines += data.count(b"\n")
            self._counted += len(data)
        return self._lines


def _line_start(fd: int, offset: int) -> int:
    while offset > 0:
        begin = max(0, offset - _STEP)
        newline = os.pread(fd, offset - begin, begin).rfind(b"\n")
        if newline != -1:
            return begin + newline + 1
        offset = begin
    return 0


def _line_end(fd: int, offset: int, size: int) -> int:
    """Return the offset behind the newline that ends the line at ``offset``."""
    while offset < size:
        data = os.pread(fd, _STEP, offset)
        newline = data.find(b"\n")
        if newline != -1:
            return offset + newline + 1
        if not data:
            break
        offset += len(data)
    return size
