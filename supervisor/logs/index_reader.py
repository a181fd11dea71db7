"""Read ``output.index``: record by record, or from a moment or a size on.

The file lies where the agent can write, so it is believed for the order of bytes alone. Every byte
of a log is shown once, whatever the index says. A torn last record is no record yet.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Iterator

from ...kernel.files.regular_file import open_regular
from ...kernel.values import frozen
from ..output.order import INDEX_NAME, MARK, RECORD, STREAMS

_SIZE = RECORD.size
_AT_ONCE = 4096


@frozen
class IndexRecord:
    """One piece: when it came (seconds since the epoch), and what lies before it."""

    when: float
    before: tuple[int, int]


class IndexReader:
    """The index of one run, over its rotation."""

    def __init__(self) -> None:
        self._files: list[int] = []
        self._inode: int | None = None
        self._file = 0
        self._record = STREAMS

    @property
    def found(self) -> bool:
        """Tell whether the run has an index."""
        return bool(self._files)

    def refresh(self, directory: int) -> tuple[tuple[int, int], ...] | None:
        """Open the index, or the newer file of it.

        :returns: inode and start of each stream's newest log; None where there is no index.
        """
        fd = _open(INDEX_NAME, directory)
        if fd is not None:
            inode = os.fstat(fd).st_ino
            if inode == self._inode or _heads(fd) is None:
                os.close(fd)
            else:
                before = None if self._files else _open(f"{INDEX_NAME}.1", directory)
                self._files += [each for each in (before, fd) if each is not None]
                self._inode = inode
        return _heads(self._files[-1]) if self._files else None

    def records(self) -> Iterator[IndexRecord]:
        """Yield what was not read yet; a record that is looked at is read by :meth:`take`."""
        while self._file < len(self._files):
            data = os.pread(self._files[self._file], _AT_ONCE * _SIZE, self._record * _SIZE)
            for number in range(len(data) // _SIZE):
                yield _record(data, number)
            if len(data) < _SIZE:
                if self._file == len(self._files) - 1:
                    return
                self._file, self._record = self._file + 1, STREAMS

    def take(self) -> None:
        """Count the record that was yielded last as read."""
        self._record += 1

    def seek(self, is_wanted: Callable[[IndexRecord], bool]) -> IndexRecord | None:
        """Go to the first record that is wanted; those after it must be wanted too.

        :returns: it, or None where no record is wanted.
        """
        for number, fd in enumerate(self._files):
            count = os.fstat(fd).st_size // _SIZE
            first = bisect_left(
                range(count),
                True,
                lo=min(STREAMS, count),
                key=lambda at: is_wanted(_at(fd, at)),
            )
            self._file, self._record = number, first
            if first < count:
                return _at(fd, first)
        return None

    def last(self) -> IndexRecord | None:
        """Go behind the last record, and return it; None where there is none."""
        self.seek(lambda _: False)
        return _at(self._files[self._file], self._record - 1) if self._record > STREAMS else None

    def close(self) -> None:
        """Close every file."""
        while self._files:
            os.close(self._files.pop())


def _open(name: str, directory: int) -> int | None:
    try:
        return open_regular(name, dir_fd=directory)
    except OSError:
        return None


def _heads(fd: int) -> tuple[tuple[int, int], ...] | None:
    data = os.pread(fd, STREAMS * _SIZE, 0)
    if len(data) < STREAMS * _SIZE:
        return None
    heads = [RECORD.unpack_from(data, number * _SIZE) for number in range(STREAMS)]
    if any(mark != MARK for mark, _, _ in heads):
        return None
    return tuple((inode, start) for _, inode, start in heads)


def _record(data: bytes, number: int) -> IndexRecord:
    when, stdout, stderr = RECORD.unpack_from(data, number * _SIZE)
    return IndexRecord(when / 1e6, (stdout, stderr))


def _at(fd: int, number: int) -> IndexRecord:
    data = os.pread(fd, _SIZE, number * _SIZE)
    return _record(data if len(data) == _SIZE else bytes(_SIZE), 0)
