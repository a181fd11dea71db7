"""The order in which the streams of a run wrote, and when: a small index beside its logs.

``output.index`` is a table of records of 24 bytes, each of three numbers (``<QQQ``). The first
records, one for each stream, name the file that its log is now. They hold ``MARK``, the inode, and
how much the stream had written before that file, and are written anew when a log is rotated.
Every further record stands for a piece: the time in microseconds since the epoch, and how much
stdout and stderr had written before it. So a piece lies between its record and the next one.
"""

from __future__ import annotations

import contextlib
import os
import struct
import time

from .log import BoundedFile

INDEX_NAME = "output.index"
RECORD = struct.Struct("<QQQ")
MARK = int.from_bytes(b"cxorder1", "little")
STREAMS = 2

# A smaller index would be rotated all the time.
_LEAST = 4096

# Pieces of one stream that come closer together than this (in microseconds) are one.
_TOGETHER = 5_000
# A record may be written for so many bytes of output, and some records to begin with.
_BYTES_A_RECORD = 4 * RECORD.size
_FREE_RECORDS = 2000


class OutputIndex:
    """Writes the index of one run. Nothing waits for it, and no timer writes it.

    An index that cannot be written is given up with ``fault`` set; the logs go on.

    :param path: of the file, which is begun anew.
    :param max_bytes: size at which it is rotated, as a log is.
    :param base: no link is followed below it.
    """

    def __init__(self, path: str, max_bytes: int, base: str = "") -> None:
        self.fault: str | None = None
        self._path = path
        self._max_bytes = max_bytes
        self._heads = [(0, 0)] * STREAMS
        self._totals = [0] * STREAMS
        self._last: tuple[int, int] | None = None
        self._room = _FREE_RECORDS * _BYTES_A_RECORD
        self._file: BoundedFile | None = None
        try:
            self._file = BoundedFile(path, base)
            self._file.append(self._head())
        except OSError as error:
            self._give_up(error)

    def _head(self) -> bytes:
        return b"".join(RECORD.pack(MARK, inode, start) for inode, start in self._heads)

    def place(self, stream: int) -> IndexedStream:
        """Return the place of one stream: 0 for stdout or the terminal, 1 for stderr."""
        return IndexedStream(self, stream)

    def begin_file(self, stream: int, inode: int) -> None:
        """Note that a stream goes on in another file."""
        self._heads[stream] = inode, self._totals[stream]
        if self._file is not None:
            try:
                os.pwrite(self._file.fd, self._head(), 0)
            except OSError as error:
                self._give_up(error)

    def note(self, stream: int, size: int) -> None:
        """Note that a stream is about to write so many bytes.

        Before they are written: a reader who sees them finds their record.
        """
        now = time.time_ns() // 1000
        if self._is_due(stream, now):
            # Without room for a record, the next piece of either stream is due again.
            self._last = None
            if self._room >= _BYTES_A_RECORD:
                self._last = stream, now
                self._room -= _BYTES_A_RECORD
                self._append(RECORD.pack(now, *self._totals))
        self._totals[stream] += size
        self._room += size

    def _is_due(self, stream: int, now: int) -> bool:
        if self._last is None:
            return True
        last, when = self._last
        return stream != last or not 0 <= now - when < _TOGETHER

    def _append(self, record: bytes) -> None:
        if self._file is None:
            return
        try:
            if self._file.size + len(record) > max(self._max_bytes, _LEAST):
                self._file.rotate()
                self._file.append(self._head())
            self._file.append(record)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.fault = f"{self._path}: {error.strerror}"
        self.close()

    def close(self) -> None:
        """Close the file. Idempotent."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()


class IndexedStream:
    """One stream of an index, as its log uses it."""

    def __init__(self, index: OutputIndex, stream: int) -> None:
        self._index = index
        self._stream = stream

    def begin_file(self, inode: int) -> None:
        """Note that the stream goes on in another file."""
        self._index.begin_file(self._stream, inode)

    def note(self, size: int) -> None:
        """Note that so many bytes are about to be written."""
        self._index.note(self._stream, size)
