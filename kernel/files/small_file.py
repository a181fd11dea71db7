"""Read a small file that somebody named, without waiting for one who may never write it."""

from __future__ import annotations

import errno
import os
import stat

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def read_small_file(path: str | os.PathLike[str], limit: int) -> bytes:
    """Return the content of a file, or of a pipe that has a writer.

    Of more than ``limit`` bytes, one more than that many. A pipe is read to its end, so
    this takes as long as its writer does.

    :raises OSError: it cannot be read, is a terminal, or a named pipe nobody writes to.
    """
    fd = os.open(path, _FLAGS)
    try:
        if os.isatty(fd):
            # We are no job of its own shell there: reading would stop us.
            raise OSError(errno.EINVAL, "is a terminal", os.fspath(path))
        data = _read_what_is_there(fd, path, limit + 1)
        os.set_blocking(fd, True)
        while len(data) <= limit and (more := os.read(fd, limit + 1 - len(data))):
            data += more
        return data
    finally:
        os.close(fd)


def _read_what_is_there(fd: int, path: str | os.PathLike[str], size: int) -> bytes:
    try:
        data = os.read(fd, size)
    except BlockingIOError:
        # A pipe with a writer, be it one that waited in open(2) for us.
        return b""
    if not data and _is_named_pipe(fd, path):
        raise OSError(errno.ENXIO, "is a named pipe that nobody writes to", os.fspath(path))
    return data


def _is_named_pipe(fd: int, path: str | os.PathLike[str]) -> bool:
    """Tell whether a pipe has a name; one without (``/dev/fd/63``) had its writer already."""
    return stat.S_ISFIFO(os.fstat(fd).st_mode) and os.path.lexists(os.path.realpath(path))
