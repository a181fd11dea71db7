"""Every system call that changes a store, by the name of its part in the design.

The modules that change something call these and nothing else. So this page lists all
that can happen to a user's files. A test can stop, fail or leave out any one of them.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Generator

from ...kernel.files.atomic import fsync_directory, write_all
from ...kernel.files.lease import (
    LeaseAnswer,
    is_read_lease_unbroken,
    release_read_lease,
    take_read_lease,
)
from ...kernel.libc import check, libc, rename_noreplace
from ..locks.holders import writers_of
from ..locks.store import change_lock
from ..locks.thread import Coordination, ThreadLocks


class FileOps:
    """The system calls themselves. Paths are absolute, links in directories resolved."""

    @contextlib.contextmanager
    def coordination(self, locks: ThreadLocks) -> Generator[Coordination]:
        """Hold codex's coordination lock: no codex of this home starts a writer."""
        with locks.coordination() as held:
            yield held

    @contextlib.contextmanager
    def store(self, lock: str) -> Generator[None]:
        """Hold the store's own lock: none of us, of whatever home, changes it meanwhile."""
        with change_lock(lock):
            yield

    def take_read_lease(self, fd: int, *, granted_before: bool = False) -> LeaseAnswer:
        """Ask the kernel whether anybody can write to the file now."""
        return take_read_lease(fd, granted_before=granted_before)

    def take_read_lease_again(self, fd: int) -> LeaseAnswer:
        """Ask a second time, for a writer that had looked the name up before it moved."""
        return take_read_lease(fd, granted_before=True)

    def is_read_lease_unbroken(self, fd: int) -> bool:
        """Tell whether no writer has come since the lease was taken."""
        return is_read_lease_unbroken(fd)

    def release_read_lease(self, fd: int) -> None:
        """Let a writer that waits in open(2) go on."""
        release_read_lease(fd)

    def has_writers(self, path: str) -> bool:
        """Scan the descriptors of other processes: where there is no lease."""
        return bool(writers_of(path))

    def set_times(self, fd: int, stat: os.stat_result) -> None:
        """Give a file the times of another."""
        os.utime(fd, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    def name_frame(self, temporary: str, compressed: str) -> None:
        """Give the verified frame its name; FileExistsError when that is taken."""
        _install(temporary, compressed)

    def retire(self, plain: str, kept: str) -> None:
        """Take the plain name away; the file and its writers' descriptors live on."""
        rename_noreplace(plain, kept)

    def put_back(self, kept: str, plain: str) -> None:
        """Give a kept file its plain name again; FileExistsError when that is taken."""
        _install(kept, plain)

    def withdraw(self, compressed: str) -> None:
        """Take the compressed form away; the plain one holds all of it."""
        os.unlink(compressed)

    def set_aside(self, shadow: str, kept: str) -> None:
        """Take a plain name away from a file that hides the history."""
        rename_noreplace(shadow, kept)

    def name_plain(self, temporary: str, plain: str) -> None:
        """Give a decoded copy the plain name; FileExistsError when that is taken."""
        _install(temporary, plain)

    def append(self, fd: int, data: bytes) -> None:
        """Append; one write(2) unless the disk is full."""
        write_all(fd, data)

    def drop(self, kept: str) -> None:
        """Unlink a kept file whose every byte is in the thread's present form."""
        os.unlink(kept)

    def discard(self, temporary: str) -> None:
        """Unlink a temporary file; harmless when it is gone."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)

    def sync_file(self, fd: int) -> None:
        """Make a file's content durable."""
        os.fsync(fd)

    def sync_filesystem(self, fd: int) -> None:
        """Make everything on the filesystem of ``fd`` durable with one flush (syncfs(2))."""
        check(libc().syncfs(fd))

    def sync_directory(self, path: str) -> None:
        """Make a directory's names durable."""
        fsync_directory(path)


def rename_away(rename: Callable[[str, str], None], path: str, candidates: tuple[str, str]) -> str:
    """Rename to the store's own directory; in place where that is another filesystem.

    :param rename: :meth:`FileOps.retire` or :meth:`FileOps.set_aside`.
    :param candidates: as :meth:`Entry.candidates` gives them.
    :returns: the one that was taken.
    """
    beside, in_place = candidates
    try:
        rename(path, beside)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        rename(path, in_place)
        return in_place
    return beside


def _install(source: str, target: str) -> None:
    """Rename without replacing; by link and unlink where the filesystem cannot."""
    try:
        rename_noreplace(source, target)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOSYS}:
            raise
        os.link(source, target, follow_symlinks=False)
        os.unlink(source)
