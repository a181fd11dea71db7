"""Finish what a crash left, and move damaged and left-over frames aside; no frame is deleted."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..operations.file_ops import rename_away
from ..operations.handle import StoreHandle
from ..operations.result import DoubtedJournal, Outcome, Result
from ..reading.snapshot import NotARolloutFileError
from ..reconcile.decide import Relation
from ..reconcile.inspect import fingerprint, inspect
from ..reconcile.recover import recover
from ..reconcile.retired import SettleOptions
from ..store.directory_owner import make_own_directory
from ..store.names import COMPRESSED_SUFFIX
from ..store.rollout_ref import RolloutRef
from .duplicates import move_duplicates_aside

DAMAGED = "damaged-"


def repair(store: StoreHandle, *, dry_run: bool = False) -> Iterator[Result]:
    """Finish what a crash left; move damaged and left-over frames out of the way.

    :param dry_run: say what would be done, and change nothing.
    :returns: a result for everything that was found unfinished. A damaged frame goes to
        the directory of kept files, and so does a frame of which the other root holds all
        bytes. No frame is deleted. A frame that is the only form stays in its place.
    """
    for result in recover(store, SettleOptions(dry_run=dry_run)):
        if isinstance(result.about, DoubtedJournal):
            yield result
        else:
            yield _move_damaged(store, result.about, dry_run) or result
    yield from move_duplicates_aside(store, dry_run=dry_run)


def _move_damaged(store: StoreHandle, rollout: RolloutRef, dry_run: bool) -> Result | None:
    """Move a damaged frame aside; None if a form is missing or the frame is intact."""
    try:
        seen = inspect(rollout.path, rollout.compressed_path, 0, store.ops)
    except NotARolloutFileError:
        return None
    if seen is None or seen.relation is not Relation.UNREADABLE:
        return None
    if dry_run:
        return Result(rollout, Outcome.WOULD, "would move its damaged frame aside")
    make_own_directory(store.kept)
    name = f"{DAMAGED}{seen.other[1]}{COMPRESSED_SUFFIX}"
    targets = (os.path.join(store.kept, name), os.path.join(rollout.directory, f".{name}"))
    with store.exclusive():
        if fingerprint(rollout.compressed_path) != seen.other or fingerprint(rollout.path) is None:
            return None
        target = rename_away(store.ops.set_aside, rollout.compressed_path, targets)
    return Result(rollout, Outcome.SETTLED, f"its damaged frame is at {target}")
