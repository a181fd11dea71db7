"""Measure whether codex can have written a rollout of this size, and find its holes.

A rollout is text, and each of its records has a time and an id of its own. So codex leaves no
holes. Each repetition costs something, too: a picture costs some 15 bytes for each 128 KiB,
the most that a block of zstd holds. A file that decodes to more was made to hold up its
readers.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

HOLLOW = 64 << 20
"""Bytes of holes from which on a file is hollow: a power cut leaves some megabytes at most."""

# Nothing of codex's packs better than 8,800:1, and the highest known of a large thread is 106:1
# (2,331 pictures, 22 different).
_LITTLE, _BEST = 256 << 20, 9_000
_MUCH, _GOOD = 4 << 30, 1_000
_LINES = 100_000
_BLOCK = 512


def is_hollow(fd: int, size: int) -> bool:
    """Tell whether much of a file was never written: `HOLLOW` bytes of it or more.

    Blocks on disk alone do not tell: some file systems compress, or count late.
    """
    if size < HOLLOW or size - os.fstat(fd).st_blocks * _BLOCK < HOLLOW:
        return False
    return size - _written(fd, size) >= HOLLOW


def may_be_hollow(path: str) -> bool:
    """Tell whether a file could be hollow, without opening it."""
    try:
        status = os.stat(path)
    except OSError:
        return False
    return status.st_size - status.st_blocks * _BLOCK >= HOLLOW


class Allowance:
    """The plain bytes and lines that a compressed rollout may still decode to."""

    def __init__(self, fd: int, size: int) -> None:
        """Take the measure of a file of so many bytes."""
        stored = _stored(fd, size)
        self._most = min(_LITTLE + _BEST * stored, max(_MUCH, _GOOD * stored))
        self._most_lines = _LINES + stored
        self._usual = _usual(stored)
        self._bytes = self._lines = 0

    def excess(self, piece: bytes) -> str:
        """Count a piece of what it says; say what is too much, "" where nothing is."""
        self._bytes += len(piece)
        if self._bytes > self._most:
            return _say_too_much(f"{self._most >> 20} MiB")
        if self._bytes > self._usual:
            # Counting takes a tenth of the time of decoding: not in most threads.
            self._lines += piece.count(b"\n")
            if self._lines > self._most_lines:
                return say_too_many(self._most_lines)
        return ""


def most_lines(fd: int, size: int) -> int:
    """Return how many lines a compressed rollout may have: each has a time of its own."""
    return _LINES + _stored(fd, size)


def _stored(fd: int, size: int) -> int:
    return _written(fd, size) if is_hollow(fd, size) else size


def is_usual(size: int, plain: int) -> bool:
    """Tell whether a compressed rollout says no more than most do for their size."""
    return plain <= _usual(size)


def _usual(stored: int) -> int:
    return (1 << 20) + 8 * stored


def _written(fd: int, size: int) -> int:
    return sum(end - start for start, end in written_parts(fd, size))


def written_parts(fd: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of each part of a file that is no hole. Moves the file's offset."""
    at = 0
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                yield at, size  # a file system that knows of no holes
            return
        at = os.lseek(fd, start, os.SEEK_HOLE)
        if start < size:
            yield start, min(at, size)


def first_hole(fd: int, size: int) -> int:
    """Return where the first hole of a file begins, or its end. Moves the file's offset."""
    start, end = next(written_parts(fd, size), (0, 0))
    return end if start == 0 else 0


def say_hollow(size: int, at: int) -> str:
    """Say of a hollow file what is wrong with it."""
    return (
        f"much of its {size} bytes was never written, first at byte {at}, and codex leaves no"
        " holes; the holes were passed over"
    )


def say_too_many(lines: int) -> str:
    """Say of a compressed file that it holds more lines than it may."""
    return _say_too_much(f"{lines} lines")


def _say_too_much(most: str) -> str:
    return (
        f"it holds more than {most}, which codex never writes at its size; the rest was not read"
        " (`zstd -dc --long=27` reads it all)"
    )
