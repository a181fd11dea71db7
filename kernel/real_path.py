"""Where a path leads once its links are followed, by one look of the kernel's.

``os.path.realpath`` asks for each part of a path in Python, and a launch asks two dozen times.
"""

from __future__ import annotations

import os

_GONE = " (deleted)"


def real_path(path: str | os.PathLike[str]) -> str:
    """Return what ``os.path.realpath`` returns of an absolute path.

    :param path: need not exist.
    """
    try:
        # Such a descriptor opens nothing: neither device nor fifo notices (open(2), O_PATH).
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return os.path.realpath(path)
    try:
        real = os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        real = ""  # no /proc, or that of other processes
    finally:
        os.close(fd)
    # The kernel adds to the name of what was removed meanwhile (proc(5)).
    is_plain = real.startswith("/") and not real.endswith(_GONE)
    return real if is_plain else os.path.realpath(path)
