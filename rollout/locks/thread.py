"""The writer lease of a thread: codex's own lock protocol, byte for byte.

The locks lie in ``thread-writer-locks`` of a codex home (codex 0.150 and later, measured
with 0.169.0). A process holds ``.coordination.lock`` while it takes or drops a thread's
lock. ``<thread>.lock`` is held, by flock, for as long as the thread has a writer::

    take:  coordination -> open or create <thread>.lock -> try flock -> drop coordination
    drop:  coordination -> unlink <thread>.lock -> close it -> drop coordination

A lock file that exists says nothing; only a held flock does. Unlinking one outside
the coordination lock would let two writers each hold a file of that name.

**Order.** A process waits for coordination only while it holds at most a thread lock. A
thread lock is only ever tried. So the holder of coordination waits for nothing, and
nobody waits for ever.

Not promised: exclusion of a codex older than 0.150, or of a program that takes no locks. Nor
that of another home whose ``thread-writer-locks`` is not linked to this one. The kernel's file
lease sees those.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator
from typing import Self

from ...kernel.errors import BusyError, OperatorError
from ...kernel.files.flock import try_lock, wait_lock
from ..store.directory_owner import make_directories, open_shared
from ..store.names import is_thread_id
from .holders import Holder, describe_holders, lock_holders

LOCK_DIRECTORY = "thread-writer-locks"
COORDINATION = ".coordination.lock"
# codex gives up on the coordination lock after 30 s; so do we.
COORDINATION_TIMEOUT = 30.0

# As codex waits.
_PAUSES = 0.0005, 0.02


class ThreadBusyError(BusyError):
    """A thread has an active writer.

    :param thread: its id.
    :param holders: the processes that hold its lock, as far as we may see them.
    """

    def __init__(self, thread: str, holders: list[Holder]) -> None:
        self.thread, self.holders = thread, holders
        super().__init__(
            f"thread {thread} has an active writer: {describe_holders(holders)};"
            " end it or wait for it"
        )


class CoordinationBusyError(BusyError):
    """The coordination lock of a codex home stayed held."""

    def __init__(self, path: str, seconds: float, holders: list[Holder]) -> None:
        self.path, self.seconds, self.holders = path, seconds, holders
        super().__init__(
            f"{path} was held for {seconds:g} s by {describe_holders(holders)}; try again later"
        )


class LockDirectoryError(OperatorError):
    """codex's lock directory cannot be used."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"cannot use codex's lock directory {path}: {reason}")


class Coordination:
    """The coordination lock, held. Made by :meth:`ThreadLocks.coordination`."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def is_writer_active(self, thread: str) -> bool:
        """Tell whether somebody holds the thread's lock.

        While coordination is held the answer "nobody" stays true.
        """
        try:
            fd = os.open(_lock_path(self._directory, thread), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            return not try_lock(fd)
        finally:
            os.close(fd)

    def writer_check(self) -> Callable[[str], bool]:
        """Return :meth:`is_writer_active` for many threads, good while this is held.

        A held lock keeps its name for as long as coordination is held. So one look at
        the directory tells which threads have a lock file.
        """
        names = frozenset(os.listdir(self._directory))
        return lambda thread: _lock_name(thread) in names and self.is_writer_active(thread)

    def take(self, thread: str) -> int | None:
        """Take the thread's lock.

        :returns: the descriptor that holds it, or None when somebody else does.
        """
        # Mode as codex's own: the umask decides who shares a store.
        fd = open_shared(_lock_path(self._directory, thread), os.O_RDWR | os.O_CREAT, 0o666)
        if try_lock(fd):
            return fd
        os.close(fd)
        return None

    def sweep(self) -> int:
        """Unlink the lock files nobody holds, as codex does when it starts.

        :returns: how many there were.
        """
        return sum(map(self._unlink_unheld, os.listdir(self._directory)))

    def _unlink_unheld(self, file_name: str) -> bool:
        thread, extension = os.path.splitext(file_name)
        if extension != ".lock" or not is_thread_id(thread) or self.is_writer_active(thread):
            return False
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self._directory, file_name))
        return True


class ThreadLease:
    """A thread's writer lease, held. Made by :meth:`ThreadLocks.lease`.

    Release it before codex is started on the thread: codex wants it for itself.
    """

    def __init__(self, locks: ThreadLocks, thread: str, fd: int) -> None:
        self.thread = thread
        self._locks = locks
        self._fd: int | None = fd

    def release(self) -> None:
        """Give the lease up; a second call does nothing.

        When coordination cannot be had the flock is dropped all the same and the
        unheld file stays for the next sweep, ours or codex's.
        """
        fd, self._fd = self._fd, None
        if fd is None:
            return
        try:
            with self._locks.coordination():
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(_lock_path(self._locks.directory, self.thread))
                os.close(fd)
                fd = None
        except CoordinationBusyError:
            pass
        finally:
            if fd is not None:
                os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class ThreadLocks:
    """The locks of one codex home, at the directory its link finally names.

    :param home: a codex home; its lock directory is made when missing, so that a
        codex that starts meanwhile meets us there.
    :raises LockDirectoryError: it cannot be made or entered.
    """

    def __init__(self, home: str | os.PathLike[str]) -> None:
        self.directory = os.path.realpath(os.path.join(home, LOCK_DIRECTORY))
        try:
            make_directories(self.directory)
        except OSError as error:
            raise LockDirectoryError(self.directory, error.strerror or str(error)) from error

    @contextlib.contextmanager
    def coordination(self, timeout: float | None = None) -> Generator[Coordination]:
        """Hold the coordination lock: no codex of this home starts or ends a writer.

        Hold it for milliseconds only: codex fails after 30 s without it.

        :param timeout: seconds to wait for it; by default as long as codex does.
        :raises CoordinationBusyError: it stayed held.
        :raises LockDirectoryError: it cannot be opened.
        """
        timeout = COORDINATION_TIMEOUT if timeout is None else timeout
        path = os.path.join(self.directory, COORDINATION)
        try:
            fd = open_shared(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise LockDirectoryError(self.directory, error.strerror or str(error)) from error
        try:
            if not wait_lock(fd, timeout, _PAUSES):
                raise CoordinationBusyError(path, timeout, lock_holders(path))
            yield Coordination(self.directory)
        finally:
            os.close(fd)

    def lease(self, thread: str, *, timeout: float | None = None) -> ThreadLease:
        """Become the thread's writer, or say who is.

        :param thread: the thread's id.
        :param timeout: seconds to wait for coordination; the thread itself is never
            waited for.
        :raises ThreadBusyError: somebody else writes it.
        :raises CoordinationBusyError: coordination could not be had in time.
        """
        with self.coordination(timeout) as coordination:
            fd = coordination.take(thread)
        if fd is None:
            raise ThreadBusyError(thread, self.holders(thread))
        return ThreadLease(self, thread, fd)

    def holders(self, thread: str) -> list[Holder]:
        """Return who holds the thread's lock, as far as we may see."""
        return lock_holders(_lock_path(self.directory, thread))


def _lock_name(thread: str) -> str:
    return f"{thread}.lock"


def _lock_path(directory: str, thread: str) -> str:
    return os.path.join(directory, _lock_name(thread))
