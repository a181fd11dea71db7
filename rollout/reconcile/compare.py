"""Compare what two files say, whatever their forms: never by name, size or time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from ..codec.decode import BeyondMeasureError, decode_chunks
from ..codec.measure import first_hole, is_hollow, say_hollow
from ..reading.snapshot import open_regular
from ..store.names import COMPRESSED_SUFFIX

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Comparison:
    """The extent to which two contents agree.

    :param common: bytes, from the start, in which they agree.
    :param lines: bytes of the whole lines among these.
    :param left: length of the first content in plain bytes.
    :param right: length of the second.
    """

    common: int
    lines: int
    left: int
    right: int


def compare(left: str | int, right: str | int) -> Comparison:
    """Compare the contents of two rollout files, decoding names that end in ``.zst``.

    A descriptor stands for a plain file. Memory does not grow with the files. Both
    are read to their ends.

    :raises DamagedFrameError: one of them does not decode.
    :raises BeyondMeasureError: one of them holds more than codex writes, or holes.
    :raises NotARolloutFileError: one of them is a directory, a fifo or the like.
    :raises OSError: one of them is gone or cannot be read.
    """
    with contextlib.closing(_chunks(left)) as ours, contextlib.closing(_chunks(right)) as theirs:
        return _compare(_Stream(ours), _Stream(theirs))


class _Stream:
    """Chunks of any size, taken in pieces of the other side's."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")
        self.length = 0

    def peek(self) -> memoryview:
        """Return the next bytes; empty only at the end."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            self._rest = memoryview(chunk)
        return self._rest

    def take(self, count: int) -> None:
        """Go on by ``count`` bytes of what was there."""
        self._rest = self._rest[count:]
        self.length += count

    def drain(self) -> int:
        """Go to the end and return the whole length."""
        while rest := self.peek():
            self.take(len(rest))
        return self.length


def _compare(left: _Stream, right: _Stream) -> Comparison:
    common, lines = 0, 0
    while (ours := left.peek()) and (theirs := right.peek()):
        count = min(len(ours), len(theirs))
        piece = bytes(ours[:count])
        same = _same_length(piece, bytes(theirs[:count]))
        lines = common + end + 1 if (end := piece.rfind(b"\n", 0, same)) >= 0 else lines
        common += same
        left.take(count)
        right.take(count)
        if same < count:
            break
    return Comparison(common, lines, left.drain(), right.drain())


def _same_length(ours: bytes, theirs: bytes) -> int:
    """Return in how many leading bytes two pieces of equal length agree."""
    low, high = 0, len(ours)
    if ours == theirs:
        return high
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (middle, high) if ours[:middle] == theirs[:middle] else (low, middle)
    return low


def _chunks(file: str | int) -> Generator[bytes]:
    if isinstance(file, int):
        yield from _plain(file, "a kept file")
        return
    fd = open_regular(file)
    try:
        yield from decode_chunks(fd, file) if file.endswith(COMPRESSED_SUFFIX) else _plain(fd, file)
    finally:
        os.close(fd)


def _plain(fd: int, path: str) -> Generator[bytes]:
    size = os.fstat(fd).st_size
    if is_hollow(fd, size):
        raise BeyondMeasureError(path, say_hollow(size, first_hole(fd, size)))
    offset = 0
    while chunk := os.pread(fd, _CHUNK, offset):
        offset += len(chunk)
        yield chunk
