"""Hear of changes in a directory (inotify(7)), without asking for them again and again."""

from __future__ import annotations

import os
from contextlib import suppress

from .libc import check, libc

_MODIFY = 0x2
_MOVED_TO = 0x80
_CREATE = 0x100
_DELETE_SELF = 0x400
_ONLYDIR = 0x1000000
_CHANGES = _MODIFY | _MOVED_TO | _CREATE | _DELETE_SELF | _ONLYDIR


class DirectoryWatch:
    """Is readable once something in a directory was made, renamed or written to.

    It tells nothing of what another machine does there.

    :param directory: a descriptor of it.
    :raises OSError: the user has too many of them, or the kernel none.
    """

    def __init__(self, directory: int) -> None:
        self.fd: int = libc().inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        check(self.fd)
        try:
            # Through the descriptor: the path may lead elsewhere by now.
            path = os.fsencode(f"/proc/self/fd/{directory}")
            check(libc().inotify_add_watch(self.fd, path, _CHANGES))
        except OSError:
            os.close(self.fd)
            raise

    def drain(self) -> None:
        """Take what was told up to now."""
        with suppress(BlockingIOError):
            while os.read(self.fd, 1 << 16):
                pass

    def close(self) -> None:
        """Hear no more."""
        os.close(self.fd)
