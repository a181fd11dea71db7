"""Files that are either the old one or the new one, also after a power cut."""

from __future__ import annotations

import contextlib
import os

from .home_owner import give_named


def fsync_directory(path: str | int) -> None:
    """Make the names in a directory durable; ``path`` may be a descriptor of it."""
    if isinstance(path, int):
        os.fsync(path)
        return
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write every byte; a short write is continued."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def replace_file(
    name: str, data: bytes, *, dir_fd: int | None = None, mode: int = 0o600, durable: bool = True
) -> None:
    """Replace ``name`` by a new file with this content, or leave it untouched.

    :param name: a plain name below ``dir_fd``, or a path when ``dir_fd`` is None.
    :param durable: fsync file and directory; without it a crash of the machine
        may still show the old content or, on some filesystems, an empty file.
    :raises OSError: whatever the filesystem says; the temporary file is gone then.

    A symbolic link at ``name`` is replaced, not followed.
    """
    directory, last = os.path.split(name)
    temporary = os.path.join(directory, f".{last}.{os.urandom(6).hex()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(temporary, flags, mode, dir_fd=dir_fd)
    try:
        try:
            os.fchmod(fd, mode)
            write_all(fd, data)
            if durable:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(temporary, name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=dir_fd)
        raise
    give_named(name, dir_fd)
    if durable:
        fsync_directory(dir_fd if dir_fd is not None else directory or ".")
