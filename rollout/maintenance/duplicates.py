"""Find rollouts that lie in both roots, and move aside the form that is provably a leftover.

codex's ``archive`` and ``unarchive`` move one file. Both forms exist at that moment if
codex's own compressor was killed between publishing and unlinking. Then the frame stays
behind and comes up again as a second thread of the same id.

**Invariant.** Only a frame is moved aside, and only while the form in the other root holds all
of its bytes. They were just compared, and the file is still the same. Two plain files, or two
equal frames, do not tell which of them their owner means. They stay and are reported. A plain
file is never moved, for somebody may write to it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator

from ..operations.file_ops import FileOps, rename_away
from ..operations.handle import StoreHandle
from ..operations.result import Outcome, Result
from ..reconcile.decide import Relation, describe_relation
from ..reconcile.inspect import PAIR_REST, Inspection, fingerprint, inspect
from ..store.directory_owner import make_own_directory
from ..store.names import COMPRESSED_SUFFIX
from ..store.rollout_ref import RolloutRef
from ..store.scan import scan_store

LEFTOVER = "leftover-"


def duplicates(rollouts: Iterable[RolloutRef]) -> Iterator[tuple[RolloutRef, RolloutRef]]:
    """Yield rollouts of one name that lie in two places, each with the first of them."""
    seen: dict[str, RolloutRef] = {}
    for rollout in rollouts:
        first = seen.setdefault(os.path.basename(rollout.path), rollout)
        if first is not rollout:
            yield first, rollout


def move_duplicates_aside(
    store: StoreHandle,
    *,
    rest: float = PAIR_REST,
    dry_run: bool = False,
) -> Iterator[Result]:
    """Move frames aside that the other root's form holds all of; report every other twin.

    :param rest: seconds for which neither must have changed: codex may be moving them.
    :param dry_run: say what would be done, and change nothing.
    """
    rollouts = [store.rollout(found.path) for found in scan_store(store.home).rollouts]
    for first, second in duplicates(rollouts):
        yield _move_one_aside(store, (first, second), rest, dry_run)


def describe_duplicate(rollout: RolloutRef, other: RolloutRef, ops: FileOps) -> str:
    """Describe where the other rollout is, and how their contents relate."""
    files = _only_form(rollout), _only_form(other)
    seen = inspect(files[0], files[1], 0, ops) if files[0] and files[1] else None
    relation = f"; it {describe_relation(seen.relation)} that file" if seen else ""
    return f"also {other.path}{relation}"


def _move_one_aside(
    store: StoreHandle, pair: tuple[RolloutRef, RolloutRef], rest: float, dry_run: bool
) -> Result:
    first, second = pair
    for rollout, other in ((first, second), (second, first)):
        frame, holder = _only_form(rollout), _only_form(other)
        if not frame or not holder:
            return Result(rollout, Outcome.WAITING, "a form of it is unsettled, or just moved")
        if not frame.endswith(COMPRESSED_SUFFIX):
            continue
        seen = inspect(frame, holder, 0, store.ops)
        if seen is not None and _is_leftover(seen, holder):
            if min(map(_quiet, (frame, holder))) < rest:
                return Result(rollout, Outcome.WAITING, "it is too new to be a leftover")
            if dry_run:
                return Result(rollout, Outcome.WOULD, f"would move {frame} aside")
            return _move_aside(store, rollout, frame, holder, seen)
    return Result(
        second, Outcome.REPORTED, f"{describe_duplicate(second, first, store.ops)}; both stay"
    )


def _is_leftover(seen: Inspection, holder: str) -> bool:
    if seen.relation is Relation.SAME:
        return not holder.endswith(COMPRESSED_SUFFIX)
    return seen.relation is Relation.WITHIN


def _move_aside(
    store: StoreHandle,
    rollout: RolloutRef,
    frame: str,
    holder: str,
    seen: Inspection,
) -> Result:
    make_own_directory(store.kept)
    name = f"{LEFTOVER}{seen.file[1]}{COMPRESSED_SUFFIX}"
    targets = (os.path.join(store.kept, name), os.path.join(rollout.directory, f".{name}"))
    with store.exclusive() as coordination:
        if coordination.is_writer_active(rollout.thread_id):
            return Result(rollout, Outcome.WAITING, "the thread has an active writer")
        held = fingerprint(holder)
        same = held is not None and held[:2] == seen.other[:2] and held[2] >= seen.other[2]
        if not same or fingerprint(frame) != seen.file:
            return Result(rollout, Outcome.CHANGED, "it changed meanwhile")
        target = rename_away(store.ops.set_aside, frame, targets)
    return Result(rollout, Outcome.SETTLED, f"{holder} holds all of its frame, now at {target}")


def _only_form(rollout: RolloutRef) -> str:
    """Return the path of the only form; "" where there are two or none."""
    forms = [path for path in (rollout.path, rollout.compressed_path) if os.path.lexists(path)]
    return forms[0] if len(forms) == 1 else ""


def _quiet(path: str) -> float:
    try:
        return max(0.0, time.time() - os.lstat(path).st_ctime)
    except FileNotFoundError:
        return 0.0
