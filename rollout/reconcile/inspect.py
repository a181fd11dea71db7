"""Inspect a rollout as it lies now: its forms, its files, and whether anybody can write."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from ...kernel.files.lease import LeaseAnswer
from ..codec.decode import BeyondMeasureError, DamagedFrameError
from ..operations.file_ops import FileOps
from ..operations.handle import StoreHandle
from ..reading.snapshot import open_regular
from ..store.rollout_ref import RolloutRef
from ..store.scan import scan_store
from .compare import Comparison, compare
from .decide import Forms, Relation, relate

Fingerprint = tuple[int, int, int]
"""Device, inode and size: what tells one version of an append-only file from another."""

PAIR_REST = 10.0
"""Seconds after which both forms of a rollout are a leftover, not a codex at work."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """A file whose content was compared, and with what.

    :param file: fingerprint of the first file before it was read.
    :param other: fingerprint of the second.
    :param comparison: None when the second does not decode, or was not read to its end.
    :param written: somebody could write to the first file just before.
    """

    file: Fingerprint
    other: Fingerprint
    relation: Relation
    comparison: Comparison | None
    written: bool


def fingerprint(path: str | int) -> Fingerprint | None:
    """Return a file's fingerprint, or None when it is gone. A link is not followed."""
    try:
        stat = os.fstat(path) if isinstance(path, int) else os.lstat(path)
    except FileNotFoundError:
        return None
    return (stat.st_dev, stat.st_ino, stat.st_size)


def forms_of(rollout: RolloutRef) -> Forms:
    """Return which forms exist. Plain is looked at again: it may have come meanwhile."""
    plain = os.path.lexists(rollout.path)
    compressed = os.path.lexists(rollout.compressed_path)
    plain = plain or os.path.lexists(rollout.path)
    if plain:
        return Forms.BOTH if compressed else Forms.PLAIN
    return Forms.COMPRESSED if compressed else Forms.NONE


def locate(store: StoreHandle, rollout: RolloutRef) -> tuple[RolloutRef, Forms]:
    """Find a rollout where it was, or where codex or anybody else has moved it."""
    for place in (rollout, store.other_place(rollout)):
        if (forms := forms_of(place)) is not Forms.NONE:
            return place, forms
    file_name = os.path.basename(rollout.path)
    for found in scan_store(store.home).rollouts:
        if found.name.plain_name == file_name:
            place = store.rollout(found.path)
            return place, forms_of(place)
    return rollout, Forms.NONE


def can_be_written(path: str, ops: FileOps) -> bool:
    """Tell whether anybody can write to the file now; by its lease where there is one."""
    fd = open_regular(path)
    try:
        answer = ops.take_read_lease(fd)
        ops.release_read_lease(fd)
    finally:
        os.close(fd)
    if answer is LeaseAnswer.UNAVAILABLE:
        return ops.has_writers(path)
    return answer is LeaseAnswer.BUSY


def inspect(path: str, other: str, base: int, ops: FileOps) -> Inspection | None:
    """Compare a file with another form; None when one of them is gone meanwhile.

    :param base: how many bytes both once began with.
    """
    before, beside = fingerprint(path), fingerprint(other)
    if before is None or beside is None:
        return None
    written = False
    try:
        written = can_be_written(path, ops)
        comparison = compare(path, other)
    except FileNotFoundError:
        return None
    except DamagedFrameError:
        return Inspection(before, beside, Relation.UNREADABLE, None, written)
    except BeyondMeasureError:
        return Inspection(before, beside, Relation.REFUSED, None, written)
    return Inspection(before, beside, relate(comparison, base), comparison, written)


def is_durable(path: str, seen: Fingerprint, ops: FileOps) -> bool:
    """Make a file that was compared outlive a power cut, before it becomes the only form.

    Not to be done under locks that anybody waits for: a disk may take long.

    :param seen: its fingerprint before it was compared; growth since is no matter.
    :returns: False when the name leads to another file, or to none.
    """
    try:
        fd = open_regular(path)
    except FileNotFoundError:
        return False
    try:
        now = fingerprint(fd)
        if now is None or now[:2] != seen[:2] or now[2] < seen[2]:
            return False
        ops.sync_file(fd)
        ops.sync_directory(os.path.dirname(path))
        return True
    finally:
        os.close(fd)


def idle_seconds(rollout: RolloutRef) -> float:
    """Return for how many seconds nothing changed; a clock set back counts as none."""
    try:
        changed = max(os.lstat(path).st_ctime for path in (rollout.path, rollout.compressed_path))
    except FileNotFoundError:
        return 0.0
    return max(0.0, time.time() - changed)
