"""One stream of a run, over the rotation of its log.

A log lies where the agent can write: it may be a link or a fifo, grow without end, or be gone.
So it is opened as any foreign file, read piece by piece, and what is wrong is a line of text.
"""

from __future__ import annotations

import os
from contextlib import suppress

from ...kernel.files.regular_file import open_regular
from ...kernel.values import frozen

BLOCK = 256 * 1024
_LONGEST_LINE = 1 << 20


@frozen
class _Part:
    """One file of a stream: an open descriptor, its inode, and how much lies before it."""

    fd: int
    inode: int
    start: int

    @property
    def end(self) -> int:
        return self.start + os.fstat(self.fd).st_size


class LogStream:
    """The bytes of one stream, counted from the start of the run.

    :param name: of the log: ``stdout.log``.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.problem: str | None = None
        self._parts: list[_Part] = []
        self._block = (0, b"")

    @property
    def found(self) -> bool:
        """Tell whether there was a file to read, or something in its place."""
        return bool(self._parts) or self.problem is not None

    @property
    def start(self) -> int:
        """Return where the oldest byte that is still there stands."""
        return self._parts[0].start if self._parts else 0

    @property
    def end(self) -> int:
        """Return where the newest byte ends."""
        return self._parts[-1].end if self._parts else 0

    def refresh(self, directory: int, head: tuple[int, int] | None, *, strict: bool) -> bool:
        """Open the files that are there now and were not before.

        :param directory: a descriptor of the run's directory.
        :param head: inode and start of the newest file by the index; None: nothing is known.
        :param strict: open no newer file than the index names.
        :returns: False where there is a newer one.
        """
        fd = self._open(self.name, directory)
        if fd is None:
            return True
        inode = os.fstat(fd).st_ino
        known = self._parts[-1].inode if self._parts else None
        other = head is not None and head[0] != inode
        if inode == known or (other and strict):
            os.close(fd)
            return inode == known
        start = None if head is None or (other and self._parts) else head[1]
        self._add_before(directory, start)
        self._parts.append(_Part(fd, inode, self.end if start is None else start))
        self._block = (0, b"")
        return True

    def _open(self, name: str, directory: int) -> int | None:
        try:
            return open_regular(name, dir_fd=directory)
        except FileNotFoundError:
            return None
        except OSError as error:
            self.problem = f"{name}: {error.strerror}"
            return None

    def _add_before(self, directory: int, start: int | None) -> None:
        """Take the file before the newest one, where it was not seen yet.

        :param start: of the newest one.
        """
        if start is not None and start <= self.end:
            return
        fd = self._open(f"{self.name}.1", directory)
        if fd is None:
            return
        found = os.fstat(fd)
        if self._parts and self._parts[-1].inode == found.st_ino:
            os.close(fd)
            return
        begin = self.end if start is None else max(self.end, start - found.st_size)
        self._parts.append(_Part(fd, found.st_ino, begin))

    def forget(self, position: int) -> None:
        """Close the files that lie before a position."""
        while len(self._parts) > 1 and self._parts[0].end <= position:
            os.close(self._parts.pop(0).fd)

    def read(self, position: int, end: int) -> bytes:
        """Return some bytes from a position on, at most to ``end``; empty where none are there."""
        start, data = self._block
        if not start <= position < start + len(data):
            start, data = self._block = position, self._read_block(position)
        return data[position - start : end - start]

    def _read_block(self, position: int) -> bytes:
        for part in reversed(self._parts):
            if part.start <= position:
                with suppress(OSError):
                    return os.pread(part.fd, BLOCK, position - part.start)
        return b""

    def skip_gap(self, position: int) -> int:
        """Return where the next byte at or after a position is that is still there."""
        for part in self._parts:
            if position < part.end:
                return max(position, part.start)
        return max(position, self.end)

    def line_start(self, position: int) -> int:
        """Return where the line begins that a position is in, or one MiB before it."""
        least = max(self.start, position - _LONGEST_LINE)
        begin = position
        while begin > least:
            size = min(4096, begin - least)
            found = self._read_block(begin - size)[:size].rfind(b"\n")
            if found >= 0:
                return begin - size + found + 1
            begin -= size
        return least

    def close(self) -> None:
        """Close every file."""
        while self._parts:
            os.close(self._parts.pop().fd)
