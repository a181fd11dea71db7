"""Finish or undo whatever a crash at any step left behind."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from ...kernel.errors import BusyError, CodexlabError
from ...kernel.files.flock import try_lock
from ..compression.compress import TEMPORARY_PREFIX
from ..operations.file_ops import FileOps
from ..operations.handle import StoreHandle
from ..operations.journal import UNFINISHED_SUFFIX
from ..operations.result import Outcome, Result
from ..store.rollout_ref import RolloutRef
from ..store.scan import StoreScan, scan_store
from .materialize import MATERIALIZE_PREFIX, DisagreementError
from .pair import resolve_pair
from .retired import SettleOptions, settle

_UNFINISHED = re.compile(rf"[0-9a-f]{{8}}{re.escape(UNFINISHED_SUFFIX)}")


def recover(
    store: StoreHandle,
    options: SettleOptions = SettleOptions(),  # noqa: B008 -- frozen
    scan: StoreScan | None = None,
) -> Iterator[Result]:
    """Settle pairs, then kept files; remove temporary files whose maker is gone.

    Whatever cannot be settled now is reported and stays.

    :param scan: the store as it was found just before; by default it is looked at now.
    """
    rollouts = (scan or scan_store(store.home)).rollouts
    if not options.dry_run:
        for directory in {found.directory for found in rollouts}:
            discard_ownerless(directory, store.ops)
        if not os.path.islink(store.kept):
            discard_ownerless(store.kept, store.ops)
    for found in rollouts:
        if found.plain_seen and found.compressed_seen:
            yield _resolve(store, store.rollout(found.path), options)
    yield from settle(store, options)


def discard_ownerless(directory: str, ops: FileOps) -> int:
    """Remove our temporary files in a directory that no living process has locked."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return 0
    ours = [os.path.join(directory, name) for name in names if is_temporary(name)]
    return sum(_discard_unlocked(path, ops) for path in ours)


def is_temporary(name: str) -> bool:
    """Tell whether a file name is one of our temporary names, never codex's."""
    if name.startswith((TEMPORARY_PREFIX, MATERIALIZE_PREFIX)):
        return name.endswith(".tmp")
    return _UNFINISHED.fullmatch(name) is not None


def _discard_unlocked(path: str, ops: FileOps) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if not try_lock(fd):
            return False
        ops.discard(path)
        return True
    finally:
        os.close(fd)


def _resolve(store: StoreHandle, rollout: RolloutRef, options: SettleOptions) -> Result:
    if options.dry_run:
        return Result(rollout, Outcome.WOULD, "would settle two forms")
    try:
        return resolve_pair(store, rollout, rest=options.rest)
    except (BusyError, DisagreementError) as error:  # a shadow came meanwhile: look again later
        return Result(rollout, Outcome.WAITING, str(error))
    except (OSError, CodexlabError) as error:
        return Result(rollout, Outcome.FAILED, str(error))
