"""codex's index of threads, read and changed in a private copy.

SQLite plays a journal back that lies beside a database, and then unlinks whatever file the
journal names. An agent can put one there at any moment. So no database of an agent's is opened
in its place but with ``immutable``. SQLite then looks at that one file alone and takes no lock
(sqlite.org/uri.html). What is in its write-ahead log is seen in a copy, in a directory of ours.
A changed copy takes the place of the database in one rename.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
import time
from collections.abc import Generator
from pathlib import Path

from ...kernel.files.below import open_directory
from ...kernel.files.flock import try_lock
from ...kernel.files.regular_file import create_file, open_regular
from ...kernel.files.tree import remove_tree
from ...kernel.xdg import state_directory
from ..fs import directory, lstat_at
from ..workdir.file_pieces import copy_pieces

WAL, SHARED_MEMORY, JOURNAL = "-wal", "-shm", "-journal"
_COPY = "index.sqlite"
# Where SQLite's locks are, whichever it takes (pending, reserved, shared: os_unix.c).
_LOCKED_FROM, _LOCKED_BYTES = 0x40000000, 512
_PAUSE = 0.02


@contextlib.contextmanager
def locked(name: str, home_fd: int, seconds: float) -> Generator[int, None, None]:
    """Keep every SQLite away from a database for a block, and yield its descriptor.

    :param seconds: how long to wait for a process that has it open.
    :raises OSError: it is not a regular file, or stayed in use.
    """
    fd = open_regular(name, os.O_RDWR, dir_fd=home_fd)
    try:
        deadline = time.monotonic() + seconds
        while not _take(fd):
            if time.monotonic() > deadline:
                raise OSError(errno.EAGAIN, "the database is locked by another process", name)
            time.sleep(_PAUSE)
        yield fd
    finally:
        os.close(fd)


def has_log(name: str, home_fd: int) -> bool:
    """Tell whether something may be in the write-ahead log that the database does not hold."""
    found = lstat_at(name + WAL, home_fd)
    return found is not None and found.st_size > 0


@contextlib.contextmanager
def copied(fd: int, name: str, home_fd: int) -> Generator[Path, None, None]:
    """Copy a locked database and its log, never a journal, for a block; yield the copy's path.

    :raises OSError: it cannot be copied.
    """
    top = state_directory() / "indexes"
    with directory(top, create=True) as top_fd:
        _sweep(top_fd)
        own = os.urandom(6).hex()
        os.mkdir(own, 0o700, dir_fd=top_fd)
        own_fd = os.open(own, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=top_fd)
        try:
            try_lock(own_fd)
            _copy(fd, _COPY, own_fd)
            if has_log(name, home_fd):
                log_fd = open_regular(name + WAL, dir_fd=home_fd)
                try:
                    _copy(log_fd, _COPY + WAL, own_fd)
                finally:
                    os.close(log_fd)
            yield top / own / _COPY
        finally:
            remove_tree(own, top_fd)
            os.close(own_fd)


def install(copy: Path, name: str, home_fd: int) -> None:
    """Let a closed copy take the place of the locked database that it was made from.

    A crash in between leaves the database without what was in its log alone.

    :raises OSError: it cannot be written, or the copy's own log was not emptied.
    """
    if copy.with_name(copy.name + WAL).exists():
        raise OSError(errno.EBUSY, "the log could not be written back", name)
    temporary = f".state-{os.urandom(6).hex()}.tmp"
    source = open_regular(copy)
    try:
        _copy(source, temporary, home_fd, durable=True)
        for suffix in (WAL, SHARED_MEMORY):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name + suffix, dir_fd=home_fd)
        os.rename(temporary, name, src_dir_fd=home_fd, dst_dir_fd=home_fd)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=home_fd)
        raise
    finally:
        os.close(source)


def _take(fd: int) -> bool:
    """Lock for the open file: a POSIX lock would end with any other descriptor of that file."""
    lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, _LOCKED_FROM, _LOCKED_BYTES, 0)
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, lock)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True


def _copy(source: int, name: str, dir_fd: int, *, durable: bool = False) -> None:
    target = create_file(name, dir_fd)
    try:
        copy_pieces(source, target, "codex's index to be copied")
        if durable:
            os.fsync(target)
    finally:
        os.close(target)


def _sweep(top_fd: int) -> None:
    """Remove the copies of killed launches: those that nobody has locked."""
    for name in os.listdir(top_fd):
        with contextlib.suppress(OSError):
            fd = open_directory(name, top_fd)
            try:
                if try_lock(fd) and time.time() - os.fstat(fd).st_mtime > 60:
                    remove_tree(name, top_fd)
            finally:
                os.close(fd)
