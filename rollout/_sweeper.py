"""One sweeper per store, ours or codex's."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator

from ..kernel import BusyError, open_lock_file, try_lock
from ._holders import Holder, lock_holders
from ._places import Places

# codex's own sweeper and its migration of histories hold this one (0.169.0).
MAINTENANCE = os.path.join(".tmp", "rollout-maintenance.lock")
# Homes that share a store have different maintenance locks; this one lies beside it.
_OURS = "sweep.lock"


class SweeperBusyError(BusyError):
    """Another sweeper, or a migration of codex's, works on the store.

    :param path: the lock that is held.
    :param holders: the processes that hold it, as far as we may see them.
    """

    def __init__(self, path: str, holders: list[Holder]) -> None:
        self.path, self.holders = path, holders
        who = ", ".join(map(str, holders)) or "a process we may not look at"
        super().__init__(f"{path} is held by {who}: another sweep is at work; try again later")


@contextlib.contextmanager
def only_sweeper(places: Places) -> Generator[None]:
    """Be the store's only sweeper, and stand aside for codex's.

    :raises SweeperBusyError: somebody else is.
    """
    os.makedirs(os.path.join(places.home, os.path.dirname(MAINTENANCE)), exist_ok=True)
    os.makedirs(places.kept, mode=0o700, exist_ok=True)
    with (
        _held(os.path.join(places.home, MAINTENANCE)),
        _held(os.path.join(places.kept, _OURS)),
    ):
        yield


@contextlib.contextmanager
def _held(path: str) -> Generator[None]:
    fd = open_lock_file(path)
    try:
        if not try_lock(fd):
            raise SweeperBusyError(path, lock_holders(path))
        yield
    finally:
        os.close(fd)
