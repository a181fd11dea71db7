"""A lock file and the record of who holds it, side by side in one directory."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

from ..kernel.files.atomic import replace_file
from ..kernel.files.flock import has_name, open_lock_file, try_lock, unlock
from .errors import PathRefused, WorkspaceBusy, operator_errors
from .fs import read_small, set_aside
from .owner import DamagedRecord, OwnerRecord, encode_owner, parse_owner

_PAGE = 4096


class LockRecord:
    """One lock file and the record of who held it, both in one directory."""

    def __init__(
        self,
        lock_fd: int,
        directory_fd: int,
        names: tuple[str, str],
        previous: OwnerRecord | None,
    ) -> None:
        self.lock_fd, self.directory_fd = lock_fd, directory_fd
        self.lock_name, self.record_name = names
        self.previous = previous

    def write(self, record: OwnerRecord) -> None:
        """Write the record, over the one before where both fit into one page.

        Not durable on purpose: after a power cut no survivor can exist. The kernel writes
        within a page whole, whoever is killed meanwhile. A reader without the lock may, in
        theory, see a part of each. What rests on that is a line for a person, a hint in the
        registry, or whose lock is tried. Whoever ends, frees or removes anything of a run reads
        again under the lock.
        """
        data = encode_owner(record)
        if not overwrite(self.record_name, self.directory_fd, data):
            replace_file(self.record_name, data, dir_fd=self.directory_fd, durable=False)

    def forget(self) -> None:
        """Delete both files, for good; whoever opened the lock meanwhile starts again.

        What is noted of a directory's git goes with them, where there is such a note.
        """
        note = f"{self.record_name.removesuffix('.json')}.yours.json"
        for name in (self.record_name, self.lock_name, note):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self.directory_fd)

    def close(self, *, free: bool) -> None:
        """Close both descriptors.

        :param free: unlock first, also where a child still holds a copy.
        """
        if free:
            unlock(self.lock_fd)
        os.close(self.lock_fd)
        os.close(self.directory_fd)


def overwrite(name: str, directory_fd: int, data: bytes) -> bool:
    """Write over a file of ours that is exactly as long; return False where there is none.

    A new file takes a hundred times as long. A rename over an old file makes ext4 write out the
    new file at once (``auto_da_alloc``, ext4(5)).
    """
    try:
        fd = os.open(
            name, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory_fd
        )
    except OSError:
        return False
    try:
        found = os.fstat(fd)
        # Another name of it could be somebody else's file.
        ours = stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_uid == os.geteuid()
        fits = found.st_size == len(data) <= _PAGE
        return ours and fits and os.pwrite(fd, data, 0) == len(data)
    finally:
        os.close(fd)


def hold(
    directory_fd: int, lock: str, record: str, where: Path, subject: Path, notes: list[str]
) -> LockRecord:
    """Lock ``lock`` in an open directory; the descriptor is owned by the result, or closed.

    :raises WorkspaceBusy: somebody else holds it.
    :raises FileNotFoundError: the directory was deleted meanwhile.
    """
    try:
        lock_fd = _take(lock, directory_fd, where)
        if lock_fd is None:
            raise WorkspaceBusy(subject, _holder(record, directory_fd, where))
        try:
            previous = _read_owner(record, directory_fd, where, notes)
        except BaseException:
            os.close(lock_fd)
            raise
    except BaseException:
        os.close(directory_fd)
        raise
    return LockRecord(lock_fd, directory_fd, (lock, record), previous)


def _take(name: str, directory_fd: int, where: Path) -> int | None:
    """Return a locked descriptor of the file that has the name *now*, or None when busy."""
    while True:
        fd = _open_lock(name, directory_fd, where / name)
        if not try_lock(fd):
            os.close(fd)
            return None
        if has_name(fd, name, directory_fd):
            return fd
        os.close(fd)


def _open_lock(name: str, directory_fd: int, where: Path) -> int:
    try:
        return open_lock_file(name, dir_fd=directory_fd)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR):
            raise PathRefused(where, "a lock file", "a link or directory") from None
        with operator_errors(where):
            raise


def _holder(record: str, directory_fd: int, where: Path) -> OwnerRecord | None:
    """Return the run that holds it; ``contained`` in a record means the run before."""
    try:
        owner = parse_owner(read_small(record, directory_fd, where / record) or b"")
    except DamagedRecord:
        return None
    return None if owner.contained else owner


def _read_owner(
    record: str, directory_fd: int, where: Path, notes: list[str]
) -> OwnerRecord | None:
    data = read_small(record, directory_fd, where / record)
    if data is None:
        return None
    try:
        return parse_owner(data)
    except DamagedRecord:
        # Written within a page, or by rename: only a power cut tears it, nothing survived that.
        notes.append(f"{where / record}: damaged, kept as {set_aside(record, directory_fd)}")
        return None
