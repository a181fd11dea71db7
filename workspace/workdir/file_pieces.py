"""Copy and compare files of any size in pieces; holes are neither read nor written.

An agent may have left a sparse file of 60 GB where its user gives it to the next task. Before
each piece it is looked whether the end is wanted: that is how a time limit or a signal ends it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from ...kernel.errands.end_wanted import check_end
from ...kernel.errands.errand import LongWait

PIECE = 1 << 20


def copy_pieces(source: int, target: int, what: str) -> None:
    """Copy a file as long as it is now into an empty one, holes as holes.

    :param what: what a person is told of a copy that takes long.
    :raises EndWanted: the end is wanted; a part is copied.
    """
    size, long = os.fstat(source).st_size, LongWait()
    for start, end in _data(source, size):
        check_end()
        long.tell_if_due(what)
        piece = os.pread(source, end - start, start)
        _write(target, piece, start)
        if len(piece) < end - start:  # somebody cuts it while we read
            size = min(size, os.fstat(source).st_size)
    os.ftruncate(target, size)


def same_pieces(one: int, other: int, what: str) -> bool:
    """Tell whether two files hold the same bytes; a hole holds zeros.

    :param what: what a person is told of a comparison that takes long.
    :raises EndWanted: the end is wanted.
    """
    size, at, long = os.fstat(one).st_size, 0, LongWait()
    if os.fstat(other).st_size != size:
        return False
    while (at := min(_seek(fd, at, os.SEEK_DATA, size) for fd in (one, other))) < size:
        check_end()
        long.tell_if_due(what)
        if os.pread(one, PIECE, at) != os.pread(other, PIECE, at):
            return False
        at += PIECE
    return True


def _data(fd: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield where the data is: pieces of a bounded length."""
    end = 0
    while (start := _seek(fd, end, os.SEEK_DATA, size)) < size:
        end = min(_seek(fd, start, os.SEEK_HOLE, size), start + PIECE, size)
        # A hole was made there since the first look.
        end = max(end, start + 1)
        yield start, end


def _seek(fd: int, at: int, whence: int, size: int) -> int:
    if at >= size:
        return size
    try:
        return os.lseek(fd, at, whence)
    except OSError as error:
        # After the last data there is a hole. Other filesystems know of none: all is data.
        if error.errno == errno.ENXIO:
            return size
        return at if whence == os.SEEK_DATA else size


def _write(fd: int, piece: bytes, at: int) -> None:
    rest = memoryview(piece)
    while rest:
        done = os.pwrite(fd, rest, at)
        rest, at = rest[done:], at + done
