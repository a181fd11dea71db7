"""Read and append to regular files that an agent may have replaced by anything.

Every read of ours below a workspace goes through here. A fifo would be waited for, and a device
read for ever. A sparse file of 60 GB takes all memory. A link leads to a file that its maker
may not read. Each is an ``OSError`` at once instead.
"""

from __future__ import annotations

import errno
import os
import stat

_FLAGS = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CHUNK = 1 << 16
SMALL = 16 * 1024 * 1024
# What open(2) or fstat(2) say of something that is no regular file of the allowed size.
NOT_REGULAR = frozenset({errno.ELOOP, errno.ENXIO, errno.EINVAL, errno.EFBIG, errno.EISDIR})


def open_regular(
    name: str | os.PathLike[str],
    flags: int = os.O_RDONLY,
    *,
    dir_fd: int | None = None,
    follow: bool = False,
) -> int:
    """Open an existing regular file, without waiting for anybody.

    :param name: a path, or a plain name below ``dir_fd``.
    :param flags: how to open it; the ones against waiting and links are added.
    :param follow: go through a symbolic link at ``name``: for files of the user and of git,
        which may be links. What the link leads to is looked at before it is opened.
    :returns: a descriptor, closed on exec; the caller closes it.
    :raises OSError: it is missing, cannot be opened, or is no regular file (an errno of
        ``NOT_REGULAR``).
    """
    if follow:
        # A device may do something at the mere opening; a link can name each.
        _check(os.stat(name, dir_fd=dir_fd), name)
    else:
        flags |= os.O_NOFOLLOW
    fd = os.open(name, flags | _FLAGS, dir_fd=dir_fd)
    try:
        _check(os.fstat(fd), name)
    except OSError:
        os.close(fd)
        raise
    return fd


def create_file(name: str | os.PathLike[str], dir_fd: int | None = None) -> int:
    """Make a file that only its owner may read, and open it for writing.

    :returns: a descriptor, closed on exec; the caller closes it.
    :raises FileExistsError: something has the name, be it a link that leads nowhere.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(name, flags, 0o600, dir_fd=dir_fd)


def read_regular(
    name: str | os.PathLike[str],
    limit: int = SMALL,
    *,
    dir_fd: int | None = None,
    follow: bool = False,
) -> bytes:
    """Return the content of a regular file of at most ``limit`` bytes.

    :param limit: 16 MiB by default, which no record, setting or file of git's comes near.
    :param name, dir_fd, follow: as for `open_regular`.
    :raises OSError: as for `open_regular`, and for a larger file (EFBIG).
    """
    fd = open_regular(name, dir_fd=dir_fd, follow=follow)
    try:
        size = os.fstat(fd).st_size
        if size > limit:
            raise _too_large(name, limit)
        # Room for what is there, not for the most there may be: that would be mapped anew.
        data = os.read(fd, size + 1)
        while len(data) <= limit and (more := os.read(fd, _CHUNK)):
            data += more
    finally:
        os.close(fd)
    if len(data) > limit:
        raise _too_large(name, limit)
    return data


def read_regular_if_any(
    name: str | os.PathLike[str],
    limit: int = SMALL,
    *,
    dir_fd: int | None = None,
    follow: bool = False,
) -> bytes | None:
    """Return the result of `read_regular`, or None where there is no file of that name."""
    try:
        return read_regular(name, limit, dir_fd=dir_fd, follow=follow)
    except FileNotFoundError:
        return None


def read_both_ends(
    name: str | os.PathLike[str], size: int, *, dir_fd: int | None = None
) -> tuple[bytes, bytes]:
    """Return the first and the last ``size`` bytes of a regular file, whatever is between.

    Nothing is returned twice: of a shorter file the second part is what the first left.

    :raises OSError: as for `open_regular`.
    """
    fd = open_regular(name, dir_fd=dir_fd)
    try:
        head = os.pread(fd, size, 0)
        start = max(len(head), os.fstat(fd).st_size - size)
        return head, os.pread(fd, size, start)
    finally:
        os.close(fd)


def _check(found: os.stat_result, name: str | os.PathLike[str]) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "expected a regular file", os.fspath(name))


def _too_large(name: str | os.PathLike[str], limit: int) -> OSError:
    return OSError(errno.EFBIG, f"expected at most {limit} bytes", os.fspath(name))
