"""Open directories without following a link that somebody may have put in their place."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator

_FOLLOWED = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
DIRECTORY = _FOLLOWED | os.O_NOFOLLOW


def open_directory(name: str | os.PathLike[str], dir_fd: int | None = None) -> int:
    """Open a directory that is no link.

    :returns: a descriptor, closed on exec; the caller closes it.
    :raises OSError: it is missing, a link (ELOOP) or no directory (ENOTDIR).
    """
    return os.open(name, DIRECTORY, dir_fd=dir_fd)


@contextlib.contextmanager
def directory_below(path: str, base: str) -> Generator[int, None, None]:
    """Hold a directory open for a block.

    :param base: the user's own setting, which may lie behind links. Where ``path`` is below
        it, each part after it is opened by itself and is no link; elsewhere its last two are.
    :raises OSError: something on the way is missing, a link or no directory.
    """
    top, names = _parted(path, base)
    fd = os.open(top, _FOLLOWED)
    try:
        for name in names:
            inner = open_directory(name, fd)
            os.close(fd)
            fd = inner
        yield fd
    finally:
        os.close(fd)


def _parted(path: str, base: str) -> tuple[str, list[str]]:
    if base and path.startswith(f"{base}/"):
        return base, [name for name in path[len(base) :].split("/") if name]
    above, name = os.path.split(path)
    top, parent = os.path.split(above)
    return top, [name for name in (parent, name) if name]
