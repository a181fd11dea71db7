"""List this process's descriptors, wait for one, and make sure that the first three exist."""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Iterable

from ..errors import OperatorError

_MOST_DESCRIPTORS = 65536


def descriptors_given() -> frozenset[int]:
    """Return the caller's descriptors; to be asked before anything of ours is opened."""
    given: set[int] = set()
    for fd in open_descriptors():
        with contextlib.suppress(OSError):
            os.fstat(fd)
            given.add(fd)
    return frozenset(given)


def open_descriptors() -> Iterable[int]:
    """Return every descriptor that is open, and some that are not."""
    try:
        return [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        import resource

        return range(min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], _MOST_DESCRIPTORS))


def is_ready(fd: int, seconds: float = 0.0, events: int = select.POLLIN) -> bool:
    """Wait for this long at most, and tell whether a descriptor is ready, hung up or invalid.

    A pidfd is readable once all threads of its process have ended.

    :param events: those of poll(2) that are waited for.
    """
    poll = select.poll()
    poll.register(fd, events)
    return bool(poll.poll(seconds * 1000))


def open_standard_descriptors() -> None:
    """Make 0, 1 and 2 exist: a descriptor opened later must not become our stdout.

    :raises OperatorError: there is no /dev/null, which every command needs sooner or later.
    """
    try:
        while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
            os.set_inheritable(fd, True)
    except OSError as error:
        message = (
            f"{os.devnull}: {error.strerror}; expected the null device: mount /dev,"
            f" or make it with 'mknod -m 666 {os.devnull} c 1 3'"
        )
        raise OperatorError(message) from None
    os.close(fd)
