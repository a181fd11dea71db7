"""Locks of a whole store, for all homes that share it: one sweeper, one change at a time.

codex's locks belong to a home. Two homes may link ``sessions`` to one directory and yet
have locks of their own. With codex's locks alone, two codexlabs could then work on one
rollout. So these locks lie beside the store itself, or in it where the user may write
nothing beside it. codex ignores these locks. Against a codex in such a
home only the file lease and the quiet period protect.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator

from ...kernel.errors import BusyError
from ...kernel.files.flock import try_lock, wait_lock
from ..store.directory_owner import make_directories, make_own_directory, open_shared
from .holders import Holder, describe_holders, lock_holders

# codex's own sweeper and its migration of histories hold this one (0.169.0).
MAINTENANCE = os.path.join(".tmp", "rollout-maintenance.lock")
# Homes that share a store have different maintenance locks; this one is the store's.
SWEEP_LOCK = "sweep.lock"
CHANGE_LOCK = "store.lock"
LOCK_FILES = frozenset({SWEEP_LOCK, CHANGE_LOCK})
_TIMEOUT = 10.0
_PAUSES = 0.001, 0.001


class SweeperBusyError(BusyError):
    """Another sweeper, or a migration of codex's, works on the store.

    :param path: the lock that is held.
    :param holders: the processes that hold it, as far as we may see them.
    """

    def __init__(self, path: str, holders: list[Holder]) -> None:
        self.path, self.holders = path, holders
        super().__init__(
            f"{path} is held by {describe_holders(holders)}:"
            " another sweep is at work; try again later"
        )


@contextlib.contextmanager
def sweep_locks(maintenance: str, ours: str) -> Generator[None]:
    """Be the store's only sweep, and stand aside for codex's.

    :param maintenance: the path of codex's lock.
    :param ours: the path of the store's.
    :raises SweeperBusyError: another sweep is at work.
    """
    make_directories(os.path.dirname(maintenance))
    make_own_directory(os.path.dirname(ours))
    with _held(maintenance, try_lock), _held(ours, try_lock):
        yield


@contextlib.contextmanager
def change_lock(path: str) -> Generator[None]:
    """Be the only codexlab that takes names of this store away or gives them.

    Held for milliseconds, last in the order of locks before a file lease. Its holder waits for
    nothing, so a wait for it with the others held cannot deadlock.

    :raises SweeperBusyError: it stayed held for 10 s.
    """
    make_own_directory(os.path.dirname(path))
    with _held(path, lambda fd: wait_lock(fd, _TIMEOUT, _PAUSES)):
        yield


@contextlib.contextmanager
def _held(path: str, take: Callable[[int], bool]) -> Generator[None]:
    fd = open_shared(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        if not take(fd):
            raise SweeperBusyError(path, lock_holders(path))
        yield
    finally:
        os.close(fd)
